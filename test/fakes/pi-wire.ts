/**
 * The frames of the fake Pi: the steps of a script in the shapes of `pi --mode rpc`, with what is misleading about
 * them.
 */
import type { createHistory, Out } from "./out.ts";
import type { ExtensionHost } from "./pi-host.ts";
import { piRefusal } from "./limits.ts";
import type { ToolCall, TurnStart, Wire } from "./script.ts";

export interface HistoryRecord {
  readonly id: string;
  readonly role: "user" | "assistant";
  readonly text: string;
  readonly timestamp: number;
  /** Such an answer of the model used nothing. */
  readonly failed?: true;
}

export interface PiWireOptions {
  readonly out: Out;
  readonly history: ReturnType<typeof createHistory<HistoryRecord>>;
  readonly host: ExtensionHost;
  /** 1.x: tells what was aborted. Before, an aborted tool ends in an error message. */
  readonly modern: boolean;
  /** Very old versions have no agent_settled. */
  readonly settles: boolean;
}

/** What was used by so many answers. */
export function totalsOf(answers: number): Record<string, unknown> {
  const [input, output] = [USAGE.input * answers, USAGE.output * answers];
  return {
    tokens: { input, output, cacheRead: 0, cacheWrite: 0, total: input + output },
    cost: USAGE.cost.total * answers,
  };
}

export interface PiWire {
  readonly wire: Wire;
  /** Everything in the session, also what is not in the file yet. */
  entries(): HistoryRecord[];
  /** A prompt was lost: its agent_settled comes in the middle of the next run. */
  stray(): void;
  onStart(then: () => void): void;
  afterTurn(then: () => void): void;
}

type Block =
  | { type: "text"; text: string }
  | { type: "thinking"; thinking: string }
  | {
      type: "toolCall";
      id: string;
      name: string;
      arguments: unknown;
    };

/** FAKE_NO_PRICE: its model has none in the catalogue. */
const free = process.env["FAKE_NO_PRICE"] !== undefined;
const COST = { input: 0.001, output: 0.000014, cacheRead: 0, cacheWrite: 0, total: free ? 0 : 0.001014 };
const USAGE = { input: 1000, output: 7, cacheRead: 0, cacheWrite: 0, totalTokens: 1007, cost: COST };
const NO_USAGE = { ...USAGE, input: 0, output: 0, totalTokens: 0, cost: { ...COST, input: 0, output: 0, total: 0 } };

