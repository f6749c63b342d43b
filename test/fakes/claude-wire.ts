/**
 * The stream-json frames of a fake Claude Code (2.1.330), in the order in which the real one was seen to write them,
 * the misleading ones included. Owns what a turn looks like; knows nothing of stdin.
 */
import type { Out } from "./out.ts";
import { readPath, ruleOf, ruleText, SPENT, spentResult, split } from "./claude-rules.ts";
import { Failed } from "./script.ts";
import { claudeFailure, claudeRefusal, claudeWait } from "./limits.ts";
import type { Decision, Question, SubWire, ToolCall, ToolOutcome, TurnEnd, TurnStart, Wire } from "./script.ts";

export interface Settings {
  /** `--include-partial-messages` */
  readonly partial: boolean;
  readonly version: string;
  /** CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS: without it the program never says that a turn is over. */
  readonly stateEvents: boolean;
  /** `--permission-prompt-tool stdio`: without it everything that would ask is denied. */
  readonly asks: boolean;
}

/** What the permission machinery and the wire share. */
export interface Session {
  id: string;
  mode: string;
  state: "idle" | "running" | "requires_action";
  readonly model: string;
  readonly cwd: string;
  /** Rules like `Bash(touch x)` that hold for this process. */
  readonly rules: Set<string>;
  /** Requests without an answer, as they were sent. */
  readonly pending: Map<
    string,
    { readonly request: Record<string, unknown>; settle(response: Record<string, unknown>): void }
  >;
  /** Answers of the model so far, as they were saved with the session: a kill loses what came after the last turn. */
  answers: number;
  /** Of them, those of this process: what its budget is compared with. */
  own: number;
  /** `--max-budget-usd`; null = none. */
  readonly maxUsd: number | null;
  turns: number;
}

/** What one answer of the model costs and uses. */
export const ANSWER = { usd: 0.5, input: 100, output: 20 } as const;

export interface ClaudeWire extends Wire {
  state(state: Session["state"]): void;
  lifecycle(uuid: string, state: string): void;
  /** What a local command (`/clear`) prints instead of a turn of the model. */
  localResult(command: string): void;
}

