/**
 * A Discord incoming webhook that enforces the documented limits: API version, `wait`, sizes in code points, the sum
 * over embeds, mentions, attachments, and rate limits with fractional seconds. Keeps every message it accepted.
 */

interface EmbedSent {
  readonly title?: string;
  readonly description?: string;
  readonly color?: number;
  readonly timestamp?: string;
  readonly footer?: { readonly text?: string };
  readonly author?: { readonly name?: string };
  readonly fields?: readonly { readonly name: string; readonly value: string }[];
}

export interface PayloadSent {
  readonly content?: string;
  readonly username?: string;
  readonly thread_name?: string;
  readonly flags?: number;
  readonly embeds?: readonly EmbedSent[];
  readonly attachments?: readonly unknown[];
  readonly allowed_mentions?: { readonly parse?: readonly string[] };
}

export interface DiscordPost {
  readonly content: string;
  readonly payload: PayloadSent;
  readonly files: readonly { readonly name: string; readonly text: string }[];
  readonly threadId: string | null;
  readonly userAgent: string | null;
  readonly atMs: number;
  /** Its sender was told so; else it can only send it again. */
  answered: boolean;
}

export interface DiscordAnswer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

export interface FakeDiscord {
  readonly webhookUrl: string;
  readonly posts: DiscordPost[];
  /** The method of every request, also refused ones. */
  readonly requests: string[];
  /** Answers to the next requests instead of the real check; "hang" and "cut" need no words. */
  readonly script: (DiscordAnswer | "hang" | "cut" | "cut-after-accepting")[];
  /** Allowed posts per window; the next one gets 429. */
  limit: { readonly posts: number; readonly windowMs: number } | null;
  readonly knownThreads: Set<string>;
  /** Its channel takes posts in threads only, and makes one where a name is given. */
  forum: boolean;
  /** Between accepting a message and answering: the moment in which a sender's death makes a double. */
  answerAfterMs: () => number;
  stop(): void;
}

const ID = "1234567890";
const TOKEN = "fake-Discord_token";
const NO = { status: 400 };
const points = (text: unknown): number => [...String(text ?? "").trim()].length;

export const unknownWebhook: DiscordAnswer = { status: 404, body: { code: 10015, message: "Unknown Webhook" } };
export const badWebhookToken: DiscordAnswer = { status: 401, body: { code: 50027, message: "Invalid Webhook Token" } };

