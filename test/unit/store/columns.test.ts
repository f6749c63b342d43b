/**
 * JSON in a column is damaged in every way that a disk or an upgrade knows: it costs its own column and nothing else,
 * and never the list that the row stands in. The columns are found by what is in them, so that a new one is not
 * forgotten.
 */
import { expect, test } from "bun:test";
import { NEW_TURN, initialState } from "../../../src/store/agent-state.ts";
import { causeFrame, findAgent, insertAgent, saveCauseFrame } from "../../../src/store/agents.ts";
import { openStore } from "../../../src/store/database.ts";
import { eventsAfter, insertEvent } from "../../../src/store/events.ts";
import { findLease, insertLease, saveLeaseScreen } from "../../../src/store/leases.ts";
import { appendPart, listMessages } from "../../../src/store/messages.ts";
import { grantsOf, insertPermission, listPermissions, settlePermission } from "../../../src/store/permissions.ts";
import { getProject, insertProject } from "../../../src/store/projects.ts";
import { getRun, insertRun, saveRunIdentity, saveRunProgress } from "../../../src/store/runs.ts";
import { endTurn, insertTurn, listTurns, saveResult } from "../../../src/store/turns.ts";
import { findInputByNumber, insertInput } from "../../../src/store/inputs.ts";

const store = openStore(":memory:");
insertProject(store, {
  name: "p",
  cwd: "/",
  trusted: true,
  webhook: { url: "http://127.0.0.1/", token: "t", events: ["agent_error"] },
  defaults: {
    ...{ provider: "codex", model: "m", permissions: "allow", systemPrompt: "s" },
    ...{ limits: { agentTasks: 3 }, budget: { turns: 3 } },
  },
  budgetPerDay: { costUsd: 9 },
  createdAt: 1,
});
insertAgent(store, {
  id: "a3f2b1c0",
  project: "p",
  name: "n",
  provider: "codex",
  uuid: "u",
  state: initialState(1),
  settings: {
    model: "m",
    permissions: "ask",
    systemPrompt: null,
    env: { A: "b" },
    webhook: null,
    metadata: { k: "v" },
  },
  createdAt: 1,
  updatedAt: 2,
});
const agent = "a3f2b1c0";
saveCauseFrame(store, agent, { run: 1, offset: 7, text: "{}", truncated: false });
insertInput(store, { agent, key: "k", text: "hi", raw: false, mode: "queue", origin: "user" }, 1);
insertTurn(store, agent, 1, { ...NEW_TURN, id: "t-1", origin: "input", input: 1, startedAt: 1 });
endTurn(store, {
  id: "t-1",
  origin: "input",
  startedAt: 1,
  endedAt: 2,
  outcome: "failed",
  error: { code: "X", message: "x" },
  usage: { inputTokens: 3, costUsd: 0.5, estimated: true },
  verify: { passed: false, exitCode: 1, attempts: 2, tail: "no" },
});
saveResult(store, "t-1", { done: true });
const said = { agent, turn: "t-1", run: 1, at: 3 } as const;
appendPart(store, { ...said, key: "m", role: "assistant", part: { type: "text", text: "hello" } });
appendPart(store, { ...said, key: "m", role: "assistant", part: { type: "thinking", text: "hm" } });
appendPart(store, {
  ...said,
  key: "m",
  role: "assistant",
  part: { type: "tool_use", id: "1", name: "Sh", input: [1] },
});
appendPart(store, {
  ...said,
  key: "r",
  role: "tool",
  part: { type: "tool_result", id: "1", text: "ok", isError: true },
});
insertPermission(
  store,
  { agent, id: "q", run: 1, turn: "t-1", now: 4 },
  { id: "r", kind: "question", tool: "Ask", title: "?", detail: { a: 1 }, options: ["allow", "deny"], data: [1] },
);
settlePermission(store, agent, "q", "allowed", "user", { decision: "allow", answers: { "?": ["x", "y"], z: "w" } }, 5);
insertEvent(store, {
  project: "p",
  agent,
  type: "note",
  data: { level: "info", code: "c", message: "m" },
  at: 6,
});
insertLease(store, { agent, id: "l", beganAt: 7, screen: null });
saveLeaseScreen(store, agent, { bootId: "b", pid: 1, startTicks: 2 });
insertRun(store, agent, 1, "nonce", 8);
saveRunIdentity(store, agent, 1, { bootId: "b" });
saveRunProgress(store, agent, 1, {
  codec: { v: 1 },
  offset: 9,
  frames: 1,
  unknownFrames: 0,
  skippedLines: 0,
  version: null,
  outbox: [{ id: "o", line: "{}" }],
});