export function createPiWire({ out, history, host, modern, settles }: PiWireOptions): PiWire {
  /** The file is made with the first answer: what a crash before it loses. */
  let unsaved: HistoryRecord[] = [];
  let thinking: Block[] = [];
  let strays = 0;
  let retries = 0;
  let abortedSaid = false;
  let compactions = 0;
  const starts: (() => void)[] = [];
  let ends: (() => void)[] = [];
  /** An assistant message since the last attempt began: another one begins a new Pi "turn". */
  let spoke = false;

  function save(role: HistoryRecord["role"], text: string, failed = false): number {
    const timestamp = Date.now();
    const id = crypto.randomUUID().slice(0, 8);
    unsaved.push({ id, role, text, timestamp, ...(failed ? { failed: true as const } : {}) });
    if (role === "user" && history.read().length === 0) return timestamp;
    for (const record of unsaved.splice(0)) history.append(record);
    return timestamp;
  }

  function message(body: object, of: "message_start" | "message_end" = "message_end"): void {
    out.line({ type: of, message: body });
  }

  function user(text: string): void {
    const body = { role: "user", content: [{ type: "text", text }], timestamp: save("user", text) };
    message(body, "message_start");
    message(body);
  }

  function assistantStart(): void {
    if (spoke) out.line({ type: "turn_start" });
    spoke = true;
    message(
      {
        role: "assistant",
        content: [],
        model: "fake-1",
        usage: NO_USAGE,
        stopReason: "pending",
        timestamp: Date.now(),
      },
      "message_start",
    );
  }

  function assistantEnd(content: readonly Block[], stopReason: string, errorMessage?: string): void {
    const failed = stopReason === "error" || stopReason === "aborted";
    const body = {
      role: "assistant",
      content,
      model: "fake-1",
      usage: failed ? NO_USAGE : USAGE,
      stopReason,
      ...(errorMessage === undefined ? {} : { errorMessage }),
      timestamp: Date.now(),
    };
    if (!failed) endRetry();
    message(body);
    save("assistant", content.map((block) => (block.type === "text" ? block.text : "")).join(""), failed);
    if (stopReason !== "toolUse") out.line({ type: "turn_end", message: body, toolResults: [] });
  }

  function failAttempt(errorMessage: string, willRetry: boolean): void {
    assistantStart();
    assistantEnd([], "error", errorMessage);
    out.line({ type: "agent_end", messages: [], willRetry });
    spoke = false;
  }

  function endRetry(): void {
    if (retries === 0) return;
    out.line({ type: "auto_retry_end", success: true, attempt: retries });
    retries = 0;
  }

  function take(): Block[] {
    const taken = thinking;
    thinking = [];
    return taken;
  }

  function toolEnd(call: ToolCall, text: string, isError: boolean): void {
    const content = [{ type: "text", text }];
    out.line({ type: "tool_execution_end", toolCallId: call.id, toolName: call.name, result: { content }, isError });
    const body = {
      role: "toolResult",
      toolCallId: call.id,
      toolName: call.name,
      content,
      isError,
      timestamp: Date.now(),
    };
    message(body, "message_start");
    message(body);
    out.line({ type: "turn_end", message: {}, toolResults: [] });
  }

  function toolStart(call: ToolCall): void {
    assistantStart();
    out.line({
      type: "message_update",
      usage: USAGE,
      assistantMessageEvent: { type: "toolcall_start", contentIndex: 0, id: call.id, toolName: call.name },
    });
    assistantEnd([...take(), { type: "toolCall", id: call.id, name: call.name, arguments: call.input }], "toolUse");
    out.line({ type: "tool_execution_start", toolCallId: call.id, toolName: call.name, args: call.input });
  }

  const traps: Readonly<Record<string, () => void>> = {
    /** Too long: an end that will not be retried, and then the whole turn once more. */
    "trap:overflow"() {
      failAttempt(
        '400: {"message":"context too long","type":"invalid_request_error","code":"context_length_exceeded"}',
        false,
      );
      out.line({ type: "compaction_start", reason: "overflow" });
      out.line({
        type: "compaction_end",
        reason: "overflow",
        result: { summary: `summary ${++compactions}`, usage: USAGE },
        aborted: false,
        willRetry: true,
      });
      out.line({ type: "agent_start" });
      out.line({ type: "turn_start" });
    },
    /** Somebody else's message, taken from Pi's queue within the same run. */
    "trap:queued"() {
      out.line({ type: "queue_update", steering: [], followUp: [] });
      user("queued by an extension");
    },
    /** An error that looks final and is mended. */
    "trap:error"() {
      failAttempt("Connection error.", true);
      out.line({
        type: "auto_retry_start",
        attempt: ++retries,
        maxAttempts: 3,
        delayMs: 1,
        errorMessage: "Connection error.",
      });
      out.line({ type: "agent_start" });
      out.line({ type: "turn_start" });
    },
    /** Another extension talks to the screen. */
    "trap:mcp"() {
      out.line({
        type: "extension_ui_request",
        id: "screen",
        method: "setStatus",
        statusKey: "mcp",
        statusText: "1 server",
      });
      out.line({
        type: "extension_ui_request",
        id: "news",
        method: "notify",
        message: "MCP server is slow",
        notifyType: "warning",
      });
    },
  };

  const wire: Wire = {
    parallelAsks: false,
    turnStart({ origin, text }: TurnStart) {
      for (const then of starts) then();
      abortedSaid = false;
      spoke = false;
      out.line({ type: "agent_start" });
      for (; strays > 0; strays -= 1) out.line({ type: "agent_settled" });
      out.line({ type: "turn_start" });
      if (origin === "input") user(text);
    },
    turnEnd(_turn, end) {
      if (end.outcome === "failed") {
        const body = JSON.stringify({ message: end.message, type: end.code, code: end.code });
        const finalError = piRefusal(end) ?? `500: ${body}`;
        failAttempt(finalError, false);
        if (retries > 0) out.line({ type: "auto_retry_end", success: false, attempt: retries, finalError });
      } else {
        if (end.outcome === "interrupted" && !abortedSaid) {
          for (const call of end.openTools) toolEnd(call, "Command aborted", true);
          assistantStart();
          assistantEnd([], modern || end.openTools.length === 0 ? "aborted" : "error", "This operation was aborted");
        }
        if (end.outcome === "interrupted" && retries > 0)
          out.line({ type: "auto_retry_end", success: false, attempt: retries, finalError: "Retry cancelled" });
        out.line({ type: "agent_end", messages: [], willRetry: false });
      }
      retries = 0;
      if (settles) out.line({ type: "agent_settled", ...(modern ? { aborted: end.outcome === "interrupted" } : {}) });
      for (const then of ends.splice(0)) then();
    },
    async say(blocks, chunks, pause) {
      assistantStart();
      const said: Block[] = take();
      const update = (event: object) =>
        out.line({ type: "message_update", usage: NO_USAGE, assistantMessageEvent: event });
      const half = blocks.length === 1 ? 0 : Math.floor(blocks.length / 2);
      for (const [at, text] of blocks.entries()) {
        const contentIndex = said.length;
        const points = [...text];
        const size = Math.max(1, Math.ceil(points.length / chunks));
        const pieces = Array.from({ length: Math.ceil(points.length / size) }, (_, n) =>
          points.slice(n * size, (n + 1) * size).join(""),
        );
        const middle = Math.floor(pieces.length / 2);
        update({ type: "text_start", contentIndex });
        for (const [n, delta] of pieces.entries()) {
          if (at === half && n === middle) {
            try {
              await pause();
            } catch (interrupted) {
              const part = pieces.slice(0, n).join("");
              assistantEnd(
                part === "" ? said : [...said, { type: "text", text: part }],
                "aborted",
                "Request was aborted.",
              );
              abortedSaid = true;
              throw interrupted;
            }
          }
          update({ type: "text_delta", contentIndex, delta });
        }
        update({ type: "text_end", contentIndex, content: text });
        said.push({ type: "text", text });
      }
      assistantEnd(said, "stop");
    },
    think(text) {
      thinking.push({ type: "thinking", thinking: text });
    },
    empty() {
      assistantStart();
      assistantEnd([], "stop");
    },
    toolCall(call) {
      if (traps[call.name] === undefined) toolStart(call);
    },
    toolResult(call, { text, isError }) {
      const trap = traps[call.name];
      if (trap !== undefined) return trap();
      out.line({
        type: "tool_execution_update",
        toolCallId: call.id,
        toolName: call.name,
        args: call.input,
        partialResult: { content: [] },
      });
      toolEnd(call, text, isError);
    },
    ask: (call) => host.ask(call),
    async question(question) {
      const call = {
        id: question.id,
        name: "ask_user",
        input: { question: question.question, options: question.options },
      };
      toolStart(call);
      const answer = await host.question(question);
      toolEnd(call, answer ?? "Tool ask_user not found", answer === null);
      return answer ?? "";
    },
    withdraw: (id) => host.withdraw(id),
    retry(attempt, of, status) {
      const errorMessage = `${status}: ${JSON.stringify({ message: `fake ${status}`, type: "overloaded_error" })}`;
      failAttempt(errorMessage, true);
      retries = attempt;
      out.line({ type: "auto_retry_start", attempt, maxAttempts: of, delayMs: 1, errorMessage });
      out.line({ type: "entry_appended", entry: { type: "context_edit" } });
      out.line({ type: "agent_start" });
      out.line({ type: "turn_start" });
    },
    raw: out.raw,
    cut: out.cut,
    release: out.release,
  };

  return {
    wire,
    entries: () => [...history.read(), ...unsaved],
    stray() {
      strays += 1;
    },
    onStart: (then) => void starts.push(then),
    afterTurn: (then) => void ends.push(then),
  };
}