export function startFakeDiscord(port = 0): FakeDiscord {
  const posts: DiscordPost[] = [];
  const script: FakeDiscord["script"] = [];
  const knownThreads = new Set<string>();
  const requests: string[] = [];
  let windowStartMs = 0;
  let inWindow = 0;
  const fake: Pick<FakeDiscord, "limit" | "answerAfterMs" | "forum"> = {
    limit: null,
    answerAfterMs: () => 0,
    forum: false,
  };

  const invalid = (field: string, message: string): Response =>
    Response.json(
      { code: 50035, message: "Invalid Form Body", errors: { [field]: { _errors: [{ code: "INVALID", message }] } } },
      { status: 400 },
    );

  const problem = (payload: PayloadSent, files: number): Response | undefined => {
    const { content, embeds = [], attachments = [], username, flags = 0 } = payload;
    if (!content && embeds.length === 0 && files === 0)
      return Response.json({ code: 50006, message: "Cannot send an empty message" }, { status: 400 });
    if (points(content) > 2000) return invalid("content", "Must be 2000 or fewer in length.");
    if (embeds.length > 10) return invalid("embeds", "Must be 10 or fewer in length.");
    let sum = 0;
    for (const embed of embeds) {
      const sizes: [unknown, number][] = [
        [embed.title, 256],
        [embed.description, 4096],
        [embed.footer?.text, 2048],
        [embed.author?.name, 256],
      ];
      if ((embed.fields ?? []).length > 25) return invalid("embeds", "too many fields");
      for (const field of embed.fields ?? []) {
        if (points(field.name) === 0 || points(field.value) === 0) return invalid("embeds", "This field is required");
        sizes.push([field.name, 256], [field.value, 1024]);
      }
      for (const [text, max] of sizes) {
        if (points(text) > max) return invalid("embeds", `Must be ${max} or fewer in length.`);
        sum += points(text);
      }
      if (embed.timestamp !== undefined && Number.isNaN(Date.parse(embed.timestamp)))
        return invalid("embeds", "Could not parse timestamp");
    }
    if (sum > 6000) return invalid("embeds", "Embed size exceeds maximum size of 6000");
    if (username !== undefined && (/clyde|discord/i.test(username) || points(username) === 0 || points(username) > 80))
      return invalid("username", "Username cannot contain it");
    if ((flags & ~(4 | 4096 | 32768)) !== 0) return invalid("flags", "not allowed");
    if (attachments.length > files) return invalid("attachments", "no such file");
    return undefined;
  };

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    idleTimeout: 0,
    async fetch(req) {
      requests.push(req.method);
      const url = new URL(req.url);
      const next = script.shift();
      if (next === "hang") {
        await req.arrayBuffer();
        return new Promise(() => {});
      }
      if (next === "cut") return new Response(brokenStream(), { status: 200, headers: { "content-length": "100" } });
      if (next !== undefined && next !== "cut-after-accepting") {
        const { status, headers = {}, body } = next;
        return typeof body === "string"
          ? new Response(body, { status, headers })
          : Response.json(body ?? {}, { status, headers });
      }
      if (url.pathname !== `/api/v10/webhooks/${ID}/${TOKEN}`) {
        return url.pathname.startsWith("/api/")
          ? Response.json(unknownWebhook.body, { status: 404 })
          : new Response("Not Found", { status: 404 });
      }
      if (req.method === "GET")
        return Response.json({ id: ID, type: 1, name: "harness", channel_id: "2222", guild_id: "3333", token: TOKEN });
      const nowMs = Date.now();
      if (fake.limit) {
        if (nowMs - windowStartMs >= fake.limit.windowMs) [windowStartMs, inWindow] = [nowMs, 0];
        if (++inWindow > fake.limit.posts) {
          const retryAfter = (windowStartMs + fake.limit.windowMs - nowMs) / 1000;
          return Response.json(
            { message: "You are being rate limited.", retry_after: retryAfter, global: false },
            { status: 429, headers: { "Retry-After": String(Math.ceil(retryAfter)), "X-RateLimit-Scope": "user" } },
          );
        }
      }
      const threadId = url.searchParams.get("thread_id");
      if (threadId !== null && !knownThreads.has(threadId))
        return Response.json({ code: 10003, message: "Unknown Channel" }, { status: 404 });
      const type = req.headers.get("content-type") ?? "";
      let payload: PayloadSent;
      const files: { name: string; text: string }[] = [];
      if (type.startsWith("multipart/form-data")) {
        const form = await req.formData();
        const json = form.get("payload_json");
        if (typeof json !== "string") return invalid("payload_json", "Expected a JSON text part");
        payload = JSON.parse(json);
        for (const [, part] of form)
          if (typeof part !== "string") files.push({ name: part.name, text: await part.text() });
      } else if (type.startsWith("application/json")) payload = JSON.parse(await req.text());
      else return invalid("body", "Expected a known Content-Type");
      const bad = problem(payload, files.length);
      if (bad) return bad;
      const named = payload.thread_name;
      if (named !== undefined && !fake.forum)
        return Response.json({ code: 220003, message: "Webhooks can only create threads in forum channels" }, NO);
      if (fake.forum && named === undefined && threadId === null)
        return Response.json({ code: 220001, message: "Webhooks posted to forum channels must have a thread" }, NO);
      const made = named === undefined ? null : String(5000 + posts.length);
      if (made !== null) knownThreads.add(made);
      posts.push({
        content: payload.content ?? "",
        payload,
        files,
        threadId,
        userAgent: req.headers.get("user-agent"),
        atMs: nowMs,
        answered: next !== "cut-after-accepting",
      });
      const waitMs = fake.answerAfterMs();
      if (waitMs > 0) await Bun.sleep(waitMs);
      if (next === "cut-after-accepting") return new Promise(() => {});
      if (url.searchParams.get("wait") !== "true") return new Response(null, { status: 204 });
      const headers: Record<string, string> = fake.limit
        ? {
            "X-RateLimit-Limit": String(fake.limit.posts),
            "X-RateLimit-Remaining": String(fake.limit.posts - inWindow),
            "X-RateLimit-Reset-After": ((windowStartMs + fake.limit.windowMs - nowMs) / 1000).toFixed(3),
          }
        : {};
      return Response.json(
        { id: String(posts.length), channel_id: made ?? threadId ?? "2222", webhook_id: ID, content: payload.content },
        { headers },
      );
    },
  });

  return Object.assign(fake, {
    webhookUrl: `http://127.0.0.1:${server.port}/api/webhooks/${ID}/${TOKEN}`,
    posts,
    requests,
    script,
    knownThreads,
    stop: () => void server.stop(true),
  });
}

function brokenStream(): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("{"));
      controller.error(new Error("cut"));
    },
  });
}
