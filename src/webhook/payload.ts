/**
 * The body of a webhook: seven keys in a fixed order that receivers may rely on, then what is known besides.
 * Built once, when the notice is committed; every attempt sends the same bytes.
 */
import { toJson } from "../lib/json.ts";
import { cutText, excerpt } from "../lib/text.ts";
import type { Verified } from "../words/agent.ts";
import type { Standing } from "../words/budget.ts";
import type { KnownEvent } from "../words/notices.ts";
import type { WorkFigures } from "../words/workspace.ts";
import type { NoticeAccount } from "./limited.ts";

/** In UTF-16 units. Receivers get the whole text from the API. */
export const LAST_MESSAGE_MAX = 16_384;
/** Of the whole body. Ours takes 256 KiB, others less: a notice that is too large for its receiver tells nobody. */
export const BODY_MAX_BYTES = 200 * 1024;
const ERROR_MAX = 8192;
const TITLE_MAX = 4096;
const TAIL_MAX = 8192;
const RESULT_MAX = 65_536;
/** Of what is a word and no text: a code, a tool's name, an option. */
const WORD_MAX = 200;
const OPTIONS_MAX = 50;
const TURNS_MAX = 300;
/**
 * Letters that JSON escapes are six bytes each: when the whole is too large, each text is cut to a share of its limit.
 */
const SHARES = [1, 1 / 2, 1 / 4, 1 / 16, 0] as const;

export interface EndedTurn {
  readonly id: string;
  readonly outcome: string;
  readonly startedAt: string;
  readonly endedAt: string;
}

export interface NoticePermission {
  readonly id: string;
  readonly kind: string;
  readonly tool: string;
  readonly title: string;
  readonly options: readonly string[];
}

export interface Notice {
  readonly event: KnownEvent;
  readonly project: string;
  readonly agentId: string;
  readonly provider: string;
  readonly status: string;
  /** The last assistant message, whole; it is cut here. */
  readonly lastMessage: string | null;
  readonly timestampMs: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly turnId?: string;
  /** Turns ended since the last notice, oldest first. */
  readonly turns?: readonly EndedTurn[];
  readonly name?: string;
  /** The box that it works on, where there are several. */
  readonly node?: string;
  /** Of when the status is, where it is not of now. */
  readonly asOf?: string;
  readonly permission?: NoticePermission;
  /** What the check of the last turn said. */
  readonly verify?: Verified;
  /** What the last turn gave as its result. */
  readonly result?: unknown;
  /** What the agent's work comes to since it began, where it is kept. */
  readonly changes?: (WorkFigures & { readonly branch: string | null; readonly commits: number | null }) | null;
  /** They are still being saved: the API has them in a moment. */
  readonly pending?: true;
  readonly account?: NoticeAccount;
  readonly metadata?: Readonly<Record<string, string>>;
  /** The limit that is nearly reached, or is. */
  readonly budget?: Standing;
}

/** The JSON text that is stored, signed and sent. Never longer than `BODY_MAX_BYTES`, whatever it was made of. */
export function webhookBody(notice: Notice): string {
  for (const share of SHARES) {
    const body = bodyWithin(notice, share);
    if (Buffer.byteLength(body) <= BODY_MAX_BYTES) return body;
  }
  // Then its names and metadata alone are too large, which no schema of ours lets in.
  return bodyWithin({ ...notice, metadata: {} }, 0);
}

function bodyWithin(notice: Notice, share: number): string {
  const { event, agentId, status, lastMessage, timestampMs, metadata } = notice;
  const texts = [notice.project, notice.provider, notice.name, notice.node, notice.turnId];
  const [project, provider, name, node, turnId] = texts.map((each) =>
    each === undefined ? undefined : cutText(each, WORD_MAX),
  );
  const text = lastMessage === null ? null : cutText(lastMessage, LAST_MESSAGE_MAX * share);
  const error = notice.error && {
    code: cutText(notice.error.code, WORD_MAX),
    message: excerpt(notice.error.message, Math.max(WORD_MAX, ERROR_MAX * share)),
  };
  const permission = notice.permission && {
    id: notice.permission.id,
    kind: notice.permission.kind,
    tool: excerpt(notice.permission.tool, WORD_MAX),
    title: excerpt(notice.permission.title, Math.max(WORD_MAX, TITLE_MAX * share)),
    options: notice.permission.options.slice(0, OPTIONS_MAX).map((option) => excerpt(option, WORD_MAX)),
  };
  const verify = notice.verify && { ...notice.verify, tail: lastOf(notice.verify.tail, TAIL_MAX * share) };
  const account = notice.account && {
    ...notice.account,
    name: cutText(notice.account.name, WORD_MAX),
    scope: cutText(notice.account.scope, WORD_MAX),
  };
  const turns = notice.turns?.slice(-Math.max(1, Math.floor(TURNS_MAX * share)));
  return toJson({
    event,
    project,
    agentId,
    provider,
    status,
    lastMessage: text,
    timestamp: new Date(timestampMs).toISOString(),
    // JSON.stringify leaves out what is undefined.
    error,
    turnId,
    turns,
    name,
    node,
    asOf: notice.asOf,
    permission,
    verify,
    // Cut it would be another one: whole, or not at all.
    result: share === 1 && toJson(notice.result ?? null).length <= RESULT_MAX ? notice.result : undefined,
    changes: notice.changes,
    pending: notice.pending,
    account,
    budget: notice.budget,
    metadata,
    truncated: text !== lastMessage ? true : undefined,
  });
}

/** What was printed last says why. */
const lastOf = (text: string, max: number): string => (max < 1 ? "" : text.slice(-max));
