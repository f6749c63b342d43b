/**
 * A stub of the Gemini API (`generateContent`, `streamGenerateContent`), for driving a real Gemini CLI without an
 * account. The prompt scripts the model: a line `MODEL [step, …]` in the newest prompt, whose step n is the answer
 * after n rounds of tool results to that prompt. Any other prompt is answered with its length and SHA-256, which proves
 * that it arrived whole.
 */
import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";

export interface ModelStep {
  readonly text?: string;
  readonly think?: string;
  readonly tools?: readonly { readonly name: string; readonly args: Readonly<Record<string, unknown>> }[];
  /** Chunks of the text. */
  readonly chunks?: number;
  /** This file is made when the request arrived … */
  readonly mark?: string;
  /** … and the second half of the answer waits until this one exists. */
  readonly gate?: string;
  /** HTTP error, `times` times for this step (for ever when absent), then the rest of the step. */
  readonly status?: number;
  readonly times?: number;
  readonly message?: string;
  /** Default STOP. */
  readonly finish?: string;
}

export interface StubRequest {
  readonly prompt: string;
  readonly step: number;
  readonly model: string;
  readonly key: string | null;
  /** Everything that the model would have seen of the conversation. */
  readonly contents: string;
  readonly system: string;
}

export interface GeminiStub {
  readonly url: string;
  readonly requests: readonly StubRequest[];
  close(): Promise<void>;
}

interface Part {
  readonly text?: string;
  readonly functionCall?: unknown;
  readonly functionResponse?: unknown;
}
interface Body {
  readonly contents?: readonly { readonly role?: string; readonly parts?: readonly Part[] }[];
  readonly systemInstruction?: unknown;
  readonly generationConfig?: { readonly responseMimeType?: string };
}

export function digestAnswer(prompt: string): string {
  return `chars=${[...prompt].length} sha256=${createHash("sha256").update(prompt).digest("hex")}`;
}

export function startGeminiStub(): GeminiStub {
  const requests: StubRequest[] = [];
  const failures = new Map<string, number>();

  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    maxRequestBodySize: 64 * 1024 * 1024,
    async fetch(request) {
      const url = new URL(request.url);
      const [, model, method] = /\/models\/([^:/]+):(\w+)$/.exec(url.pathname) ?? [];
      if (request.method !== "POST" || model === undefined) return apiError(404, `no such path ${url.pathname}`);
      if (method === "countTokens") return Response.json({ totalTokens: 100 });
      // The one client of this stub speaks the documented shape; a wrong one shows as a failing test.
      const body = (await request.json()) as Body;
      // Side questions (which model to take, is the agent in a loop) ask for JSON; they are no part of the
      // conversation.
      if (body.generationConfig?.responseMimeType === "application/json")
        return Response.json(answer(model, [{ text: "{}" }], "STOP"));
      const { prompt, step: index } = promptOf(body);
      const step = stepOf(prompt, index);
      requests.push({
        prompt,
        step: index,
        model,
        key: request.headers.get("x-goog-api-key"),
        contents: JSON.stringify(body.contents),
        system: JSON.stringify(body.systemInstruction ?? ""),
      });
      if (step.mark !== undefined) writeFileSync(step.mark, "");
      if (step.status !== undefined) {
        const failed = (failures.get(prompt) ?? 0) + 1;
        failures.set(prompt, failed);
        if (failed <= (step.times ?? Infinity))
          return apiError(step.status, step.message ?? `stub error ${step.status}`);
      }
      if (method !== "streamGenerateContent") return Response.json(answer(model, partsOf(step), step.finish ?? "STOP"));
      return new Response(stream(model, step, request.signal), { headers: { "content-type": "text/event-stream" } });
    },
  });

  return {
    url: `http://127.0.0.1:${server.port}`,
    requests,
    close: () => server.stop(true),
  };
}

/** The newest text of the user, and how many rounds of tool results follow it. */
function promptOf({ contents = [] }: Body): { readonly prompt: string; readonly step: number } {
  let step = 0;
  for (const { role, parts = [] } of contents.toReversed()) {
    if (role !== "user") continue;
    if (parts.some((part) => part.functionResponse !== undefined)) step += 1;
    // The first prompt of a session comes as a part behind the one that describes the folder.
    else return { prompt: parts.at(-1)?.text ?? "", step };
  }
  return { prompt: "", step };
}

function stepOf(prompt: string, index: number): ModelStep {
  const line = prompt.split("\n").find((text) => text.startsWith("MODEL "));
  if (line === undefined) return { text: digestAnswer(prompt) };
  try {
    const steps: readonly ModelStep[] = JSON.parse(line.slice("MODEL ".length));
    return steps[Math.min(index, steps.length - 1)] ?? { text: "" };
  } catch {
    return { text: digestAnswer(prompt) }; // The CLI quotes old prompts, cut short, when it sums up earlier sessions.
  }
}

function partsOf({ think, text, tools = [] }: ModelStep): readonly unknown[] {
  return [
    ...(think === undefined ? [] : [{ text: think, thought: true }]),
    ...(text === undefined ? [] : [{ text }]),
    ...tools.map(({ name, args }) => ({ functionCall: { name, args } })),
  ];
}

function answer(model: string, parts: readonly unknown[], finishReason: string | undefined): unknown {
  return {
    candidates: [
      { index: 0, content: { role: "model", parts }, ...(finishReason === undefined ? {} : { finishReason }) },
    ],
    usageMetadata: { promptTokenCount: 100, candidatesTokenCount: 10, totalTokenCount: 110 },
    modelVersion: model,
  };
}

async function* stream(model: string, step: ModelStep, signal: AbortSignal): AsyncGenerator<string> {
  const line = (parts: readonly unknown[], finish?: string) =>
    `data: ${JSON.stringify(answer(model, parts, finish))}\n\n`;
  const letters = [...(step.text ?? "")];
  const size = Math.max(1, Math.ceil(letters.length / (step.chunks ?? 4)));
  if (step.think !== undefined) yield line([{ text: step.think, thought: true }]);
  for (let at = 0; at < letters.length; at += size) {
    if (at >= letters.length / 2 && step.gate !== undefined) await exists(step.gate, signal);
    if (signal.aborted) return;
    yield line([{ text: letters.slice(at, at + size).join("") }]);
  }
  if (letters.length === 0 && step.gate !== undefined) await exists(step.gate, signal);
  yield line(partsOf({ ...(step.tools === undefined ? {} : { tools: step.tools }) }), step.finish ?? "STOP");
}

async function exists(path: string, signal: AbortSignal): Promise<void> {
  while (!existsSync(path) && !signal.aborted) await new Promise<void>((resolve) => setTimeout(resolve, 20));
}

function apiError(code: number, message: string): Response {
  return Response.json(
    { error: { code, message, status: code === 401 ? "UNAUTHENTICATED" : "INTERNAL" } },
    { status: code },
  );
}
