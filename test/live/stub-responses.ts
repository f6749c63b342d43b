/**
 * A model server for Codex: the streaming part of the OpenAI Responses API, on a free port of 127.0.0.1. What it
 * answers is said by the newest user message: a line `MODEL [ …steps… ]` is a list of model answers, one a request; any
 * other text is answered with `echo: <text>`. It keeps the requests, so a test can tell what really reached the model.
 */

import { existsSync } from "node:fs";

export interface ModelStep {
  /** A reasoning summary before the rest. */
  readonly think?: string;
  readonly say?: string;
  readonly chunks?: number;
  /** Between two chunks. */
  readonly delayMs?: number;
  /** Half of the chunks are out, the rest waits for this file. */
  readonly gate?: string;
  /** A shell command for the program's own shell tool; several run in parallel. */
  readonly run?: string | readonly string[];
  /** Extra arguments of these tool calls. */
  readonly runArgs?: Record<string, unknown>;
  /** Any other tool. */
  readonly call?: { readonly name: string; readonly namespace?: string; readonly args: unknown };
  /** A patch for the free-form tool `apply_patch`. */
  readonly patch?: string;
  /** HTTP error instead of an answer, `times` times (default 1); then the next step. */
  readonly status?: number;
  readonly times?: number;
  /** Members of its error, and headers, as the service sends them for an account that cannot work on. */
  readonly error?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** HTTP 200, then `response.failed` with this code. */
  readonly failed?: string;
  /** Begins to say this text and ends the stream in the middle, without its last event, `times` times. */
  readonly cut?: string;
  /** Answers only when the connection is closed by the client or the server stops. */
  readonly hang?: boolean;
}

