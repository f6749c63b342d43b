/**
 * The Discord sink: one post through an incoming webhook, and what each answer means. Facts about the API are from
 * Discord's documentation (webhook, message, rate limits, opcodes).
 */
import { parseRetryAfter } from "../../lib/backoff.ts";
import { tryJson } from "../../lib/json.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorCode, errorText } from "../../lib/errors.ts";
import { isObject } from "../../lib/check.ts";
import { readText } from "../../lib/read-body.ts";
import { VERSION } from "../../lib/version.ts";
import { direct } from "../direct.ts";
import { discordMessage, plainDiscordMessage, type DiscordMessage } from "./discord-message.ts";
import type { SendResult, Sink } from "../sink.ts";

export interface DiscordSettings {
  readonly webhookUrl: string;
  readonly username?: string;
  readonly threadId?: string;
}

const TIMEOUT_MS = 15_000;
const SECOND = 1000;
const UNKNOWN_CHANNEL = 10003;
const BODY_LIMITS = { maxBytes: 65_536, timeoutMs: 2000 };
/** `retry_after` and its kin are believed up to here; beyond it is asked again. */
const LONGEST_WAIT_MS = 3_600_000;

const WEBHOOK_PATH = /^\/api\/(?:v\d+\/)?webhooks\/(\d+)\/([\w-]+)$/;
const DISCORD_HOST = /^(?:(?:canary|ptb)\.)?discord(?:app)?\.com$/;

/** undefined = usable; else the end of "got a URL, expected …". Never quotes the URL, which is a secret. */
export function discordUrlProblem(text: string, allowOtherHost: boolean): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return "https://discord.com/api/webhooks/<id>/<token>";
  if (allowOtherHost) return undefined;
  if (url.protocol !== "https:" || !DISCORD_HOST.test(url.hostname) || url.port !== "")
    return "an https URL of discord.com (another host needs discord.allowOtherHost: true)";
  return WEBHOOK_PATH.test(url.pathname) ? undefined : "the path /api/webhooks/<id>/<token>";
}

/**
 * The URL to post to: API version 10 (unversioned means a deprecated one), `wait` (without it a lost message is no
 * error).
 */
export function discordPostUrl(webhookUrl: string, threadId?: string): string {
  const url = new URL(webhookUrl);
  const [, id, token] = WEBHOOK_PATH.exec(url.pathname) ?? [];
  if (id !== undefined) url.pathname = `/api/v10/webhooks/${id}/${token}`;
  url.searchParams.set("wait", "true");
  if (threadId !== undefined) url.searchParams.set("thread_id", threadId);
  return url.href;
}

interface Answer {
  readonly status: number;
  /** Discord's own error code, 0 when there is none. */
  readonly code: number;
  readonly message: string;
  readonly waitMs: number;
  readonly pauseMs: number;
}

