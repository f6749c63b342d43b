/**
 * A model server for programs that speak the chat-completions API (Pi, OpenCode, Qwen Code, Kimi Code): streaming, on a
 * free port of 127.0.0.1. What it answers is said by the newest user message: a line `MODEL [ …steps… ]` is a list of
 * model answers, one a request (so a tool's result is answered by the next step); any other text is answered with
 * `echo: <text>`. It keeps the requests, so a test can tell what really reached the model. Requests that offer no tools
 * (titles, summaries) are answered with `stub summary` and kept apart.
 */
import { existsSync } from "node:fs";
import { given } from "../../src/lib/given.ts";

export interface ChatStep {
  /** A reasoning text before the rest. */
  readonly think?: string;
  readonly say?: string;
  /** In how many deltas the text goes out. */
  readonly chunks?: number;
  /** Between two deltas. */
  readonly delayMs?: number;
  /** Half of the deltas are out, the rest waits for this file. */
  readonly gate?: string;
  /** Tools to call, after the text. */
  readonly call?: readonly { readonly name: string; readonly args: unknown }[];
  /** The answer is cut at the token limit. */
  readonly length?: true;
  /** HTTP error instead of an answer, `times` times (default 1, "always" for ever); then the rest of this step. */
  readonly status?: number;
  readonly message?: string;
  /** Members of the error, beside its message or instead of our own words. */
  readonly error?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly times?: number | "always";
  /** Says half of the text and drops the connection, `times` times. */
  readonly cut?: true;
  /** Sends headers and then nothing until the client leaves or the server stops. */
  readonly hang?: true;
}

export interface ChatRequest {
  readonly model: string;
  readonly authorization: string | null;
  /** The newest user text. */
  readonly text: string;
  /** Roles of all messages, in order. */
  readonly roles: readonly string[];
  /** Names of the tools that the model may call. */
  readonly tools: readonly string[];
  readonly body: Fields;
}

export interface ChatStub {
  /** Base URL, ending in `/v1`. */
  readonly url: string;
  readonly requests: readonly ChatRequest[];
  /** Requests without tools. */
  readonly asides: readonly ChatRequest[];
  stop(): Promise<void>;
}

type Fields = Readonly<Record<string, unknown>>;

/** Words for the errors, as OpenAI's API uses them. */
const errorTypes: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  429: "rate_limit_error",
  500: "server_error",
  529: "overloaded_error",
};

export function startChatStub(): ChatStub {
  const requests: ChatRequest[] = [];
  const asides: ChatRequest[] = [];
  /** How often a step with `times` was served, by the place and text of its user message and its own number. */
  const served = new Map<string, number>();
  const stopped = new AbortController();

  async function answer(request: Request): Promise<Response> {
    if (request.method !== "POST" || !new URL(request.url).pathname.endsWith("/chat/completions")) {
      return Response.json({ error: { message: "the stub knows POST /chat/completions only" } }, { status: 404 });
    }
    const body: unknown = await request.json().catch(() => undefined);
    if (!isFields(body)) return apiError(400, "the body is no JSON object");
    const messages = list(body["messages"]).filter(isFields);
    const newest = messages.findLastIndex((message) => message["role"] === "user" && userWords(message) !== "");
    const seen: ChatRequest = {
      model: String(body["model"]),
      authorization: request.headers.get("authorization"),
      text: newest === -1 ? "" : userWords(messages[newest] ?? {}),
      roles: messages.map((message) => String(message["role"])),
      tools: list(body["tools"])
        .filter(isFields)
        .map((tool) => String(isFields(tool["function"]) ? tool["function"]["name"] : "")),
      body,
    };
    if (seen.tools.length === 0) {
      asides.push(seen);
      return stream({ say: "stub summary" }, false, seen, stopped.signal);
    }
    requests.push(seen);
    const turn = messages.slice(newest + 1).filter((message) => message["role"] === "assistant").length;
    const step = readSteps(seen.text)[turn] ?? { say: "nothing more to say" };
    const failing = count(served, `${newest}/${turn} ${seen.text}`) <= timesOf(step);
    if (failing && step.status !== undefined) return apiError(step.status, step.message ?? `stub ${step.status}`, step);
    return stream(step, failing && step.cut === true, seen, AbortSignal.any([stopped.signal, request.signal]));
  }

  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 0, fetch: answer });
  return {
    url: `http://127.0.0.1:${server.port}/v1`,
    requests,
    asides,
    async stop() {
      stopped.abort();
      await server.stop(true);
    },
  };
}

function timesOf(step: ChatStep): number {
  if (step.status === undefined && step.cut === undefined) return 0;
  return step.times === "always" ? Infinity : (step.times ?? 1);
}

