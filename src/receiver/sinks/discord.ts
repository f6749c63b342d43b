/** The Discord sink: one post through an incoming webhook. What the answer means is in `discord-answer.ts`. */
import type { Clock } from "../../lib/clock.ts";
import { errorCode, errorText } from "../../lib/errors.ts";
import { isObject } from "../../lib/check.ts";
import { tryJson } from "../../lib/json.ts";
import { readText } from "../../lib/read-body.ts";
import { VERSION } from "../../lib/version.ts";
import { request } from "../../lib/request.ts";
import type { Delivery, Finding, SendResult, Sink } from "../sink.ts";
import { isRefusal, judge, readAnswer, UNKNOWN_CHANNEL, type Answer } from "./discord-answer.ts";
import { discordMessage, plainDiscordMessage, type DiscordMessage } from "./discord-message.ts";
import { discordPostUrl } from "./discord-url.ts";
import { given } from "../../lib/given.ts";

export interface DiscordSettings {
  readonly webhookUrl: string;
  readonly username?: string;
  readonly threadId?: string;
  /** Makes a post of a forum, once; excludes `threadId`. */
  readonly threadName?: string;
}

/** The thread that `threadName` made: outlives us, or each start would make another one. */
export interface ThreadMemory {
  get(): string | null;
  set(id: string | null): void;
}

const TIMEOUT_MS = 15_000;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const USER_AGENT = `DiscordBot (agent-harness webhook-receiver, ${VERSION})`;

/** Where a post goes: into a thread that is there, into one that is made, or into the channel. */
interface Place {
  readonly threadId?: string;
  readonly threadName?: string;
}

export interface DiscordOptions {
  readonly clock: Clock;
  readonly thread?: ThreadMemory;
  readonly timeoutMs?: number;
}

export function createDiscordSink(
  settings: DiscordSettings,
  { clock, thread = forgetful(), timeoutMs = TIMEOUT_MS }: DiscordOptions,
): Sink {
  const ask = (url: string, init: RequestInit, signal: AbortSignal): Promise<Response> =>
    request(url, {
      ...init,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });

  const post = async (
    message: DiscordMessage,
    { threadId, threadName }: Place,
    signal: AbortSignal,
  ): Promise<Answer> => {
    const payload = JSON.stringify({
      ...message.payload,
      ...given({ thread_name: threadName }),
    });
    const headers: Record<string, string> = { "User-Agent": USER_AGENT };
    let body: string | FormData = payload;
    if (message.file) {
      body = new FormData();
      // As a string: a Blob here would get an empty file name and be taken for an upload.
      body.append("payload_json", payload);
      body.append(
        "files[0]",
        new Blob([message.file.text], { type: "text/markdown; charset=utf-8" }),
        message.file.name,
      );
    } else headers["Content-Type"] = "application/json";
    const response = await ask(
      discordPostUrl(settings.webhookUrl, threadId),
      { method: "POST", headers, body },
      signal,
    );
    const answer = await readAnswer(response, clock.now());
    if (threadName !== undefined && response.ok && answer.channelId !== null) thread.set(answer.channelId);
    return answer;
  };

  const usualPlace = (): Place => {
    if (settings.threadName === undefined)
      return settings.threadId === undefined ? {} : { threadId: settings.threadId };
    const made = thread.get();
    return made === null ? { threadName: settings.threadName } : { threadId: made };
  };

  const send = async ({ id, event }: Delivery, signal: AbortSignal): Promise<SendResult> => {
    const named = ({ payload, file }: DiscordMessage): DiscordMessage => ({
      payload: settings.username === undefined ? payload : { ...payload, username: settings.username },
      ...given({ file }),
    });
    const message = named(discordMessage(event, id));
    const own = event.metadata["discordThreadId"];
    const asked = own !== undefined && /^\d{1,20}$/.test(own) ? own : undefined;
    let place: Place = asked === undefined ? usualPlace() : { threadId: asked };
    let answer = await post(message, place, signal);
    let detail = "posted";
    if (answer.code === UNKNOWN_CHANNEL && place.threadId !== undefined && place.threadId !== settings.threadId) {
      // The thread that the agent's metadata names, or that was made once, is gone: no reason to lose the news.
      if (asked === undefined) thread.set(null);
      detail = `posted outside the unknown thread ${place.threadId}`;
      answer = await post(message, (place = usualPlace()), signal);
    }
    if (!isRefusal(answer)) return judge(answer, detail);
    const first = answer;
    detail = `posted as plain text, because the full form was refused: ${first.message}`;
    // Without the name, too: should it be what is refused, every post would be.
    const nameRefused = settings.username !== undefined && first.invalid.includes("username");
    const plain = plainDiscordMessage(event, id);
    answer = await post(nameRefused ? plain : named(plain), place, signal);
    return judge(answer, detail, nameRefused ? `Discord refuses the name of discord.username: ${first.message}` : null);
  };

  return {
    name: "discord",
    lookAhead: 1,
    // The order is kept for ten tries, then others pass while this one goes on for a day.
    retry: {
      delaysMs: [1, 2, 5, 10, 30, 60, 120, 300].map((s) => s * SECOND),
      maxTries: Infinity,
      giveUpAfterMs: 24 * 60 * MINUTE,
      stepAsideAfter: 10,
      slowMs: 10 * MINUTE,
      gapMs: 0,
    },
    choose: (waiting) => waiting.slice(0, 1),

    async send([delivery], signal) {
      if (!delivery) return { outcome: { type: "delivered", detail: "nothing to send" } };
      try {
        return await send(delivery, signal);
      } catch (error) {
        return { outcome: { type: "retry", reason: networkReason(error, timeoutMs) } };
      }
    },

    async probe(signal): Promise<readonly Finding[]> {
      try {
        const url = new URL(discordPostUrl(settings.webhookUrl));
        url.search = "";
        const response = await ask(url.href, { headers: { "User-Agent": USER_AGENT } }, signal);
        if (response.status !== 200) {
          const { status, message } = await readAnswer(response, clock.now());
          return [{ ok: false, text: `discord: the webhook cannot be used, it answers ${status}: ${message}` }];
        }
        const hook = tryJson(await readText(response.body, { maxBytes: 65_536, timeoutMs: 2000 }));
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

/** For trials from the command line: what it makes is not kept. */
function forgetful(): ThreadMemory {
  let id: string | null = null;
  return { get: () => id, set: (next) => void (id = next) };
}

function networkReason(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${timeoutMs} ms`;
  return errorCode(error) ?? errorText(error);
}
