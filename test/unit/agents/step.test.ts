/** One step: facts through the reducer, effects into the store and the codec, everything else only collected. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { Fact, Notice, Surroundings } from "../../../src/agents/model.ts";
import { initialState } from "../../../src/store/agent-state.ts";
import type { Progress, StepWork } from "../../../src/agents/step.ts";
import { NO_PROGRESS, beginStep } from "../../../src/agents/step.ts";
import type { AnyCodec, Step } from "../../../src/providers/contract.ts";
import { insertAgent } from "../../../src/store/agents.ts";
import type { Store } from "../../../src/store/database.ts";
import { openStore } from "../../../src/store/database.ts";
import type { EventRecord } from "../../../src/store/events.ts";
import { asPrompt, getInput, insertInput } from "../../../src/store/inputs.ts";
import { getPermission } from "../../../src/store/permissions.ts";
import { insertProject } from "../../../src/store/projects.ts";
import { saveRunAccount } from "../../../src/store/runs.ts";
import { usageRows } from "../../../src/store/usage.ts";
import type { AgentState } from "../../../src/words/agent.ts";
import * as facts from "./state/world.ts";
import { SURROUNDINGS } from "../../support/surroundings.ts";

const AGENT = "a3f2b1c0";
let store: Store;
let state: AgentState;
let progress: Progress;
let events: EventRecord[];
let notices: { notice: Notice; status: string }[];

const nothing = (codecState: unknown): Step<unknown> => ({ state: codecState, facts: [], lines: [] });

/** Says what it is asked; a frame with a `fact` is that fact. */
const codec: AnyCodec = {
  kind: "stub",
  traits: {
    redelivery: "none",
    tornLine: "newline",
    oneshot: false,
    startDeadlineMs: 1000,
    metering: { tokens: "no", costUsd: "no" },
    carriedTotals: [],
    maxPromptChars: null,
    passEnv: [],
    stripEnv: [],
  },
  launch: () => ({ argv: [], env: {} }),
  read: (state) => ({ ok: true, state }),
  isFrame: () => false,
  start: () => nothing("started"),
  adopt: nothing,
  frame(codecState, { json }) {
    if (json === undefined) throw new Error("no JSON");
    return { state: codecState, facts: [json as Extract<Fact, { type: "ready" }>], lines: [] };
  },
  prompt: (codecState, { text }) => ({ state: codecState, facts: [], lines: [`prompt ${text}`] }),
  interrupt: (codecState) => ({
    state: codecState,
    facts: [facts.ended("interrupted") as never],
    lines: ["interrupt"],
  }),
  answer: (codecState, { id, decision, message }) => ({
    state: codecState,
    facts: [{ type: "permission_closed", id }],
    lines: [`answer ${id} ${decision} ${message ?? ""}`],
  }),
  farewell: () => ({ lines: [], graceMs: 0 }),
  exit: () => [],
};

function step(work: (step: StepWork) => void, env: Partial<Surroundings> = {}, now = 1000) {
  events = [];
  notices = [];
  const result = store.transact(() => {
    const limits = {
      parkIdleMs: 0,
      turnTimeoutMs: 0,
      stallWarnMs: 500,
      toolStallWarnMs: 500,
      permissionTimeoutMs: 0,
      limitMaxWaitMs: 0,
    };
    const it = beginStep(
      {
        store,
        codec,
        entry: { store, project: "p", agent: AGENT, now, events },
        newNonce: () => "nonce",
        newUuid: () => "00000000-0000-4000-8000-000000000001",
        accountLimits: () => [],
        promptOf: (input) => asPrompt(input, now),
        env: {
          ...SURROUNDINGS,
          nowMs: now + 5_000_000,
          ranMs: now,
          source: "api",
          agentId: AGENT,
          redelivery: "none",
          tornLine: "newline",
          startDeadlineMs: 1000,
          limits,
          account: "",
          ...env,
        },
        enqueue: (notice, { status }) => notices.push({ notice, status }),
      },
      state,
      progress,
    );
    work(it);
    return it.result();
  });
  ({ state, progress } = result);
  return result;
}

