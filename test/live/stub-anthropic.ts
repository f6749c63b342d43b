/**
 * A stub of the Messages API, for driving a real Claude Code without an account. The prompt scripts the model:
 * a line `MODEL [step, …]` in the newest prompt, whose step n is the answer after n answers of the model to that
 * prompt. Any other prompt is answered with its length and SHA-256, which proves that it arrived byte for byte.
 */
import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";

export interface ModelStep {
  /** Text blocks of the answer. */
  readonly text?: string | readonly string[];
  readonly think?: string;
  readonly tools?: readonly { readonly name: string; readonly input: unknown }[];
  /** Deltas per text block. */
  readonly chunks?: number;
  /** This file is made when the request arrived … */
  readonly mark?: string;
  /** … and the second half of the answer waits until this one exists. */
  readonly gate?: string;
  /** HTTP error, `times` times for this step (for ever when absent), then the rest of the step. */
  readonly status?: number;
  readonly times?: number;
  /** The error's type, as the API names it. */
  readonly error?: string;
  /** Its words and headers, as the API sends them for an account that cannot work on. */
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly stop?: string;
}

export interface StubRequest {
  readonly prompt: string;
  readonly step: number;
  readonly model: string;
  readonly system: string;
  readonly tools: readonly string[];
  readonly key: string | null;
  /** All messages as JSON: what the model would know of the conversation. */
  readonly conversation: string;
}

export interface AnthropicStub {
  readonly url: string;
  /** Those of conversations, oldest first. */
  readonly requests: readonly StubRequest[];
  close(): Promise<void>;
}

interface Block {
  readonly type?: string;
  readonly text?: string;
}
interface Message {
  readonly role: string;
  readonly content: string | readonly Block[];
}
interface Body {
  readonly model?: string;
  readonly stream?: boolean;
  readonly system?: string | readonly Block[];
  readonly messages?: readonly Message[];
  readonly tools?: readonly { readonly name?: string }[];
}

/** Some time after a prompt the program lets a session be named, beside the conversation. */
const isTitle = ({ prompt }: StubRequest): boolean => prompt.startsWith("<session>\n");

export function digestAnswer(prompt: string): string {
  return `chars=${[...prompt].length} sha256=${createHash("sha256").update(prompt).digest("hex")}`;
}

/** `plain`: prompts in plain words and what the model does with them. */
export function startAnthropicStub(plain: Readonly<Record<string, readonly ModelStep[]>> = {}): AnthropicStub {
  const requests: StubRequest[] = [];
  const failures = new Map<string, number>();
  let calls = 0;

  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    maxRequestBodySize: 64 * 1024 * 1024,
    async fetch(request) {
      const path = new URL(request.url).pathname;
      if (path.endsWith("/count_tokens")) return Response.json({ input_tokens: 1000 });
      if (request.method !== "POST" || path !== "/v1/messages") return apiError(404, "not_found_error");
      // The one client of this stub speaks the documented shape; a wrong one shows as a failing test.
      const body = (await request.json()) as Body;
      calls += 1;
      const id = calls;
      const { prompt, step } = newestPrompt(body.messages ?? []);
      const asked: StubRequest = {
        prompt,
        step,
        model: body.model ?? "",
        system: textsOf(body.system ?? "").join("\n"),
        tools: (body.tools ?? []).map((tool) => tool.name ?? ""),
        key: request.headers.get("x-api-key") ?? request.headers.get("authorization"),
        conversation: JSON.stringify(body.messages ?? []),
      };
      if (!isTitle(asked)) requests.push(asked);
      const script = readScript(prompt) ?? plain[prompt] ?? null;
      const answer =
        script === null ? { text: digestAnswer(prompt) } : (script[Math.min(step, script.length - 1)] ?? {});
      if (answer.mark !== undefined) writeFileSync(answer.mark, "");
      if (answer.status !== undefined) {
        const place = `${step} ${prompt}`;
        const failed = (failures.get(place) ?? 0) + 1;
        failures.set(place, failed);
        if (failed <= (answer.times ?? Infinity)) {
          await gateOpen(answer.gate, request.signal);
          return apiError(answer.status, answer.error ?? "api_error", answer);
        }
      }
      if (body.stream !== true) return Response.json(wholeMessage(id, body.model ?? "", answer));
      return new Response(eventStream(id, body.model ?? "", answer, request.signal), {
        headers: { "content-type": "text/event-stream", "request-id": `req_${id}` },
      });
    },
  });

  return {
    url: `http://127.0.0.1:${server.port}`,
    requests,
    close: () => server.stop(true),
  };
}

function apiError(status: number, type: string, { message, headers }: Partial<ModelStep> = {}): Response {
  const error = { type, message: message ?? `stub error ${status}` };
  return Response.json({ type: "error", error }, { status, headers: { "request-id": "req_error", ...headers } });
}

