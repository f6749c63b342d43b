/**
 * Short ways to talk to the Pi codec in tests: frames in, facts and lines out, the state through JSON as the daemon
 * keeps it.
 */
import type { LaunchContext, ProviderFact, Step } from "../../../../src/providers/contract.ts";
import type { PiState } from "../../../../src/providers/pi/codec.ts";
import { piCodec } from "../../../../src/providers/pi/codec.ts";
import type { PromptInput } from "../../../../src/words/said.ts";

export function launchContext(changes: Partial<LaunchContext> = {}): LaunchContext {
  return {
    command: ["/usr/bin/pi"],
    args: [],
    agentId: "a3f2b1c0",
    agentUuid: "4a1f0c1e-7a52-4f0e-9d7c-1f0f6f1a2b3c",
    session: null,
    cwd: "/project",
    agentDir: "/state/agents/a3f2b1c0",
    model: "anthropic/opus",
    permissions: "ask",
    systemPrompt: null,
    trusted: false,
    env: {},
    isRoot: false,
    self: ["/usr/bin/agent-harness"],
    ...changes,
  };
}

export interface Talk {
  state: PiState;
  /** All that came out since the last `take`. */
  facts: ProviderFact[];
  lines: Record<string, unknown>[];
  frames(...frames: readonly unknown[]): Talk;
  do(step: (state: PiState) => Step<PiState>): Talk;
  prompt(text: string, input?: Partial<PromptInput>): Talk;
  take(): { facts: ProviderFact[]; lines: Record<string, unknown>[] };
}

export function talk(begin: Step<PiState>): Talk {
  const it: Talk = {
    state: begin.state,
    facts: [],
    lines: [],
    do(step) {
      apply(step(it.state));
      return it;
    },
    frames(...frames) {
      for (const frame of frames) apply(piCodec.frame(it.state, { raw: JSON.stringify(frame), json: frame }, 0));
      return it;
    },
    prompt: (text, input = {}) =>
      it.do((state) => piCodec.prompt(state, { key: "k1", text, raw: false, writtenAtMs: 1000, ...input }, 0)),
    take() {
      const { facts, lines } = it;
      it.facts = [];
      it.lines = [];
      return { facts, lines };
    },
  };
  function apply({ state, facts, lines }: Step<PiState>): void {
    it.state = JSON.parse(JSON.stringify(state));
    it.facts.push(...facts);
    it.lines.push(...lines.map((line): Record<string, unknown> => JSON.parse(line)));
  }
  apply(begin);
  return it;
}

export function response(command: string, id: string, data: object = {}, success = true): object {
  return { id, type: "response", command, success, ...(success ? { data } : data) };
}

export const handshake = [
  response("get_state", "handshake-get_state", {
    sessionId: "s1",
    isStreaming: false,
    isCompacting: false,
    model: { provider: "anthropic", id: "opus" },
  }),
  response("clear_queue", "handshake-clear_queue", { steering: [], followUp: [] }),
  response("get_session_stats", "handshake-get_session_stats", {
    tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    cost: 0,
  }),
];

/** A process that is ready, with nothing left over from its handshake. */
export function readyTalk(launch: Partial<LaunchContext> = {}, grants: readonly unknown[] = []): Talk {
  const it = talk(piCodec.start({ launch: launchContext(launch), nowMs: 0, unconfirmed: [], grants })).frames(
    ...handshake,
  );
  it.take();
  return it;
}

const message = (role: string, text: string) => ({ role, content: [{ type: "text", text }], timestamp: 2000 });
export const start = [{ type: "agent_start" }, { type: "turn_start" }];
export const user = (text: string) => ({ type: "message_end", message: message("user", text) });
export const assistant = (text: string, more: object = {}) => ({
  type: "message_end",
  message: { ...message("assistant", text), ...(text === "" ? { content: [] } : {}), stopReason: "stop", ...more },
});
export const turnEnd = { type: "turn_end", message: {}, toolResults: [] };
export const agentEnd = { type: "agent_end", messages: [], willRetry: false };
export const settled = { type: "agent_settled" };
export const toolStart = (call: string) => ({
  type: "tool_execution_start",
  toolCallId: call,
  toolName: "bash",
  args: {},
});
export const toolEnd = (call: string) => ({
  type: "tool_execution_end",
  toolCallId: call,
  toolName: "bash",
  result: {},
  isError: false,
});

export const ended = (facts: readonly ProviderFact[]) => facts.filter((fact) => fact.type === "turn_ended");
