/**
 * What a webhook says, as both sinks see it. The seven keys are checked strictly, because a sink that guesses posts
 * nonsense; the optional ones leniently, because a newer sender must not have its notices refused over a detail.
 */
import { check, isObject, nullable, object, optional, record, refined, string, type Issue } from "../lib/check.ts";
import { tryJson } from "../lib/json.ts";
import { BUDGET_KEYS, spentWords, unpricedWords } from "../words/budget.ts";
import type { KnownEvent } from "../words/notices.ts";
import { NOTICE_EVENTS, TEST_EVENT } from "../words/notices.ts";

export interface HarnessEvent {
  /** One of `NOTICE_EVENTS`, a newer `agent_…` one, or "test". */
  readonly event: string;
  readonly project: string;
  readonly agentId: string;
  readonly provider: string;
  readonly status: string;
  readonly lastMessage: string | null;
  /** Epoch ms. */
  readonly timestampMs: number;
  readonly name: string | null;
  /** The box that it works on, of a sender that belongs to a fleet. */
  readonly node: string | null;
  /** "code: message" */
  readonly error: string | null;
  /** What a person is asked, for `agent_waiting_input`. */
  readonly question: string | null;
  /** What a check said of the last turn: "passed", "did not pass (code 2)". */
  readonly verify: string | null;
  /** What the work comes to: "3 files, +10 -2, 1 commit on agent/shop/fix". */
  readonly changes: string | null;
  /** What the whole account waits for, as the end of "agent X …", for `agent_limited` and `agent_resumed`. */
  readonly account: string | null;
  /** What is spent of what, for `agent_budget`. */
  readonly budget: string | null;
  /** What the last turn gave as its result, as JSON, where its last message is not that very JSON. */
  readonly result: string | null;
  /** Of the last turn. */
  readonly durationMs: number | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** The sender cut `lastMessage`. */
  readonly truncated: boolean;
}

const word = (what: string) => string({ min: 1, max: 200, what });

const REQUIRED = object({
  event: string({
    pattern: /^(agent_[a-z][a-z_]{0,50}|test)$/,
    what: `${NOTICE_EVENTS.join(", ")} or ${TEST_EVENT}`,
  }),
  project: word("the project's name (1 to 200 characters)"),
  agentId: word("the agent's id (1 to 200 characters)"),
  provider: word("the provider's name (1 to 200 characters)"),
  status: word("the agent's status (1 to 200 characters)"),
  lastMessage: nullable(string()),
  timestamp: refined(string(), (text) =>
    isIsoTime(text) ? undefined : "an ISO 8601 time such as 2026-02-18T10:00:00.000Z",
  ),
  metadata: optional(record(string(), { maxKeys: 64 })),
});
const KEYS = Object.keys(REQUIRED.json["properties"] ?? {});

export type ReadEvent =
  { readonly ok: true; readonly event: HarnessEvent } | { readonly ok: false; readonly issues: readonly Issue[] };

/** `json` is the parsed body. Unknown keys are ignored. */
export function readEvent(json: unknown): ReadEvent {
  if (!isObject(json)) return { ok: false, issues: [{ path: "", message: "expected a JSON object" }] };
  const checked = check(
    REQUIRED,
    Object.fromEntries(KEYS.filter((key) => Object.hasOwn(json, key)).map((key) => [key, json[key]])),
  );
  if (!checked.ok) return checked;
  const { timestamp, metadata = {}, ...rest } = checked.value;
  return {
    ok: true,
    event: {
      ...rest,
      timestampMs: Date.parse(timestamp),
      name: text(json["name"]),
      node: text(json["node"]),
      error: readError(json["error"]),
      question: isObject(json["permission"])
        ? (text(json["permission"]["title"]) ?? text(json["permission"]["tool"]))
        : null,
      verify: readVerify(json["verify"]),
      changes: json["pending"] === true ? "still being saved" : readChanges(json["changes"]),
      account: readAccount(rest.event, json["account"]),
      budget: readBudget(json["budget"]),
      result: readResult(json["result"], rest.lastMessage),
      durationMs: readDuration(json["turns"]),
      metadata,
      truncated: json["truncated"] === true,
    },
  };
}

function isIsoTime(value: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value) && value.length <= 40 && !Number.isNaN(Date.parse(value));
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function readError(value: unknown): string | null {
  if (!isObject(value)) return text(value);
  const parts = [text(value["code"]), text(value["message"])].filter((part) => part !== null);
  return parts.length > 0 ? parts.join(": ") : null;
}

function readVerify(value: unknown): string | null {
  if (!isObject(value) || typeof value["passed"] !== "boolean") return null;
  const { passed, exitCode, attempts } = value;
  const again =
    typeof attempts === "number" && attempts > 0 ? `, told the agent ${attempts} time${attempts === 1 ? "" : "s"}` : "";
  if (passed) return `passed${again}`;
  return `did not pass${typeof exitCode === "number" ? ` (code ${exitCode})` : ""}${again}`;
}