function textsOf(content: string | readonly Block[]): string[] {
  if (typeof content === "string") return [content];
  return content.flatMap((block) => (block.type === "text" && block.text !== undefined ? [block.text] : []));
}

/** What the program itself puts among the user's words. */
const OWN_WORDS = /^\s*(<system-reminder>|\[Request interrupted by user)/;

/** The newest text of the user, and how often the model has answered since. */
function newestPrompt(messages: readonly Message[]): { prompt: string; step: number } {
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index];
    if (message === undefined || message.role !== "user") continue;
    // A failed or interrupted prompt, and the results of its tools, stand in the same message as the next one, before
    // it.
    const prompt = textsOf(message.content)
      .filter((text) => !OWN_WORDS.test(text))
      .at(-1);
    if (prompt === undefined) continue;
    return { prompt, step: messages.slice(index + 1).filter((later) => later.role === "assistant").length };
  }
  return { prompt: "", step: 0 };
}

function readScript(prompt: string): readonly ModelStep[] | null {
  const line = prompt.split("\n").find((text) => text.startsWith("MODEL ["));
  if (line === undefined) return null;
  const steps: unknown = JSON.parse(line.slice("MODEL ".length));
  return Array.isArray(steps) ? steps : null;
}

type Content =
  | { type: "text"; text: string }
  | { type: "thinking"; thinking: string; signature: string }
  | {
      type: "tool_use";
      id: string;
      name: string;
      input: unknown;
    };

function contentOf(call: number, step: ModelStep): Content[] {
  const texts = step.text === undefined ? [] : typeof step.text === "string" ? [step.text] : step.text;
  return [
    ...(step.think === undefined ? [] : [{ type: "thinking" as const, thinking: step.think, signature: "c2ln" }]),
    ...texts.map((text) => ({ type: "text" as const, text })),
    ...(step.tools ?? []).map((tool, n) => ({ type: "tool_use" as const, id: `toolu_${call}_${n}`, ...tool })),
  ];
}

const usage = { input_tokens: 100, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 20 };

function wholeMessage(call: number, model: string, step: ModelStep): Record<string, unknown> {
  const stop_reason = step.stop ?? (step.tools === undefined ? "end_turn" : "tool_use");
  const content = contentOf(call, step);
  return {
    id: `msg_${call}`,
    type: "message",
    role: "assistant",
    model,
    content,
    stop_reason,
    stop_sequence: null,
    usage,
  };
}

function eventStream(call: number, model: string, step: ModelStep, signal: AbortSignal): ReadableStream<Uint8Array> {
  const message = wholeMessage(call, model, step);
  return new ReadableStream({
    async start(controller) {
      const send = (type: string, fields: Record<string, unknown>) => {
        const frame = `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
        controller.enqueue(new TextEncoder().encode(frame));
      };
      try {
        send("message_start", {
          message: { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } },
        });
        for (const [index, block] of contentOf(call, step).entries()) {
          send("content_block_start", { index, content_block: emptied(block) });
          const deltas = deltasOf(block, step.chunks ?? 2);
          for (const [n, delta] of deltas.entries()) {
            if (index === 0 && n === Math.floor(deltas.length / 2)) await gateOpen(step.gate, signal);
            send("content_block_delta", { index, delta });
          }
          send("content_block_stop", { index });
        }
        send("message_delta", {
          delta: { stop_reason: message.stop_reason, stop_sequence: null },
          usage: { output_tokens: 20 },
        });
        send("message_stop", {});
        controller.close();
      } catch (error) {
        controller.error(error); // The client left, or the test ended while the gate was closed.
      }
    },
  });
}

function emptied(block: Content): Record<string, unknown> {
  if (block.type === "text") return { ...block, text: "" };
  if (block.type === "thinking") return { ...block, thinking: "", signature: "" };
  return { ...block, input: {} };
}

function deltasOf(block: Content, chunks: number): Record<string, unknown>[] {
  if (block.type === "thinking") {
    return [
      { type: "thinking_delta", thinking: block.thinking },
      { type: "signature_delta", signature: block.signature },
    ];
  }
  if (block.type === "tool_use")
    return pieces(JSON.stringify(block.input), 2).map((partial_json) => ({ type: "input_json_delta", partial_json }));
  return pieces(block.text, chunks).map((text) => ({ type: "text_delta", text }));
}

function pieces(text: string, count: number): string[] {
  const points = [...text];
  const size = Math.max(1, Math.ceil(points.length / count));
  return Array.from({ length: Math.ceil(points.length / size) }, (_, n) =>
    points.slice(n * size, (n + 1) * size).join(""),
  );
}

async function gateOpen(path: string | undefined, signal: AbortSignal): Promise<void> {
  while (path !== undefined && !existsSync(path)) {
    if (signal.aborted) throw new Error("the client left before the gate opened");
    await Bun.sleep(10);
  }
}