const frame = (it: StepWork, fact: Fact): void => it.frame({ raw: JSON.stringify(fact), json: fact });

/** The agent's first input, as the API stores it. */
function send(text: string): number {
  const { id } = insertInput(
    store,
    { agent: AGENT, key: `k${text}`, text, raw: false, mode: "queue", origin: "user" },
    1000,
  );
  return id;
}

beforeAll(() => {
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
});
afterAll(() => store.close());

beforeEach(() => {
  store.run("DELETE FROM agents");
  state = initialState(1000);
  progress = NO_PROGRESS;
  insertAgent(store, {
    id: AGENT,
    project: "p",
    name: null,
    provider: "x",
    uuid: "u",
    state,
    settings: { model: null, permissions: null, systemPrompt: null, env: {}, webhook: null, metadata: {} },
    createdAt: 1,
    updatedAt: 1,
  });
});

describe("an input on its way", () => {
  test("spawning and writing are only collected; the rows stand in the same transaction", () => {
    const id = send("hello");
    const spawned = step((it) => it.fact({ type: "input", id, key: "khello", mode: "queue" }));
    expect(spawned.acts).toEqual([{ do: "spawn", run: 1, nonce: "nonce" }]);
    expect(spawned.lines).toEqual([]);
    expect(store.get<object>("SELECT state, nonce FROM runs WHERE agent = ? AND n = 1", AGENT)).toEqual({
      state: "spawning",
      nonce: "nonce",
    });
    expect(events.map((each) => each.type)).toEqual(["turn_started", "input", "message", "agent_status"]);
    const written = step((it) => frame(it, facts.ready));
    expect(written.lines).toEqual([{ text: "prompt hello", id: "input-1-1-0" }]);
    expect(getInput(store, id)).toMatchObject({ state: "written", run: 1, turn: `${AGENT}-1` });
  });

  const written = (env: Partial<Surroundings> = {}): number => {
    const id = send("hello");
    step((it) => it.fact({ type: "input", id, key: "khello", mode: "queue" }), env);
    step((it) => frame(it, facts.ready), env);
    return id;
  };

  test("a line that must be provable stays in the outbox until it is confirmed", () => {
    written();
    expect(progress.outbox).toEqual([{ id: "input-1-1-0", line: "prompt hello" }]);
    step((it) => frame(it, facts.said));
    expect(progress.outbox).toHaveLength(1);
    step((it) => frame(it, { type: "input_accepted", key: "khello" }));
    expect(progress.outbox).toEqual([]);
  });

  test("where the program de-duplicates nothing needs to be proved", () => {
    written({ redelivery: "dedupe" });
    expect(progress.outbox).toEqual([]);
  });

  test("what a codec says to an effect follows at once: an interrupt that it knows to be over closes the turn", () => {
    written();
    const { lines } = step((it) => it.fact(facts.abort));
    expect(lines).toEqual([{ text: "interrupt" }]);
    expect(state.lastTurn?.outcome).toBe("interrupted");
    expect(notices.map(({ notice, status }) => [notice.event, status])).toEqual([["agent_aborted", "idle"]]);
  });

  test("a frame is progress, unless it only says that what was tried before is tried again", () => {
    written();
    const at = (now: number, fact: Fact): number => (step((it) => frame(it, fact), {}, now), state.progressAt);
    const again: Fact = { ...facts.retrying, attempt: 2 } as Fact;
    expect([at(2000, facts.said), at(3000, facts.retrying), at(4000, again), state.lastFrameAt]).toEqual([
      2000, 3000, 3000, 4000,
    ]);
    expect(at(5000, facts.said)).toBe(5000);
    expect([at(6000, facts.retrying), at(7000, again)]).toEqual([6000, 6000]);
  });

  test("a person's answer goes to the program with the words it came with", () => {
    written();
    step((it) => frame(it, facts.ask("r1")));
    expect(notices.map(({ notice, status }) => [notice.event, status])).toEqual([
      ["agent_waiting_input", "waiting_input"],
    ]);
    const { lines } = step((it) => it.fact({ type: "decide", id: "p1", decision: "deny", message: "not today" }));
    expect(lines).toEqual([{ text: "answer r1 deny not today" }]);
    expect(getPermission(store, AGENT, "p1")).toMatchObject({
      state: "denied",
      settledBy: "user",
      answer: { decision: "deny", message: "not today" },
    });
  });

  test("a new process begins with nothing read and nothing remembered", () => {
    written();
    step((it) => it.progress({ offset: 500 }));
    step((it) => it.fact(facts.exit(1)));
    step((it) => it.fact(facts.resume));
    expect(progress).toEqual(NO_PROGRESS);
  });

  test("a frame that our own code cannot digest is told and passed over", () => {
    written();
    step((it) => it.frame({ raw: "{", json: undefined }));
    expect(events.map((each) => each.type)).toEqual(["note"]);
    expect(events[0]?.data).toMatchObject({
      level: "warn",
      code: "frame_failed",
      message: "a frame could not be understood: no JSON",
    });
    expect(state.status).toBe("processing");
  });

  test("frames of an unknown kind are counted, deltas only shown", () => {
    written();
    const { deltas } = step((it) => {
      frame(it, { type: "unknown_frame", kind: "new" });
      frame(it, { type: "delta", key: "m", text: "he" });
    });
    expect(progress.unknownFrames).toBe(1);
    expect(deltas).toEqual([{ project: "p", agent: AGENT, key: "1/m", kind: "text", text: "he" }]);
    expect(events).toEqual([]);
  });

  test("a stall is the visible cause until the next sign of life", () => {
    written();
    step((it) => it.fact({ type: "tick" }), { source: "timer" }, 1500);
    expect(state.cause).toMatchObject({ source: "timer", detail: "no frame for 500 ms" });
    step((it) => it.touched(), { source: "frame" }, 1600);
    expect(state).toMatchObject({
      status: "processing",
      cause: { source: "frame", detail: "frames again" },
      lastFrameAt: 1600,
      stalled: false,
    });
    expect(events.map((each) => each.type)).toEqual(["agent_resumed_output"]);
  });
});