/** Everything that is read of these rows, by table. */
const read = () => ({
  projects: getProject(store, "p"),
  agents: { ...findAgent(store, agent), frame: causeFrame(store, agent) },
  inputs: findInputByNumber(store, agent, 1),
  turns: listTurns(store, agent, { limit: 10 }).turns,
  messages: listMessages(store, agent, { limit: 10 }).messages,
  permissions: { all: listPermissions(store, agent), grants: grantsOf(store, agent) },
  events: eventsAfter(store, {}, 0, 10),
  leases: findLease(store, agent),
  runs: getRun(store, agent, 1),
});

const whole = read();
const isTable = (name: string): name is keyof typeof whole => Object.hasOwn(whole, name);

/** `table.column` of every column that holds JSON. */
const columns = store
  .all<{ table: string; column: string }>(
    `SELECT m.name AS "table", c.name AS "column" FROM sqlite_master m JOIN pragma_table_info(m.name) c
     WHERE m.type = 'table' AND c.type = 'TEXT' ORDER BY m.name, c.cid`,
  )
  .filter(({ table, column }) => store.get(`SELECT 1 FROM "${table}" WHERE "${column}" GLOB '[[{]*'`) !== null);

test("everything is read back as it was written", () => {
  expect(whole.projects.defaults).toMatchObject({ permissions: "allow", limits: { agentTasks: 3 } });
  expect(whole.projects.webhook).toEqual({ url: "http://127.0.0.1/", token: "t", events: ["agent_error"] });
  expect(whole.agents.settings).toMatchObject({ env: { A: "b" }, metadata: { k: "v" } });
  expect(whole.agents.frame).toEqual({ run: 1, offset: 7, text: "{}", truncated: false });
  expect(whole.turns).toMatchObject([
    {
      error: { code: "X", message: "x" },
      usage: { inputTokens: 3, costUsd: 0.5 },
      verify: { tail: "no" },
      result: { done: true },
    },
  ]);
  expect(whole.messages.map(({ parts }) => parts)).toEqual([
    [
      { type: "text", text: "hello" },
      { type: "thinking", text: "hm" },
      { type: "tool_use", id: "1", name: "Sh", input: [1] },
    ],
    [{ type: "tool_result", id: "1", text: "ok", isError: true }],
  ]);
  expect(whole.permissions.all).toMatchObject([
    { detail: { a: 1 }, options: ["allow", "deny"], data: [1], answer: { answers: { "?": ["x", "y"], z: "w" } } },
  ]);
  expect(whole.events).toMatchObject([{ data: { level: "info", code: "c", message: "m" } }]);
  expect(whole.leases?.screen).toEqual({ bootId: "b", pid: 1, startTicks: 2 });
  expect(whole.runs).toMatchObject({ identity: { bootId: "b" }, codec: { v: 1 }, outbox: [{ id: "o", line: "{}" }] });
});

test("the columns that hold JSON are found", () => {
  expect(columns.map(({ table, column }) => `${table}.${column}`)).toEqual([
    "agents.state",
    "agents.settings",
    "agents.cause_frame",
    "events.data",
    "leases.screen",
    "messages.parts",
    "permissions.detail",
    "permissions.options",
    "permissions.data",
    "permissions.answer",
    "projects.webhook",
    "projects.defaults",
    "projects.budget_per_day",
    "runs.identity",
    "runs.codec",
    "runs.outbox",
    "turns.error",
    "turns.usage",
    "turns.verify",
    "turns.result",
  ]);
});

const DAMAGE = ["", "{", "null", "7", '"x"', "[]", "[null]", "{}", '{"weird":{}}', '[{"type":"weird"}]', '{"v":99}'];

for (const { table, column } of columns)
  test(`${table}.${column}, whatever is in it, costs nothing but itself`, () => {
    for (const damage of DAMAGE) {
      store.db.exec("BEGIN");
      store.run(`UPDATE "${table}" SET "${column}" = ?`, damage);
      const now = read();
      store.db.exec("ROLLBACK");
      for (const name of Object.keys(whole).filter(isTable)) {
        if (name !== table) expect([damage, name, now[name]]).toEqual([damage, name, whole[name]]);
        else expect(now[name]).not.toBeNull();
      }
    }
    expect(read()).toEqual(whole);
  });

test("an unreadable message is told by its text, and an unreadable project grants nothing", () => {
  store.run("UPDATE messages SET parts = 'x'");
  store.run("UPDATE projects SET defaults = 'x', webhook = 'x'");
  expect(listMessages(store, agent, { limit: 10 }).messages.map(({ parts }) => parts)).toEqual([
    [{ type: "text", text: "hello" }],
    [{ type: "text", text: "ok" }],
  ]);
  expect(getProject(store, "p")).toMatchObject({ defaults: { permissions: "deny" }, webhook: null });
});