export interface ModelRequest {
  readonly model: string;
  readonly authorization: string | null;
  /** The newest user text. */
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface ResponsesStub {
  /** Base URL for `model_providers.X.base_url`. */
  readonly url: string;
  readonly requests: readonly ModelRequest[];
  stop(): Promise<void>;
}

export function startResponsesStub(): ResponsesStub {
  const requests: ModelRequest[] = [];
  /** How often a step with `times` was served, by the place of its user message and its own number. */
  const served = new Map<string, number>();
  const stopped = new AbortController();

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      if (request.method !== "POST" || !new URL(request.url).pathname.endsWith("/responses")) {
        return Response.json({ error: { message: "the stub knows POST /responses only" } }, { status: 404 });
      }
      const body = record(await request.json());
      const { text, position, answered } = newestUserText(body);
      requests.push({ model: String(body["model"]), authorization: request.headers.get("authorization"), text, body });
      const step = nextStep(text, position, answered, served);
      if (step.status !== undefined) {
        return Response.json(
          { error: { message: `the stub says ${step.status}`, type: "stub_error", ...step.error } },
          { status: step.status, headers: { ...step.headers } },
        );
      }
      return stream(step, requests.length, AbortSignal.any([request.signal, stopped.signal]));
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/v1`,
    requests,
    async stop() {
      stopped.abort();
      await server.stop(true);
    },
  };
}

/** Codex puts its own context into user messages, too: those begin with a tag or a heading of its own. */
const CONTEXT = /^\s*(<(environment_context|user_instructions|permissions|turn_aborted|skills|hook)|# AGENTS\.md)/;

function newestUserText(body: Record<string, unknown>): { text: string; position: number; answered: number } {
  const items = Array.isArray(body["input"]) ? body["input"].map(record) : [];
  let position = -1;
  let text = "";
  items.forEach((item, index) => {
    if (item["type"] !== "message" || item["role"] !== "user") return;
    const content = Array.isArray(item["content"]) ? item["content"].map(record) : [];
    const said = content.map((part) => String(part["text"] ?? "")).join("");
    if (!CONTEXT.test(said)) [position, text] = [index, said];
  });
  // Tool results that stand together answer one model answer.
  const outputs = items.slice(position + 1).map((item) => String(item["type"]).endsWith("_output"));
  const answered = outputs.filter((is, index) => is && outputs[index - 1] !== true).length;
  return { text, position, answered };
}

function nextStep(text: string, position: number, answered: number, served: Map<string, number>): ModelStep {
  const script = /^MODEL (\[.*\])\s*$/m.exec(text)?.[1];
  if (script === undefined) return { say: `echo: ${text}` };
  const steps: unknown = JSON.parse(script);
  if (!Array.isArray(steps)) throw new Error("MODEL must be an array of steps");
  let left = answered;
  for (const [index, step] of steps.entries()) {
    const { times = isTransient(step) ? 1 : 0 } = step as ModelStep;
    if (times > 0) {
      const key = `${position}:${index}:${text}`;
      const count = served.get(key) ?? 0;
      if (count >= times) continue;
      served.set(key, count + 1);
      return step as ModelStep;
    }
    if (left === 0) return step as ModelStep;
    left -= 1;
  }
  return { say: "(the script is over)" };
}

function isTransient(step: ModelStep): boolean {
  return step.status !== undefined || step.cut !== undefined;
}

function stream(step: ModelStep, number: number, signal: AbortSignal): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      let sequence = 0;
      const send = (type: string, members: Record<string, unknown>): void => {
        const event = JSON.stringify({ type, sequence_number: sequence, ...members });
        sequence += 1;
        if (!signal.aborted) controller.enqueue(encoder.encode(`event: ${type}\ndata: ${event}\n\n`));
      };
      try {
        await answer(step, number, send, signal);
        controller.close();
      } catch {
        // The client went away, which is what an interrupt looks like from here.
      }
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

type Send = (type: string, members: Record<string, unknown>) => void;

async function answer(step: ModelStep, number: number, send: Send, signal: AbortSignal): Promise<void> {
  const response = { id: `resp_${number}`, object: "response", status: "in_progress", output: [] };
  send("response.created", { response });
  if (step.hang === true) {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    return;
  }
  if (step.failed !== undefined) {
    const error = { code: step.failed, message: `the stub says ${step.failed}` };
    send("response.failed", { response: { ...response, status: "failed", error } });
    return;
  }
  const output: Record<string, unknown>[] = [];
  const put = (item: Record<string, unknown>): void => {
    send("response.output_item.added", { output_index: output.length, item });
    send("response.output_item.done", { output_index: output.length, item });
    output.push(item);
  };
  if (step.think !== undefined) {
    put({
      type: "reasoning",
      id: `rs_${number}`,
      summary: [{ type: "summary_text", text: step.think }],
      encrypted_content: "c3R1Yg==",
    });
  }
  const text = step.say ?? step.cut;
  if (text !== undefined) {
    const message = {
      type: "message",
      id: `msg_${number}`,
      role: "assistant",
      content: [{ type: "output_text", text, annotations: [] }],
    };
    send("response.output_item.added", { output_index: output.length, item: { ...message, content: [] } });
    const chunks = step.chunks ?? 1;
    const size = Math.max(1, Math.ceil(text.length / chunks));
    for (let at = 0; at < text.length; at += size) {
      send("response.output_text.delta", {
        item_id: message.id,
        output_index: output.length,
        content_index: 0,
        delta: text.slice(at, at + size),
      });
      if (step.delayMs !== undefined) await Bun.sleep(step.delayMs);
      while (step.gate !== undefined && at * 2 < text.length && !existsSync(step.gate) && !signal.aborted)
        await Bun.sleep(10);
      if (step.cut !== undefined && at > 0) return;
    }
    if (step.cut !== undefined) return;
    send("response.output_item.done", { output_index: output.length, item: message });
    output.push(message);
  }
  const commands = typeof step.run === "string" ? [step.run] : (step.run ?? []);
  const calls = commands.map((cmd) => ({
    name: "exec_command",
    args: { cmd, ...step.runArgs } as unknown,
    namespace: undefined as string | undefined,
  }));
  if (step.call !== undefined)
    calls.push({ name: step.call.name, args: step.call.args, namespace: step.call.namespace });
  calls.forEach(({ name, args, namespace }, index) => {
    const id = `${number}_${index}`;
    const where = namespace === undefined ? {} : { namespace };
    put({
      type: "function_call",
      id: `fc_${id}`,
      call_id: `call_${id}`,
      name,
      ...where,
      arguments: JSON.stringify(args),
    });
  });
  if (step.patch !== undefined) {
    put({
      type: "custom_tool_call",
      id: `ctc_${number}`,
      call_id: `call_${number}_patch`,
      name: "apply_patch",
      input: step.patch,
      status: "completed",
    });
  }
  const usage = {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 40 },
    output_tokens: 10,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 110,
  };
  send("response.completed", { response: { ...response, status: "completed", output, usage } });
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
