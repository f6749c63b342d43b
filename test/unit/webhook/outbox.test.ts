/**
 * A notice carries only words of the turns that it reports. Looked for words of another turn in what every event of
 * webhook/outbox.ts takes from the store: a completed, a failed and a silent turn, a start that failed, a permission, a
 * stall. All took the newest message of the agent, whichever turn it was of; GET messages/last names its turn.
 */
import { beforeEach, expect, test } from "bun:test";
import { NEW_TURN, initialState } from "../../../src/store/agent-state.ts";
import type { Agent } from "../../../src/store/agents.ts";
import { insertAgent } from "../../../src/store/agents.ts";
import type { Store } from "../../../src/store/database.ts";
import { openStore } from "../../../src/store/database.ts";
import { appendPart } from "../../../src/store/messages.ts";
import { insertProject } from "../../../src/store/projects.ts";
import { endTurn, insertTurn } from "../../../src/store/turns.ts";
import type { NoticeRequest } from "../../../src/webhook/outbox.ts";
import { enqueueNotice } from "../../../src/webhook/outbox.ts";
import type { AgentState, Turn, TurnOutcome } from "../../../src/words/agent.ts";

const ID = "a3f2b1c0";
const settings = { model: null, permissions: null, systemPrompt: null, env: {}, webhook: null, metadata: {} };
const agent: Agent = {
  id: ID,
  project: "p",
  name: null,
  provider: "x",
  uuid: "u",
  state: initialState(0),
  settings,
  createdAt: 0,
  updatedAt: 0,
};
const turnOf = (n: number): Turn => ({
  ...NEW_TURN,
  id: `${ID}-${n}`,
  origin: "agent",
  input: null,
  startedAt: n,
});
let store: Store;

function turn(n: number, outcome: TurnOutcome | null, ...said: string[]): void {
  insertTurn(store, ID, n, turnOf(n));
  for (const [i, text] of said.entries())
    appendPart(store, {
      agent: ID,
      turn: `${ID}-${n}`,
      run: 1,
      key: `${n}-${i}`,
      role: "assistant",
      part: { type: "text", text },
      at: n,
    });
  if (outcome !== null) endTurn(store, { id: `${ID}-${n}`, origin: "agent", startedAt: n, endedAt: n + 1, outcome });
}

function told(notice: NoticeRequest, state: Partial<AgentState> = {}): Record<string, unknown> {
  const config = { url: "http://127.0.0.1:1/" };
  store.transact(() => enqueueNotice(store, config, agent, notice, { ...initialState(0), ...state }, () => "m1", 5));
  return JSON.parse(store.get<{ body: string }>("SELECT body FROM deliveries WHERE id = 'm1'")?.body ?? "null");
}

beforeEach(() => {
  store = openStore(":memory:");
  insertProject(store, {
    name: "p",
    cwd: "/",
    trusted: null,
    webhook: null,
    defaults: {},
    budgetPerDay: null,
    createdAt: 1,
  });
  insertAgent(store, agent);
  turn(1, "completed", "the old answer");
});

test("a turn that failed without a word is not told with the answer of the one before", () => {
  turn(2, "failed");
  expect(told({ event: "agent_error", turns: [`${ID}-2`] })).toMatchObject({ lastMessage: null, turnId: `${ID}-2` });
});

test("of several turns it is the last words that any of them said", () => {
  turn(2, "completed", "first", "second");
  turn(3, "completed");
  const { lastMessage, turnId } = told({ event: "agent_completed", turns: [`${ID}-2`, `${ID}-3`] });
  expect([lastMessage, turnId]).toEqual(["second", `${ID}-3`]);
});

test("a start that failed has no turn, and so no words", () => {
  expect(told({ event: "agent_exited", turns: [] })).toMatchObject({ lastMessage: null });
});

test("a question is told with what its own turn has said so far", () => {
  turn(2, null);
  expect(told({ event: "agent_waiting_input", turns: [], permission: "p1" }, { turn: turnOf(2) })).toMatchObject({
    lastMessage: null,
    turnId: `${ID}-2`,
    status: "waiting_input",
  });
});

test("a turn that makes no progress is named, with its own words and the reason", () => {
  turn(2, null, "let me see");
  const error = { code: "NO_PROGRESS", message: "no frame for 300000 ms" };
  const state = { status: "processing", turn: turnOf(2) } as const;
  expect(told({ event: "agent_stalled", turns: [], turn: `${ID}-2`, error }, state)).toMatchObject({
    lastMessage: "let me see",
    turnId: `${ID}-2`,
    status: "processing",
    error,
  });
});