export function claudeWire(
  out: Out,
  session: Session,
  settings: Settings,
  onEnd: (turn: TurnStart) => void,
): ClaudeWire {
  let parentReported = false;
  let retried = 0;

  const line = (value: Record<string, unknown>) =>
    out.line({ ...value, session_id: session.id, uuid: crypto.randomUUID() });
  const system = (subtype: string, rest: Record<string, unknown> = {}) => line({ type: "system", subtype, ...rest });
  const state = (next: Session["state"]) => {
    session.state = next;
    if (settings.stateEvents) system("session_state_changed", { state: next });
  };
  const lifecycle = (command_uuid: string, progress: string) =>
    line({ type: "command_lifecycle", command_uuid, state: progress });
  const init = () =>
    system("init", {
      cwd: session.cwd,
      model: session.model,
      permissionMode: session.mode,
      tools: ["Bash"],
      mcp_servers: [],
      claude_code_version: settings.version,
    });
  const stream = (event: Record<string, unknown>) =>
    settings.partial && line({ type: "stream_event", event, parent_tool_use_id: null });

  const result = (rest: Record<string, unknown>) => {
    session.turns += 1;
    const model = {
      inputTokens: ANSWER.input * session.answers,
      outputTokens: ANSWER.output * session.answers,
      cacheReadInputTokens: 0,
      cacheCreationInputTokens: 0,
    };
    line({
      type: "result",
      subtype: "success",
      is_error: false,
      num_turns: 1,
      stop_reason: "end_turn",
      total_cost_usd: ANSWER.usd * session.answers,
      usage: { input_tokens: ANSWER.input, output_tokens: ANSWER.output },
      modelUsage: { [session.model]: model },
      permission_denials: [],
      terminal_reason: "completed",
      queued_turn_count: 0,
      result_index: session.turns - 1,
      ...rest,
    });
  };

  /** One wire for the agent itself, one for each sub-agent: these differ in what every line carries. */
  function speaker(marks: { parent_tool_use_id: string | null; agent_id?: string }) {
    const main = marks.parent_tool_use_id === null;
    let answer = "";
    /** Counts once a message, however many lines and frames it has. */
    const answered = (id: string): void => {
      if (id === answer) return;
      answer = id;
      session.answers += 1;
      session.own += 1;
    };
    const assistant = (id: string, block: Record<string, unknown>, rest: Record<string, unknown> = {}) => {
      answered(id);
      line({
        type: "assistant",
        message: {
          id,
          type: "message",
          role: "assistant",
          model: session.model,
          content: [block],
          stop_reason: null,
          usage: { input_tokens: ANSWER.input, output_tokens: 1 },
        },
        ...marks,
        ...rest,
      });
    };
    const user = (content: readonly Record<string, unknown>[], rest: Record<string, unknown> = {}) =>
      line({ type: "user", message: { role: "user", content }, ...marks, ...rest });
    const streamed = (event: Record<string, unknown>) => main && stream(event);
    const messageId = () => `msg_${crypto.randomUUID()}`;

    /** Looked at after each answer; and from then on before the first one of each input. */
    const fence = (): void => {
      if (session.maxUsd !== null && session.own * ANSWER.usd >= session.maxUsd)
        throw new Failed(SPENT, `Reached maximum budget ($${session.maxUsd})`);
    };

    async function say(blocks: readonly string[], chunks: number, pause: () => Promise<void>): Promise<void> {
      fence();
      const id = messageId();
      if (main) system("status", { status: "requesting" });
      streamed({ type: "message_start", message: { id, role: "assistant", content: [] } });
      for (const [index, text] of blocks.entries()) {
        const pieces = split(text, chunks);
        const half = Math.ceil(pieces.length / 2);
        streamed({ type: "content_block_start", index, content_block: { type: "text", text: "" } });
        const delta = (piece: string) =>
          streamed({ type: "content_block_delta", index, delta: { type: "text_delta", text: piece } });
        pieces.slice(0, half).forEach(delta);
        if (index === 0) {
          try {
            await pause();
          } catch (interrupted) {
            // The partial text is kept, and the stream's end is made up.
            assistant(id, { type: "text", text: pieces.slice(0, half).join("") }, { aborted: true });
            streamed({ type: "content_block_stop", index });
            streamed({ type: "message_stop" });
            throw interrupted;
          }
        }
        pieces.slice(half).forEach(delta);
        assistant(id, { type: "text", text });
        streamed({ type: "content_block_stop", index });
      }
      streamed({
        type: "message_delta",
        delta: { stop_reason: "end_turn" },
        usage: { output_tokens: ANSWER.output },
      });
      streamed({ type: "message_stop" });
      fence();
    }

    const toolCall = ({ id, name, input }: ToolCall) => assistant(messageId(), { type: "tool_use", id, name, input });
    const toolResult = (call: ToolCall, outcome: ToolOutcome) =>
      user([{ tool_use_id: call.id, type: "tool_result", content: outcome.text, is_error: outcome.isError }]);

    async function ask(call: ToolCall): Promise<Decision> {
      if (session.mode === "bypassPermissions" || session.rules.has(ruleText(ruleOf(call.name, call.input))))
        return { allow: true };
      if (!settings.asks || session.mode === "dontAsk") {
        const message = "Permission to use this tool has been denied.";
        system("permission_denied", { tool_name: call.name, tool_use_id: call.id, message });
        return { allow: false, message };
      }
      const rule = {
        type: "addRules",
        rules: [ruleOf(call.name, call.input)],
        behavior: "allow",
        destination: "localSettings",
      };
      const mode = { type: "setMode", mode: "acceptEdits", destination: "session" };
      const response = await request(call, { permission_suggestions: [rule, mode] });
      if (response["behavior"] !== "allow") return { allow: false, message: String(response["message"] ?? "no") };
      return { allow: true };
    }

    function request(call: ToolCall, rest: Record<string, unknown>): Promise<Record<string, unknown>> {
      const agent = marks.agent_id === undefined ? {} : { agent_id: marks.agent_id };
      const request = {
        subtype: "can_use_tool",
        tool_name: call.name,
        display_name: call.name,
        input: call.input,
        tool_use_id: call.id,
        ...rest,
        ...agent,
      };
      state("requires_action");
      return new Promise((resolve) => {
        const settle = (response: Record<string, unknown>) => {
          session.pending.delete(call.id);
          if (session.pending.size === 0) state("running");
          resolve(response);
        };
        session.pending.set(call.id, { request, settle });
        out.line({ type: "control_request", request_id: call.id, request });
      });
    }

    async function question({ id, question: words, options }: Question): Promise<string> {
      const input = {
        questions: [
          {
            question: words,
            header: "Choice",
            multiSelect: false,
            options: options.map((label) => ({ label, description: label })),
          },
        ],
      };
      const call = { id, name: "AskUserQuestion", input };
      toolCall(call);
      const response = await request(call, { requires_user_interaction: true });
      const chosen = JSON.stringify(readPath(response, "updatedInput", "answers") ?? response["message"] ?? null);
      user([
        {
          tool_use_id: id,
          type: "tool_result",
          content: `Your questions have been answered: ${chosen}`,
          is_error: response["behavior"] !== "allow",
        },
      ]);
      return chosen;
    }

    function withdraw(id: string): void {
      if (!session.pending.delete(id)) return;
      out.line({ type: "control_cancel_request", request_id: id });
      if (session.pending.size === 0) state("running");
    }

    const think = (thinking: string) => assistant(messageId(), { type: "thinking", thinking, signature: "c2ln" });
    return { say, think, toolCall, toolResult, ask, question, withdraw, assistant, user };
  }

  const self = speaker({ parent_tool_use_id: null });
  const nag = "[Your previous response had no visible output. Please continue and produce a user-visible response.]";

  const wire: ClaudeWire = {
    ...self,
    parallelAsks: false,
    state,
    lifecycle,
    localResult: (command) => {
      init();
      result({ result: "", local_command: command, num_turns: 0, stop_reason: null });
    },
    turnStart(turn) {
      parentReported = false;
      retried = 0;
      if (session.state === "idle") state("running");
      if (turn.key !== null) lifecycle(turn.key, "started");
      init();
    },
    turnEnd(turn, end) {
      const cutShort = parentReported && end.outcome === "interrupted";
      if (!cutShort) endFrames(turn, end);
      else system("background_tasks_changed", { tasks: [] });
      onEnd(turn);
      const cancelled = end.outcome === "interrupted" && end.openTools.length === 0;
      if (turn.key !== null && !parentReported) lifecycle(turn.key, cancelled ? "cancelled" : "completed");
      state("idle");
    },
    empty: () => self.user([{ type: "text", text: nag }], { isSynthetic: true }),
    retry(attempt, of, status) {
      retried = attempt;
      const error = status === 401 ? "authentication_failed" : "overloaded";
      system("api_retry", { attempt, max_retries: of, retry_delay_ms: 500, error_status: status, error });
    },
    limitWait(until) {
      const { event, retry } = claudeWait(until);
      line(event);
      system("api_retry", retry);
    },
    background(tasks) {
      const list = Array.from({ length: tasks }, (_, n) => ({
        task_id: `task${n}`,
        task_type: "local_bash",
        description: "background",
      }));
      system("background_tasks_changed", { tasks: list });
    },
    subagent(id): SubWire {
      const call = { id: `call_${id}`, name: "Agent", input: { description: "sub job", run_in_background: true } };
      self.toolCall(call);
      system("background_tasks_changed", {
        tasks: [{ task_id: id, task_type: "local_agent", description: "sub job" }],
      });
      system("task_started", { task_id: id, tool_use_id: call.id, task_type: "local_agent", is_backgrounded: true });
      self.toolResult(call, { text: "Async agent launched successfully.", isError: false, denied: false });
      const sub = speaker({ parent_tool_use_id: call.id, agent_id: id });
      return {
        wire: { ...wire, ...sub, empty: () => undefined },
        done(summary) {
          system("task_notification", { task_id: id, tool_use_id: call.id, status: "completed", summary });
          system("background_tasks_changed", { tasks: [] });
          init();
        },
      };
    },
    // The trap: a `result` that says success, and a receipt, while a sub-agent still runs. No `idle` follows.
    parentDone(turn, lastText) {
      parentReported = true;
      result({ result: lastText });
      if (turn.key !== null) lifecycle(turn.key, "completed");
    },
    raw: out.raw,
    cut: out.cut,
    release: out.release,
  };

  function endFrames(turn: TurnStart, end: TurnEnd): void {
    const origin = turn.origin === "agent" || parentReported ? { origin: { kind: "task-notification" } } : {};
    switch (end.outcome) {
      case "completed":
        result({ result: end.lastText, ...origin });
        return;
      case "failed": {
        if (end.code === SPENT) return result(spentResult(end.message));
        const message = claudeFailure(end.message);
        const refusal = claudeRefusal(end);
        const status = refusal?.status ?? (retried > 0 ? 529 : 400);
        for (const frame of refusal?.frames ?? []) line(frame);
        line({
          type: "assistant",
          message,
          parent_tool_use_id: null,
          error: end.code,
          is_api_error_message: true,
          api_error_status: status,
          ...refusal?.line,
        });
        // The trap: the subtype of a failure is "success".
        result({
          is_error: true,
          result: end.message,
          terminal_reason: "api_error",
          api_error_status: status,
          stop_reason: "stop_sequence",
        });
        return;
      }
      case "interrupted": {
        for (const call of end.openTools)
          self.toolResult(call, { text: "The tool use was stopped.", isError: true, denied: true });
        const inTool = end.openTools.length > 0;
        self.user([{ type: "text", text: `[Request interrupted by user${inTool ? " for tool use" : ""}]` }]);
        result({
          subtype: "error_during_execution",
          is_error: true,
          result: undefined,
          stop_reason: null,
          errors: ["[ede_diagnostic] interrupted"],
          terminal_reason: inTool ? "aborted_tools" : "aborted_streaming",
        });
      }
    }
  }

  return wire;
}
