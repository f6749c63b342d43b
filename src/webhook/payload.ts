/**
 * The body of a webhook: seven keys in a fixed order that receivers may rely on, then what is known besides.
 * Built once, when the notice is committed; every attempt sends the same bytes.
 */
import { cutText } from "../lib/text.ts";
import type { KnownEvent } from "../words/notices.ts";

/** In UTF-16 units. Receivers get the whole text from the API. */
export const LAST_MESSAGE_MAX = 16_384;

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
  readonly permission?: NoticePermission;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The JSON text that is stored, signed and sent. */
export function webhookBody(notice: Notice): string {
  const { event, project, agentId, provider, status, lastMessage, timestampMs } = notice;
  const text = lastMessage === null ? null : cutText(lastMessage, LAST_MESSAGE_MAX);
  const { error, turnId, turns, name, permission, metadata } = notice;
  return JSON.stringify({
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
    permission,
    metadata,
    truncated: text !== lastMessage ? true : undefined,
  });
}