function count(served: Map<string, number>, key: string): number {
  const times = (served.get(key) ?? 0) + 1;
  served.set(key, times);
  return times;
}

/** A test's own words: what cannot be read is answered with the reason, so that the test fails and says why. */
function readSteps(text: string): readonly ChatStep[] {
  const line = text.split("\n").find((words) => words.startsWith("MODEL "));
  if (line === undefined) return [{ say: `echo: ${text}` }];
  try {
    const steps: unknown = JSON.parse(line.slice("MODEL ".length));
    if (Array.isArray(steps) && steps.every(isFields)) return steps;
    return [{ say: "MODEL unreadable: not an array of steps" }];
  } catch (error) {
    return [{ say: `MODEL unreadable: ${String(error)}` }];
  }
}

function apiError(status: number, message: string, { error, headers }: Partial<ChatStep> = {}): Response {
  const type = errorTypes[status] ?? "error";
  return Response.json({ error: { message, type, code: type, ...error } }, { status, ...given({ headers }) });
}

function stream(step: ChatStep, cut: boolean, request: ChatRequest, signal: AbortSignal): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const send = (value: unknown) =>
        controller.enqueue(encoder.encode(`data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`));
      try {
        for await (const chunk of chunks(step, cut, request, signal)) send(chunk);
        send("[DONE]");
        controller.close();
      } catch {
        // The step cuts the connection, or the client is gone. Without a reason Bun resets the socket and prints
        // nothing.
        controller.error(undefined);
      }
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

async function* chunks(
  step: ChatStep,
  cut: boolean,
  request: ChatRequest,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  const head = {
    id: `stub-${crypto.randomUUID().slice(0, 8)}`,
    object: "chat.completion.chunk",
    created: 1,
    model: request.model,
  };
  const delta = (part: Fields, finish: string | null = null) => ({
    ...head,
    choices: [{ index: 0, delta: part, finish_reason: finish }],
  });
  yield delta({ role: "assistant", content: "" });
  if (step.hang === true)
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  if (step.think !== undefined) yield delta({ reasoning_content: step.think });
  const pieces = split(step.say ?? "", step.chunks ?? 1);
  const middle = Math.ceil(pieces.length / 2);
  for (const [at, piece] of pieces.entries()) {
    if (at === middle && cut) break;
    if (at === middle && step.gate !== undefined) await gateOpen(step.gate, signal);
    if (at > 0 && step.delayMs !== undefined) await wait(step.delayMs, signal);
    yield delta({ content: piece });
  }
  if (cut) throw new Error("the connection is cut");
  if (step.gate !== undefined && middle >= pieces.length) await gateOpen(step.gate, signal);
  for (const [index, { name, args }] of (step.call ?? []).entries()) {
    const id = `call_${crypto.randomUUID().slice(0, 8)}`;
    yield delta({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] });
    yield delta({ tool_calls: [{ index, function: { arguments: JSON.stringify(args) } }] });
  }
  yield delta({}, step.length === true ? "length" : (step.call ?? []).length > 0 ? "tool_calls" : "stop");
  const prompt = Math.ceil(JSON.stringify(request.body["messages"]).length / 4);
  yield { ...head, choices: [], usage: { prompt_tokens: prompt, completion_tokens: 7, total_tokens: prompt + 7 } };
}

/** In `parts` pieces of about the same length, never between the halves of a surrogate pair. */
function split(text: string, parts: number): string[] {
  const points = [...text];
  const size = Math.max(1, Math.ceil(points.length / parts));
  const pieces: string[] = [];
  for (let at = 0; at < points.length; at += size) pieces.push(points.slice(at, at + size).join(""));
  return pieces;
}

async function gateOpen(path: string, signal: AbortSignal): Promise<void> {
  while (!existsSync(path)) await wait(10, signal);
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(new Error("nobody listens any more"));
      },
      { once: true },
    );
  });
}

/** Qwen Code puts words of its own, and the prompts that failed before, into the same message as other parts. */
const OWN_WORDS = /^\s*<system-reminder>/;

/** Kimi Code puts a prompt that nobody answered in front of the next one, in one text. */
const UNANSWERED = /^(?:MODEL \[.*\]\n\n)+(?=\S)/;

function userWords({ content }: Fields): string {
  const parts = Array.isArray(content) ? content.map((part) => contentText([part])) : [contentText(content)];
  return (parts.findLast((text) => text !== "" && !OWN_WORDS.test(text)) ?? "").replace(UNANSWERED, "");
}

function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  return list(content)
    .map((part) => (isFields(part) && typeof part["text"] === "string" ? part["text"] : ""))
    .join("");
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
