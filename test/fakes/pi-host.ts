/**
 * What the fake Pi gives to an extension: handlers, tools and dialogs, in Pi's shapes. Loads the real file that `-e`
 * names.
 */
import type { Decision, Question, ToolCall } from "./script.ts";

interface Dialogs {
  select(title: string, options: readonly string[], opts?: { signal?: AbortSignal }): Promise<string | undefined>;
  input(title: string, placeholder: string, opts?: { signal?: AbortSignal }): Promise<string | undefined>;
}
interface Context {
  readonly hasUI: boolean;
  readonly signal: AbortSignal;
  readonly ui: Dialogs;
}
interface ToolCallEvent {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: unknown;
}
type Blocked = { readonly block?: boolean; readonly reason?: string } | undefined;
interface Tool {
  readonly name: string;
  execute(
    id: string,
    params: unknown,
    signal: AbortSignal,
    update: undefined,
    ctx: Context,
  ): Promise<{ content: { text: string }[] }>;
}
type Handler = (event: ToolCallEvent, ctx: Context) => Promise<Blocked>;

export interface ExtensionHost {
  /** What the extension makes of a tool call; without one, Pi runs everything. */
  ask(call: ToolCall): Promise<Decision>;
  /** What the extension's question tool gives to the model; null when no extension brought one. */
  question(question: Question): Promise<string | null>;
  /** The abort signal of this call's dialog. */
  withdraw(call: string): void;
  /** An `extension_ui_response`; unknown and late ones do nothing. */
  answer(id: string, response: object): void;
}

export async function createExtensionHost(
  path: string | undefined,
  send: (frame: object) => void,
): Promise<ExtensionHost> {
  const handlers: Handler[] = [];
  const tools: Tool[] = [];
  const pending = new Map<string, (response: object) => void>();
  const signals = new Map<string, AbortController>();

  if (path !== undefined) {
    const loaded: { default(api: object): void } = await import(path);
    loaded.default({
      on: (event: string, handler: Handler) => {
        if (event === "tool_call") handlers.push(handler);
      },
      registerTool: (tool: Tool) => tools.push(tool),
    });
  }

  function dialog(request: object, signal: AbortSignal | undefined): Promise<string | undefined> {
    const id = crypto.randomUUID();
    return new Promise((resolve) => {
      const settle = (value: string | undefined) => {
        pending.delete(id);
        resolve(value);
      };
      if (signal?.aborted === true) return settle(undefined);
      signal?.addEventListener("abort", () => settle(undefined), { once: true });
      pending.set(id, (response) => settle("value" in response ? String(response.value) : undefined));
      send({ type: "extension_ui_request", id, ...request });
    });
  }

  function context(call: string): Context {
    const controller = new AbortController();
    signals.set(call, controller);
    return {
      hasUI: true,
      signal: controller.signal,
      ui: {
        select: (title, options, opts) => dialog({ method: "select", title, options }, opts?.signal),
        input: (title, placeholder, opts) => dialog({ method: "input", title, placeholder }, opts?.signal),
      },
    };
  }

  return {
    async ask(call) {
      const ctx = context(call.id);
      for (const handler of handlers) {
        const blocked = await handler({ toolCallId: call.id, toolName: call.name, input: call.input }, ctx);
        if (blocked?.block === true)
          return { allow: false, ...(blocked.reason === undefined ? {} : { message: blocked.reason }) };
      }
      return { allow: true };
    },
    async question({ id, question, options }) {
      const tool = tools.find(({ name }) => name === "ask_user");
      if (tool === undefined) return null;
      const ctx = context(id);
      const result = await tool.execute(id, { question, options }, ctx.signal, undefined, ctx);
      return result.content.map(({ text }) => text).join("");
    },
    withdraw: (call) => signals.get(call)?.abort(),
    answer: (id, response) => pending.get(id)?.(response),
  };
}