/** null: nothing was changed, or it is not known. */
function readChanges(value: unknown): string | null {
  if (!isObject(value)) return null;
  const [files, insertions, deletions, commits = 0] = ["files", "insertions", "deletions", "commits"].map((key) =>
    isCount(value[key]) ? value[key] : undefined,
  );
  if (files === undefined || insertions === undefined || deletions === undefined || files + commits === 0) return null;
  const branch = text(value["branch"]);
  const made = commits === 0 ? "" : `, ${commits} ${commits === 1 ? "commit" : "commits"}`;
  return `${files} ${files === 1 ? "file" : "files"}, +${insertions} -${deletions}${made}${branch === null ? "" : ` on ${branch}`}`;
}

function readResult(value: unknown, lastMessage: string | null): string | null {
  if (value === undefined) return null;
  const told = JSON.stringify(value);
  // Most programs end with the result as their last words.
  return JSON.stringify(tryJson(lastMessage?.trim() ?? "")) === told ? null : told;
}

const isCount = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value) && value >= 0;

/** "claude-code account work is used up (five_hour), 7 agents wait, goes on at 02:05 UTC". */
function readAccount(event: string, value: unknown): string | null {
  if (!isObject(value)) return null;
  const [kind = "", ...name] = (text(value["name"]) ?? "").split(":");
  if (kind === "") return null;
  const who = name.length === 0 ? `account ${kind}` : `${kind} account ${name.join(":")}`;
  const agents = typeof value["agents"] === "number" && value["agents"] > 0 ? value["agents"] : 1;
  const wait = `${agents} ${agents === 1 ? "agent waits" : "agents wait"}`;
  if (event === "agent_resumed") return `${who} works again`;
  if (event !== "agent_limited") return who;
  const scope = text(value["scope"]);
  const at = text(value["resumesAt"]);
  const when =
    at === null || !isIsoTime(at) ? "" : `, ${value["guessed"] === true ? "tries again" : "goes on"} at ${hour(at)}`;
  return `${who} is at its limit${scope === null ? "" : ` (${scope})`}, ${wait}${when}`;
}

/** "02:05 UTC", with the day where it is another one than the event's: a person reads it elsewhere and later. */
function hour(at: string): string {
  const text = new Date(at).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}

function readDuration(turns: unknown): number | null {
  const last: unknown = Array.isArray(turns) ? turns.at(-1) : undefined;
  if (!isObject(last) || typeof last["startedAt"] !== "string" || typeof last["endedAt"] !== "string") return null;
  const ms = Date.parse(last["endedAt"]) - Date.parse(last["startedAt"]);
  return Number.isFinite(ms) && ms >= 0 ? ms : null;
}

/** `$4.10 of $5.00 of the project's day`; null for what a newer sender may limit. */
function readBudget(value: unknown): string | null {
  if (!isObject(value)) return null;
  const { key, used, limit, scope, unpricedTokens } = value;
  const known = BUDGET_KEYS.find((each) => each === key);
  if (known === undefined || typeof used !== "number" || typeof limit !== "number") return null;
  const of = `${spentWords(known, used)} of ${spentWords(known, limit)}${scope === "day" ? " of the project's day" : ""}`;
  return `${of}${typeof unpricedTokens === "number" ? unpricedWords(unpricedTokens) : ""}`;
}

/** `fix-login`, else the id: how people know the agent. */
export function agentLabel({ name, agentId }: HarnessEvent): string {
  return name ?? agentId;
}

/** What is worth saying of a check: that it failed is in the error already. */
export const checkText = ({ verify, error }: HarnessEvent): string | null =>
  verify === null || error !== null ? null : `check ${verify}`;

const VERBS: Readonly<Record<KnownEvent, string>> = {
  agent_completed: "completed",
  agent_error: "failed",
  agent_aborted: "was aborted",
  agent_exited: "exited",
  agent_waiting_input: "waits for an answer",
  agent_stalled: "makes no progress",
  agent_limited: "waits for its account's allowance",
  agent_resumed: "goes on after waiting for its allowance",
  agent_budget: "has spent its budget, or nearly",
  agent_unreachable: "cannot be reached",
  test: "sends a test event",
};

/** A word of our own time, not of a newer sender. */
export function isKnown(event: string): event is KnownEvent {
  return Object.hasOwn(VERBS, event);
}

/** What happened, as the end of "agent X …". */
export function eventVerb(event: string): string {
  return isKnown(event) ? VERBS[event] : event.replace(/^agent_/, "").replaceAll("_", " ");
}
