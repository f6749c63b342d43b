/** Drives the ACP codec line by line, without any process: the agent's lines are the test's. */
import { silenceMeter } from "../../../../src/agents/silence.ts";
import { type AcpState, acpCodec } from "../../../../src/providers/acp/codec.ts";
import type { LaunchContext, ProviderFact, Step } from "../../../../src/providers/contract.ts";
import type { Answer } from "../../../../src/words/said.ts";

export const SESSION = "ses-1";

export interface Driven {
  readonly state: AcpState;
  /** The lines that the codec wrote since the last call, as JSON. */
  sent(): readonly Record<string, unknown>[];
  /** The agent says this; returns the facts of that line. */
  says(message: Record<string, unknown>): readonly ProviderFact[];
  raw(line: string): readonly ProviderFact[];
  update(body: Record<string, unknown>, session?: string): readonly ProviderFact[];
  text(text: string, messageId?: string): readonly ProviderFact[];
  prompt(text?: string, raw?: boolean): readonly ProviderFact[];
  /** Nothing comes for so long. */
  silence(ms: number): readonly ProviderFact[];
  /** Answers the open prompt; more may follow. */
  answered(result: Record<string, unknown>): readonly ProviderFact[];
  /** Answers the open prompt, and is quiet. */
  ends(result: Record<string, unknown>): readonly ProviderFact[];
  fails(error: Record<string, unknown>): readonly ProviderFact[];
  interrupt(): readonly ProviderFact[];
  answer(id: string, decision: Answer["decision"], data: unknown): readonly ProviderFact[];
  adopt(options: { readonly unsettled?: readonly Answer[]; readonly interrupting?: boolean }): readonly ProviderFact[];
  exit(): readonly ProviderFact[];
}

export function launchOf(more: Partial<LaunchContext> = {}): LaunchContext {
  return {
    command: ["some-agent"],
    args: ["--acp"],
    agentId: "a3f2b1c0",
    agentUuid: "00000000-0000-4000-8000-000000000000",
    session: null,
    cwd: "/srv/project",
    agentDir: "/srv/agent",
    model: null,
    permissions: "ask",
    systemPrompt: null,
    trusted: true,
    env: {},
    isRoot: false,
    self: ["agent-harness"],
    ...more,
  };
}

/** A codec that has sent initialize. */
export function drive(
  launch: Partial<LaunchContext> = {},
  grants: readonly unknown[] = [],
): Driven & { readonly began: readonly ProviderFact[] } {
  let lines: string[] = [];
  let prompts = 0;
  let ranMs = 0;

  const first = acpCodec.start({ launch: launchOf(launch), nowMs: 0, unconfirmed: [], grants });
  let state = first.state;
  lines.push(...first.lines);
  const quietIn = silenceMeter({ now: () => ranMs }, () => acpCodec.silence?.(state) ?? []);

  function take(step: Step<AcpState>): readonly ProviderFact[] {
    // The store keeps the state as JSON: what does not survive that would be lost in a restart.
    state = JSON.parse(JSON.stringify(step.state));
    lines.push(...step.lines);
    quietIn();
    return step.facts;
  }
  const says = (message: Record<string, unknown>) =>
    take(acpCodec.frame(state, { raw: "", json: { jsonrpc: "2.0", ...message } }, 0));
  /** Time passes without a line, and when that was long enough, the daemon asks whether it says something. */
  const silence = (ms: number) => {
    ranMs += ms;
    return quietIn() <= 0 ? take(acpCodec.quiet?.(state) ?? { state, facts: [], lines: [] }) : [];
  };
  const update = (body: Record<string, unknown>, session = SESSION) =>
    says({ method: "session/update", params: { sessionId: session, update: body } });

  return {
    began: first.facts,
    get state() {
      return state;
    },
    sent() {
      const sent = lines.map((line): Record<string, unknown> => JSON.parse(line));
      lines = [];
      return sent;
    },
    says,
    raw: (line) => take(acpCodec.frame(state, { raw: line, json: undefined }, 0)),
    update,
    text: (text, messageId) =>
      update({
        sessionUpdate: "agent_message_chunk",
        content: { type: "text", text },
        ...(messageId === undefined ? {} : { messageId }),
      }),
    prompt: (text = "do it", raw = false) =>
      take(acpCodec.prompt(state, { key: `k${++prompts}`, text, raw, writtenAtMs: 0 }, 0)),
    silence,
    answered: (result) => says({ id: state.prompt?.id, result }),
    ends: (result) => [...says({ id: state.prompt?.id, result }), ...silence(150)],
    fails: (error) => [...says({ id: state.prompt?.id, error }), ...silence(150)],
    interrupt: () => take(acpCodec.interrupt(state, 0)),
    answer: (id, decision, data) => take(acpCodec.answer(state, { id, decision, kind: "tool", data }, 0)),
    adopt: ({ unsettled = [], interrupting = false }) =>
      take(acpCodec.adopt(state, { nowMs: 0, unconfirmed: [], unsettled, open: [], interrupting })),
    exit: () => acpCodec.exit(state, { code: null, stderrTail: "" }),
  };
}

/** An agent that asks before it acts, as most do. */
export const MODES = { modes: { currentModeId: "default", availableModes: [{ id: "default", name: "Default" }] } };

/** The answer to session/new. */
export const OPENED = { sessionId: SESSION, ...MODES };

const INITIALIZED = {
  protocolVersion: 1,
  agentCapabilities: {},
  agentInfo: { name: "some", title: "Some Agent", version: "9.9" },
};

/** A codec with a ready new session. */
export function ready(launch: Partial<LaunchContext> = {}): Driven {
  const driven = drive(launch);
  driven.says({ id: 1, result: INITIALIZED });
  driven.says({ id: 2, result: OPENED });
  driven.sent();
  return driven;
}

export function initialized(
  capabilities: Record<string, unknown> = {},
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return { id: 1, result: { ...INITIALIZED, agentCapabilities: capabilities, ...more } };
}
