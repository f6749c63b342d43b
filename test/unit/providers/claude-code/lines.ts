/** Claude Code's lines in the shapes of its wire, and a codec that is fed with them. */
import { claudeCodec, type ClaudeState } from "../../../../src/providers/claude-code/codec.ts";
import type { LaunchContext, ProviderFact, StartContext } from "../../../../src/providers/contract.ts";

export const U1 = "11111111-1111-4111-8111-111111111111";
export const U2 = "22222222-2222-4222-8222-222222222222";
export const S = "554690e2-0ec1-4661-aa2e-40c940fcb654";

export const context: LaunchContext = {
  command: ["/usr/bin/claude"],
  args: [],
  agentId: "a3f2b1c0",
  agentUuid: U1,
  session: null,
  cwd: "/work",
  agentDir: "/state",
  model: null,
  permissions: "ask",
  systemPrompt: null,
  trusted: false,
  env: {},
  isRoot: false,
  self: [],
};

/** A codec with its state, fed with lines; remembers what came out. */
export function session({ launch = context, ...start }: Partial<StartContext> = {}) {
  const first = claudeCodec.start({ launch, nowMs: 0, unconfirmed: [], grants: [], ...start });
  let state: ClaudeState = first.state;
  const lines: unknown[] = first.lines.map((line) => JSON.parse(line));
  const take = (step: { state: ClaudeState; facts: readonly ProviderFact[]; lines: readonly string[] }) => {
    state = JSON.parse(JSON.stringify(step.state));
    lines.push(...step.lines.map((line) => JSON.parse(line)));
    return step.facts;
  };
  const feed = (...frames: unknown[]) =>
    frames.flatMap((json) => take(claudeCodec.frame(state, { raw: JSON.stringify(json), json }, 0)));
  return {
    lines,
    feed,
    raw: (raw: string) => take(claudeCodec.frame(state, { raw, json: undefined }, 0)),
    prompt: (key: string, text = "hi", raw = false) =>
      take(claudeCodec.prompt(state, { key, text, raw, writtenAtMs: 0 }, 0)),
    interrupt: () => take(claudeCodec.interrupt(state, 0)),
    answer: (answer: Parameters<typeof claudeCodec.answer>[1]) => take(claudeCodec.answer(state, answer, 0)),
    adopt: (given: Partial<Parameters<typeof claudeCodec.adopt>[1]>) =>
      take(
        claudeCodec.adopt(state, { nowMs: 0, unconfirmed: [], unsettled: [], open: [], interrupting: false, ...given }),
      ),
    exit: (stderrTail: string) => claudeCodec.exit(state, { code: 1, stderrTail }),
    get state() {
      return state;
    },
  };
}

export function ready(start: Partial<StartContext> = {}) {
  const it = session(start);
  it.feed(initialized());
  it.lines.length = 0;
  return it;
}

export const initialized = (state = "idle", pending: unknown[] = [], id = "ah-1") => ({
  type: "control_response",
  response: {
    subtype: "success",
    request_id: id,
    response: { claude_code_version: "2.1.330", session_state: state },
    pending_permission_requests: pending,
  },
});
export const says = (state: string) => ({ type: "system", subtype: "session_state_changed", state, session_id: S });
export const lifecycle = (state: string, command_uuid = U1) => ({
  type: "command_lifecycle",
  command_uuid,
  state,
  session_id: S,
});
export const block = (id: string, content: unknown, rest: Record<string, unknown> = {}) => ({
  type: "assistant",
  message: { id, content: [content] },
  parent_tool_use_id: null,
  session_id: S,
  uuid: `u-${id}`,
  ...rest,
});
export const words = (id: string, text: string, rest = {}) => block(id, { type: "text", text }, rest);
export const toolUse = (id: string, call: string) =>
  block(id, { type: "tool_use", id: call, name: "Bash", input: { command: "ls" } });
export const toolResult = (call: string, content: unknown = "ok", rest: Record<string, unknown> = {}) => ({
  type: "user",
  message: { content: [{ type: "tool_result", tool_use_id: call, content }] },
  parent_tool_use_id: null,
  uuid: `r-${call}`,
  ...rest,
});
export const success = (rest: Record<string, unknown> = {}) => ({
  type: "result",
  subtype: "success",
  is_error: false,
  result: "x",
  terminal_reason: "completed",
  session_id: S,
  ...rest,
});
export const aborted = {
  type: "result",
  subtype: "error_during_execution",
  is_error: true,
  terminal_reason: "aborted_streaming",
  errors: ["[ede_diagnostic]"],
};
export const canUse = (id: string, rest: Record<string, unknown> = {}) => ({
  type: "control_request",
  request_id: id,
  request: {
    subtype: "can_use_tool",
    tool_name: "Bash",
    input: { command: "touch x" },
    description: "make",
    tool_use_id: `call-${id}`,
    permission_suggestions: [
      {
        type: "addRules",
        rules: [{ toolName: "Bash", ruleContent: "touch x *" }],
        behavior: "allow",
        destination: "localSettings",
      },
      { type: "addDirectories", directories: ["/work"], destination: "session" },
      { type: "setMode", mode: "acceptEdits", destination: "session" },
    ],
    ...rest,
  },
});

export const ends = (facts: readonly ProviderFact[]) => facts.filter((fact) => fact.type === "turn_ended");
export const kinds = (facts: readonly ProviderFact[]) => facts.map((fact) => fact.type);