test("a step that throws leaves no row behind", () => {
  const id = send("hello");
  const failing = () =>
    step((it) => {
      it.fact({ type: "input", id, key: "khello", mode: "queue" });
      throw new Error("disk full");
    });
  expect(failing).toThrow("disk full");
  expect(store.all("SELECT * FROM runs")).toEqual([]);
  expect(getInput(store, id)).toMatchObject({ state: "queued", turn: null });
});

describe("what a program used", () => {
  const used = (inputTokens: number): Fact => ({ type: "usage", usage: { inputTokens } });
  const counted = () => usageRows(store, 0).map(({ account, inputTokens }) => ({ account, inputTokens }));
  beforeEach(() => {
    store.run("DELETE FROM usage");
    store.run("DELETE FROM spending");
    step((it) => it.fact({ type: "input", id: send("hello"), key: "khello", mode: "queue" }));
    step((it) => frame(it, facts.ready));
    store.transact(() => saveRunAccount(store, AGENT, 1, "x:one"));
  });

  // Each answer was a row to find and to write: two thirds of the time in which a flood of answers was taken in.
  test("in the frames of one step is added up and stored once", () => {
    const { run } = store;
    let writes = 0;
    const counting = {
      ...store,
      run: (sql: string, ...params: never[]) => {
        if (sql.includes("INTO spending")) writes += 1;
        return run(sql, ...params);
      },
    };
    const before = store;
    store = counting;
    step((it) => {
      for (let n = 1; n <= 100; n++) frame(it, used(n));
    });
    store = before;
    expect(writes).toBe(1);
    expect(counted()).toEqual([{ account: "x:one", inputTokens: 100 }]);
    expect(state.usage).toEqual({ inputTokens: 100 });
  });

  test("before the next process begins stays with the account of the last one", () => {
    step((it) => {
      frame(it, used(7));
      it.fact({ type: "exit", code: 1, stderrTail: "" });
      it.fact({ type: "input", id: send("again"), key: "kagain", mode: "queue" });
    });
    expect(state.run).toBe(2);
    expect(counted()).toEqual([{ account: "x:one", inputTokens: 7 }]);
  });
});
