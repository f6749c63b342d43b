/**
 * What an answer means that came back from Discord, or from something in between. Only JSON with Discord's own `code`
 * is Discord's verdict; a page of a proxy or of a filter says nothing about the webhook. Pure but for reading the body.
 * Facts from Discord's documentation (webhook, rate limits, opcodes).
 */
import { parseRetryAfter } from "../../lib/backoff.ts";
import { isObject } from "../../lib/check.ts";
import { tryJson } from "../../lib/json.ts";
import { readText } from "../../lib/read-body.ts";
import type { SendResult } from "../sink.ts";

export interface Answer {
  readonly status: number;
  /** Discord's own error code; null = this is not in Discord's words. */
  readonly code: number | null;
  readonly message: string;
  /** The fields that Discord found invalid. */
  readonly invalid: readonly string[];
  readonly waitMs: number;
  readonly pauseMs: number;
  /** A page for people, which no API of Discord's answers with. */
  readonly page: boolean;
  /** Where an accepted message stands. */
  readonly channelId: string | null;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const BODY_LIMITS = { maxBytes: 65_536, timeoutMs: 2000 };
/** `retry_after` and its kin are believed up to here; beyond it is asked again. */
const LONGEST_WAIT_MS = 60 * MINUTE;
/** The ban of an address is not announced in Discord's words, and asking prolongs it. */
const BAN_WAIT_MS = 5 * MINUTE;
/** A verdict stands until somebody mends it in Discord or in the config; asking this rarely offends nobody. */
export const LOOK_AGAIN_MS = 60 * MINUTE;

export const UNKNOWN_CHANNEL = 10003;
/** Answers to a well-formed message that no other message would change, each with what to mend. */
const CURES: Readonly<Record<number, string>> = {
  10003: "the thread or channel is gone: mend discord.threadId",
  10015: "the webhook was deleted: make another one and set discord.webhookUrl",
  50001: "the webhook may not see its channel: mend the channel's permissions",
  50013: "the webhook may not post there: mend the channel's permissions",
  50024: "the webhook's channel cannot take messages: move the webhook to another one",
  50027: "the webhook's token is wrong: copy its URL again into discord.webhookUrl",
  50083: "the thread is archived and stays so: set another discord.threadId",
  160005: "the thread is locked: unlock it, or set another discord.threadId",
  220001: "its channel is a forum or media channel: set discord.threadName (makes a post there) or discord.threadId",
  220002: "a thread cannot be named and made at once: set either discord.threadId or discord.threadName",
  220003: "its channel is no forum or media channel: remove discord.threadName",
  220004: "its channel takes no webhooks: move the webhook to another one",
  40067:
    "its forum wants a tag on each post: lift that in the channel, or set discord.threadId of a post that is there",
};

/** `detail`: how it was posted, should it be. */
export function judge(answer: Answer, detail: string, fault: string | null = null): SendResult {
  const { status, code, message, waitMs, pauseMs, page } = answer;
  if (status >= 200 && status < 300) {
    if (!page) return { outcome: { type: "delivered", detail }, pauseMs, fault };
    return { outcome: { type: "retry", reason: `${notDiscords(answer)}, with a page for people` } };
  }
  if (status === 429) return slowDown(answer);
  if (code === null) return { outcome: { type: "retry", reason: notDiscords(answer), waitMs } };
  const cure = CURES[code];
  // Discord bans addresses that go on after these answers.
  if (cure !== undefined || status === 401 || status === 403 || status === 404) {
    const reason = `Discord answered ${status} (${message}, code ${code})${cure === undefined ? "" : `: ${cure}`}`;
    return { outcome: { type: "stopped", reason, retryInMs: LOOK_AGAIN_MS } };
  }
  if (status >= 500 || status === 408)
    return { outcome: { type: "retry", reason: `Discord answered ${status}: ${message}`, waitMs }, pauseMs };
  return { outcome: { type: "dead", reason: `Discord refused it with ${status}: ${message}` }, pauseMs };
}

/** Refused for what it says or how large it is: another form of the same news may pass. */
export function isRefusal({ status, code }: Answer): boolean {
  return code !== null && CURES[code] === undefined && (status === 400 || status === 413);
}

function slowDown({ code, message, waitMs }: Answer): SendResult {
  if (waitMs > 0 && code !== null)
    return {
      outcome: { type: "retry", reason: `Discord asks to slow down (${message})`, waitMs, free: true },
      pauseMs: Math.max(waitMs, SECOND),
    };
  const wait = code === null ? Math.max(waitMs, BAN_WAIT_MS) : 0;
  const reason = `429 without a time to wait (${message})`;
  return {
    outcome: { type: "retry", reason, waitMs: wait, free: true },
    fault: `${reason}: Discord turns this address away for now; see what else on it posts too much`,
  };
}

function notDiscords({ status }: Answer): string {
  if (status >= 300 && status < 400) return `an unexpected answer ${status}: redirects are not followed`;
  return `an answer ${status} that is not Discord's: something in between gave it`;
}

export async function readAnswer(response: Response, nowMs: number): Promise<Answer> {
  const { status, headers } = response;
  const body = tryJson(await readText(response.body, BODY_LIMITS));
  const known = isObject(body) ? body : {};
  const bodyWaitMs = typeof known["retry_after"] === "number" ? known["retry_after"] * SECOND : 0;
  const headerWaitMs = parseRetryAfter(headers.get("retry-after"), nowMs) ?? 0;
  const resetMs =
    headers.get("x-ratelimit-remaining") === "0" ? Number(headers.get("x-ratelimit-reset-after")) * SECOND : 0;
  // A rate limit is told without a code, but with members that nobody else has.
  const isLimit = status === 429 && typeof known["retry_after"] === "number" && "global" in known;
  return {
    status,
    code: typeof known["code"] === "number" ? known["code"] : isLimit ? 0 : null,
    message: typeof known["message"] === "string" ? known["message"].slice(0, 200) : `status ${status}`,
    invalid: isObject(known["errors"]) ? Object.keys(known["errors"]) : [],
    waitMs: bounded(Math.max(bodyWaitMs, headerWaitMs)),
    pauseMs: bounded(resetMs),
    page: /^text\/html\b/i.test(headers.get("content-type") ?? ""),
    channelId: typeof known["channel_id"] === "string" ? known["channel_id"] : null,
  };
}

/** Rounded up: asking a fraction too early counts as one more offence. */
function bounded(ms: number): number {
  return Number.isFinite(ms) && ms > 0 ? Math.min(LONGEST_WAIT_MS, Math.ceil(ms)) : 0;
}