export function createDiscordSink(settings: DiscordSettings, clock: Clock, timeoutMs: number = TIMEOUT_MS): Sink {
  const post = async (
    { payload, file }: DiscordMessage,
    threadId: string | undefined,
    signal: AbortSignal,
  ): Promise<Answer> => {
    const named = settings.username === undefined ? payload : { ...payload, username: settings.username };
    const headers: Record<string, string> = { "User-Agent": USER_AGENT };
    let body: string | FormData = JSON.stringify(named);
    if (file) {
      body = new FormData();
      // As a string: a Blob here would get an empty file name and be taken for an upload.
      body.append("payload_json", JSON.stringify(named));
      body.append("files[0]", new Blob([file.text], { type: "text/markdown; charset=utf-8" }), file.name);
    } else headers["Content-Type"] = "application/json";
    const url = discordPostUrl(settings.webhookUrl, threadId);
    const response = await fetch(url, {
      method: "POST",
      headers,
      body,
      redirect: "manual",
      ...direct(url),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    return readAnswer(response, clock.now());
  };

  return {
    name: "discord",
    lookAhead: 1,
    // Answered failures and outages alike: the order is kept for ten tries, then others pass while this one goes on for
    // a day.
    retry: {
      delaysMs: [1, 2, 5, 10, 30, 60].map((s) => s * SECOND),
      maxTries: Infinity,
      giveUpAfterMs: 24 * 3_600_000,
      stepAsideAfter: 10,
      slowMs: 600_000,
      gapMs: 0,
    },
    choose: (waiting) => waiting.slice(0, 1),

    async send(batch, signal): Promise<SendResult> {
      const [delivery] = batch;
      if (!delivery) return { outcome: { type: "delivered", detail: "nothing to send" } };
      const { id, event } = delivery;
      const own = event.metadata["discordThreadId"];
      const asked = own !== undefined && /^\d{1,20}$/.test(own) ? own : undefined;
      try {
        let threadId = asked ?? settings.threadId;
        let answer = await post(discordMessage(event, id), threadId, signal);
        let detail = "posted";
        if (asked !== undefined && answer.status === 404 && answer.code === UNKNOWN_CHANNEL) {
          // The thread that the agent's metadata names is gone; that is no reason to lose the news.
          threadId = settings.threadId;
          detail = `posted outside the unknown thread ${asked}`;
          answer = await post(discordMessage(event, id), threadId, signal);
        }
        if (answer.status === 400) {
          const first = answer;
          answer = await post(plainDiscordMessage(event, id), threadId, signal);
          detail = `posted as plain text, because the full form was refused: ${first.message}`;
          if (answer.status === 400) return dead(`Discord refused it as invalid: ${first.message}`, answer);
        }
        return judge(answer, detail);
      } catch (error) {
        return { outcome: { type: "retry", reason: networkReason(error, timeoutMs) } };
      }
    },

    async probe(signal) {
      try {
        const url = new URL(discordPostUrl(settings.webhookUrl));
        url.search = "";
        const response = await fetch(url, {
          headers: { "User-Agent": USER_AGENT },
          redirect: "manual",
          ...direct(url),
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        });
        if (response.status !== 200) {
          const { status, message } = await readAnswer(response, clock.now());
          return [{ ok: false, text: `discord: the webhook cannot be used, it answers ${status}: ${message}` }];
        }
        const hook = tryJson(await readText(response.body, BODY_LIMITS));
        const called = isObject(hook)
          ? `"${String(hook["name"])}" in channel ${String(hook["channel_id"])}`
          : "an answer that is not JSON";
        return [{ ok: isObject(hook), text: `discord: webhook ${called}` }];
      } catch (error) {
        return [{ ok: false, text: `discord: cannot reach the webhook: ${networkReason(error, timeoutMs)}` }];
      }
    },
  };
}

const USER_AGENT = `DiscordBot (agent-harness webhook-receiver, ${VERSION})`;

function judge(answer: Answer, detail: string): SendResult {
  const { status, message, waitMs, pauseMs } = answer;
  if (status >= 200 && status < 300) return { outcome: { type: "delivered", detail }, pauseMs, fault: null };
  // Discord bans addresses that go on after these answers.
  if (status === 401 || status === 403 || status === 404) {
    return {
      outcome: {
        type: "stopped",
        reason: `Discord answered ${status} (${message}): the webhook is not used any more until it is corrected and the receiver restarted`,
        retryInMs: null,
      },
    };
  }
  if (status === 429)
    return {
      outcome: { type: "retry", reason: `Discord asks to slow down (${message})`, waitMs, free: true },
      pauseMs: Math.max(waitMs, SECOND),
    };
  if (status >= 500) return { outcome: { type: "retry", reason: `Discord answered ${status}`, waitMs }, pauseMs };
  if (status === 408 || status < 400)
    return { outcome: { type: "retry", reason: `an unexpected answer ${status}`, waitMs }, pauseMs };
  return dead(`Discord answered ${status}: ${message}`, answer);
}

function dead(reason: string, { pauseMs }: Answer): SendResult {
  return { outcome: { type: "dead", reason }, pauseMs };
}

async function readAnswer(response: Response, nowMs: number): Promise<Answer> {
  const { status, headers } = response;
  const body = tryJson(await readText(response.body, BODY_LIMITS));
  const known = isObject(body) ? body : {};
  const bodyWaitMs = typeof known["retry_after"] === "number" ? known["retry_after"] * SECOND : 0;
  const headerWaitMs = parseRetryAfter(headers.get("retry-after"), nowMs) ?? 0;
  const resetMs =
    headers.get("x-ratelimit-remaining") === "0" ? Number(headers.get("x-ratelimit-reset-after")) * SECOND : 0;
  return {
    status,
    code: typeof known["code"] === "number" ? known["code"] : 0,
    message: typeof known["message"] === "string" ? known["message"].slice(0, 200) : `status ${status}`,
    waitMs: bounded(Math.max(bodyWaitMs, headerWaitMs)),
    pauseMs: bounded(resetMs),
  };
}

/** Rounded up: asking a fraction too early counts as one more offence. */
function bounded(ms: number): number {
  return Number.isFinite(ms) && ms > 0 ? Math.min(LONGEST_WAIT_MS, Math.ceil(ms)) : 0;
}

function networkReason(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${timeoutMs} ms`;
  return errorCode(error) ?? errorText(error);
}
