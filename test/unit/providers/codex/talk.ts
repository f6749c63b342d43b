/** A talk with the codec, line by line, as Codex would have it: the frames, and what is told of them. */
import { codexCodec, type CodexState } from "../../../../src/providers/codex/codec.ts";
import type { AdoptContext, LaunchContext, ProviderFact, Step } from "../../../../src/providers/contract.ts";
import type { PromptInput } from "../../../../src/words/said.ts";

export const OWN = "thread-own";
export const CHILD = "thread-child";

export function launch(changes: Partial<LaunchContext> = {}): LaunchContext {
  return {
    command: ["/usr/bin/codex"],
    args: [],
    agentId: "a3f2b1c0",
    agentUuid: "00000000-0000-4000-8000-000000000000",
    session: null,
    cwd: "/home/me/project",
    agentDir: "/state/a",
    model: null,
    permissions: "ask",
    systemPrompt: null,
    trusted: false,
    env: {},
    isRoot: false,
    self: [],
    ...changes,
  };
}

export interface Talk {
  state: CodexState;
  facts: ProviderFact[];
  lines: Record<string, unknown>[];
  do(step: (state: CodexState) => Step<CodexState>): Talk;
  frames(...frames: readonly object[]): Talk;
  /** Forgets what was said so far. */
  fresh(): Talk;
}

export function talk(first: Step<CodexState>): Talk {
  const it: Talk = {
    state: first.state,
    facts: [],
    lines: [],
    do(step) {
      const { state, facts, lines } = step(it.state);
      it.state = JSON.parse(JSON.stringify(state));
      it.facts.push(...facts);
      it.lines.push(...lines.map((line): Record<string, unknown> => JSON.parse(line)));
      return it;
    },
    frames(...frames) {
      for (const json of frames) it.do((state) => codexCodec.frame(state, { raw: JSON.stringify(json), json }, 0));
      return it;
    },
    fresh() {
      it.facts = [];
      it.lines = [];
      return it;
    },
  };
  return it.do(() => first);
}

export function begun(context: LaunchContext = launch(), unconfirmed: readonly PromptInput[] = []): Talk {
  return talk(codexCodec.start({ launch: context, nowMs: 0, unconfirmed, grants: [] }));
}

export const initializeAnswer = { id: 1, result: { userAgent: "agent-harness/0.169.0 (Linux)" } };
export const openAnswer = { id: 2, result: { thread: { id: OWN, status: { type: "idle" } } } };

export function ready(context: LaunchContext = launch()): Talk {
  return begun(context).frames(initializeAnswer, openAnswer).fresh();
}

export function prompted(it: Talk = ready(), key = "k1"): Talk {
  return it.do((state) => codexCodec.prompt(state, { key, text: "hi", raw: false, writtenAtMs: 0 }, 0));
}

export const notify = (method: string, params: object) => ({ method, params });
export const started = (turn: string, threadId = OWN) =>
  notify("turn/started", { threadId, turn: { id: turn, status: "inProgress" } });
export const completed = (turn: string, status = "completed", threadId = OWN, error: object | null = null) =>
  notify("turn/completed", { threadId, turn: { id: turn, items: [], status, error } });
export const running = (turn = "t1") =>
  prompted()
    .frames({ id: 3, result: { turn: { id: turn } } }, started(turn))
    .fresh();
export const approval = (id: number, threadId = OWN) => ({
  method: "item/commandExecution/requestApproval",
  id,
  params: { threadId, turnId: "t", itemId: "i", command: "make", cwd: "/p" },
});
export const input = (key: string) => ({ key, text: "hi", raw: false, writtenAtMs: 0 });
export const adopt = (context: Partial<AdoptContext>) => (state: CodexState) =>
  codexCodec.adopt(state, { nowMs: 0, unconfirmed: [], unsettled: [], open: [], interrupting: false, ...context });
export const types = (it: Talk) => it.facts.map((fact) => fact.type);
