// file-timeout: 420 s
/**
 * A whole night: ten tasks are handed out at 23:00, their account is at its limit for two hours, the daemon dies at the
 * worst moments, and at 07:00 a person looks. Everything is done and was checked, or says why not; nothing ran twice,
 * no fact was told twice, and the report fits on a screen. The clock is moved, all else is as it is at night.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JournalRecord } from "../fakes/journal.ts";
import { readJournals, TEXT_KEPT } from "../fakes/journal.ts";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";
import type { MovedTime } from "../support/clocked-daemon.ts";
import { movedTime } from "../support/clocked-daemon.ts";
import { script } from "../support/cli.ts";
import type { Hook } from "../support/hook.ts";
import { startHook } from "../support/hook.ts";
import { haveTool, openPane } from "../support/tmux.ts";

setDefaultTimeout(400_000);

const ZONE = "Europe/Berlin";
/** 23:00 there, in winter. */
const EVENING = Date.UTC(2026, 1, 10, 22);
const HOUR = 3_600_000;
const RESET = EVENING + 2 * HOUR;
const MORNING = EVENING + 8 * HOUR;
/** What one answer of the fake Pi reads and writes. */
const ANSWER = 1007;

let box: Box;
let hook: Hook;
let time: MovedTime;
const ids = new Map<string, string>();

const journalDir = (): string => join(box.dir, "journal");
const runsOf = (name: string): string => join(box.dir, `checked-${name}`);
const start = (env: Record<string, string> = {}) => box.start(env, time.program);
const pathOf = (name: string): string => `/projects/${name === "daily" ? "day" : "night"}/agents/${ids.get(name)}`;
const list = (value: Json | undefined): Json[] => [...(value ?? [])];
const agentOf = async (name: string): Promise<Json> => (await box.api().get(pathOf(name)))["agent"] as Json;
const statusOf = async (name: string): Promise<string> => String((await agentOf(name))["status"]);

beforeAll(async () => {
  hook = await startHook();
  box = await makeBox({ webhook: { url: hook.url() } }, { TZ: ZONE });
  time = movedTime(box.dir, EVENING);
  mkdirSync(journalDir());
  writeFileSync(join(box.dir, "limit"), String(RESET));
  writeFileSync(join(box.dir, "scripts"), JSON.stringify({ continue: [{ say: "and the rest" }] }));
  const fake = (name: string, more: Record<string, string> = {}) => ({
    command: [process.execPath, join(FAKES, `${name}.ts`)],
    env: { FAKE_JOURNAL: journalDir(), FAKE_CLOCK: time.file, FAKE_SCRIPTS: join(box.dir, "scripts"), ...more },
  });
  const providers = { "claude-code": fake("claude", { FAKE_LIMIT: join(box.dir, "limit") }), pi: fake("pi") };
  const config = JSON.parse(readFileSync(box.configFile, "utf8"));
  writeFileSync(box.configFile, JSON.stringify({ ...config, providers }));
  const api = await start();
  await api.post("/projects", { name: "night", cwd: box.cwd, trusted: true });
  await api.post("/projects", { name: "day", cwd: box.cwd, trusted: true, budgetPerDay: { tokens: ANSWER } });
});
afterAll(async () => {
  await box.close();
  await hook.down();
});

/** `check`: what says whether it is done; how often it ran is counted. */
async function hand(name: string, task: string, check: string, more: Record<string, unknown> = {}): Promise<void> {
  const made = await box.api().post(`/projects/${name === "daily" ? "day" : "night"}/agents`, {
    provider: name === "daily" ? "pi" : "claude-code",
    name,
    task,
    budget: { turns: 6, costUsd: 20, ...(name === "daily" ? { costUsd: 0 } : {}) },
    verify: { command: `echo run >>${runsOf(name)}; ${check}`, attempts: 1 },
    ...more,
  });
  ids.set(name, String(made["agent"]?.["id"]));
}

/** While somebody works the clock goes as ours does, else faster, until it is so. */
const timeUntil = <T>(what: string, look: () => Promise<T | false | undefined> | T | false | undefined): Promise<T> =>
  eventually(
    what,
    async () => {
      const agents = list((await box.api().get("/agents?limit=100"))["agents"]);
      const works = ({ name, status }: Json): boolean =>
        ["starting", "processing"].includes(String(status)) && !(String(name) === "slow" && existsSync(runsOf("slow")));
      if (!agents.some(works)) time.pass(5000);
      return look();
    },
    150_000,
  ) as Promise<T>;

/**
 * Starts it with a moment at which it dies the hard way, and waits for that, in our time: who follows the first answer
 * does so within a minute.
 */
async function diesAt(seam: string): Promise<void> {
  const child = box.launch({ AH_TEST_SEAM: seam }, time.program);
  await eventually(`the daemon to die at ${seam}`, () => child.exitCode !== null || child.signalCode !== null, 150_000);
}

const journals = (): [string, JournalRecord[]][] => {
  const told = readJournals(journalDir());
  return [...ids].map(([name, id]) => [name, told[id] ?? []]);
};

test("from 23:00 to 07:00: all done and checked or told why not, nothing twice, and the report fits on a screen", async () => {
  // 23:00. Four run into the limit at once, and the daemon dies while they do.
  await hand("plain", "mend the bug", "true");
  await hand(
    "midway",
    script({ say: "half of it" }, { fail: "usage_limit", message: "used up", resetsAt: RESET }),
    "true",
  );
  await hand("twice", "add a test", `[ $(wc -l <${runsOf("twice")}) -ge 2 ]`);
  await hand("red", "make it fast", "echo 3 tests are red; exit 1");
  await box.kill();
  await start();
  const first = ["plain", "midway", "twice", "red"];
  await eventually("all four to wait", async () =>
    (await Promise.all(first.map(statusOf))).every((status) => status === "limited"),
  );
  // The others come to an account that is known to be at its limit: they begin when it is over.
  await hand("spender", script(...[1, 2, 3, 4].map((n) => ({ say: `answer ${n}` }))), "true", {
    budget: { costUsd: 1 },
  });
  await hand("once", "clean up", "echo still dirty; exit 1", { budget: { turns: 1 } });
  await hand(
    "asks",
    script({ ask: "Bash", input: { command: "rm -rf build" }, result: "ok" }, { say: "cleaned" }),
    "true",
  );
  await hand("dies", script({ say: "begun" }, { crash: true }), "true");
  await hand("slow", "write the docs", `while [ ! -e ${join(box.dir, "checked")} ]; do sleep 0.02; done`);
  // What is sent when the day's budget is spent would be refused.
  await hand("daily", script({ gate: join(box.dir, "day") }, { say: "summarised" }), "true");
  await box.api().post(`${pathOf("daily")}/input`, { text: "tomorrow's summary" });
  writeFileSync(join(box.dir, "day"), "");
  await eventually("the day's budget to be spent", async () => (await statusOf("daily")) === "idle");
  expect(await agentOf("daily")).toMatchObject({ queuedInputs: 1, held: true, overspent: { scope: "day" } } as never);

  // 23:50: nobody has tried again, and all ask for the same moment.
  const before = readdirSync(journalDir()).length;
  time.set(RESET - 70 * 60_000);
  await Bun.sleep(300); // the claim is that nothing happens
  expect(readdirSync(journalDir()).length).toBe(before);
  const [account] = list((await box.api().get("/accounts"))["accounts"]).filter(
    (each) => list(each["limits"]).length > 0,
  );
  expect(account?.["limits"]).toMatchObject([{ class: "limit", guessed: false }] as never);
  expect(list(account?.["agents"]).filter((each) => String(each["status"]) === "limited")).toHaveLength(9);

  // Midnight: what the day's budget held goes on by itself.
  time.set(EVENING + HOUR);
  await timeUntil("the new day's work", async () => (await standing("daily")).endsWith("passed, completed passed"));

  // 00:50: the daemon dies, and the reset passes while it is away. The next one dies when the probe has a process, the
  // one after it when the first check has one.
  time.set(RESET - 10 * 60_000);
  await box.kill();
  time.set(RESET + 2 * 60_000);
  await diesAt("spawned");
  await diesAt("check_spawned");
  await start();
  const settled = ["plain", "midway", "twice", "red", "spender", "once", "asks", "dies", "daily"];
  const OVER = ["idle", "error", "exited", "waiting_input"];
  await timeUntil("all but the slow one", async () =>
    (await Promise.all(settled.map(statusOf))).every((status) => OVER.includes(status)),
  );
  await timeUntil("the slow one's check", () => existsSync(runsOf("slow")));
  await box.kill();
  await start();
  writeFileSync(join(box.dir, "checked"), "");
  await timeUntil("the slow one", async () => (await statusOf("slow")) === "idle");

  // 07:00.
  time.set(MORNING);
  expect(await Promise.all([...ids.keys()].map(standing))).toEqual([
    "plain idle: completed passed",
    "midway idle: completed passed",
    "twice idle: failed VERIFY_FAILED red, completed passed",
    "red error: failed VERIFY_FAILED red, failed VERIFY_FAILED red",
    "spender error: failed BUDGET_EXCEEDED",
    "once error: failed VERIFY_FAILED red",
    "asks waiting_input: open",
    "dies exited: lost TURN_LOST",
    "slow idle: completed passed",
    "daily idle: completed passed, completed passed",
  ]);
  await nothingTwice();
  await eachFactOnce();
  await reportOnOneScreen();
});

/** How an agent stands, and what became of each of its turns. */
async function standing(name: string): Promise<string> {
  const turns = list((await box.api().get(`${pathOf(name)}/turns`))["turns"]);
  const words = turns.map(({ outcome, error, verify }) =>
    [outcome ?? "open", error?.["code"], verify && ((verify["passed"] as unknown) === true ? "passed" : "red")]
      .filter(Boolean)
      .join(" "),
  );
  return `${name} ${await statusOf(name)}: ${words.join(", ")}`;
}

/** What the programs themselves wrote down is compared with what the daemon says, and with itself. */
async function nothingTwice(): Promise<void> {
  for (const [name, records] of journals()) {
    const begun = records.flatMap((each) => (each.type === "started" ? [each.text] : []));
    expect({ name, twice: begun.filter((text, at) => begun.indexOf(text) !== at) }).toEqual({ name, twice: [] });
    const inputs = list((await box.api().get(`${pathOf(name)}/inputs`))["inputs"]);
    expect({ name, begun }).toEqual({ name, begun: inputs.map(({ text }) => String(text).slice(0, TEXT_KEPT)) });
    const said = records.flatMap((each) => (each.type === "saying" ? [each.text] : []));
    const stored = list((await box.api().get(`${pathOf(name)}/messages?after=0&limit=1000`))["messages"]);
    const texts = stored.filter(({ role, text }) => String(role) === "assistant" && String(text) !== "");
    expect({ name, said }).toEqual({ name, said: texts.map(({ text }) => String(text)) });
  }
  const checks = Object.fromEntries(
    [...ids.keys()].map((name) => [name, existsSync(runsOf(name)) ? readFileSync(runsOf(name), "utf8").length / 4 : 0]),
  );
  expect(checks).toEqual({
    ...{ plain: 1, midway: 1, twice: 2, red: 2, spender: 0, once: 1, asks: 0, dies: 0, slow: 1, daily: 2 },
  });
}

async function eachFactOnce(): Promise<void> {
  const pending = async (): Promise<Json[]> => list((await box.api().get("/deliveries?state=pending"))["deliveries"]);
  await timeUntil("every notice to be delivered", async () => (await pending()).length === 0);
  const told = [...new Map(hook.seen.map(({ id, body }) => [id, body])).values()];
  const nameOf = (id: unknown): string => [...ids].find(([, each]) => each === String(id))?.[0] ?? "?";
  const about = ({ agentId, account }: Json): string => (account === undefined ? nameOf(agentId) : "the account");
  const facts = told.map((body) => {
    const { event, turnId, budget, permission } = body;
    // That a budget holds what waits is told without a turn.
    return [event, about(body), turnId ?? "", budget?.["key"] ?? "", permission?.["id"] ?? ""].join(" ").trimEnd();
  });
  expect(facts.filter((fact, at) => facts.indexOf(fact) !== at)).toEqual([]);
  const events = Map.groupBy(told, about);
  expect(Object.fromEntries([...events].map(([who, all]) => [who, all.map(({ event }) => String(event))]))).toEqual({
    "the account": ["agent_limited", "agent_resumed"],
    plain: ["agent_completed"],
    midway: ["agent_completed"],
    twice: ["agent_completed"],
    red: ["agent_error"],
    spender: ["agent_budget", "agent_error"],
    once: ["agent_budget", "agent_error"],
    asks: ["agent_waiting_input"],
    dies: ["agent_exited"],
    slow: ["agent_completed"],
    daily: ["agent_budget", "agent_budget", "agent_completed", "agent_budget", "agent_completed"],
  });
}

async function reportOnOneScreen(): Promise<void> {
  if (!haveTool("tmux")) return;
  const [columns, rows] = [100, 40];
  const pane = openPane({ ...box.env, AH_URL: box.api().url, AH: BINARY }, box.cwd, columns, rows);
  try {
    pane.line('clear; $AH report --since 9h; echo "code=$?"');
    const screen = await pane.sees(/^code=0$/m);
    const lines = screen.split("\n");
    expect(lines[0]).toMatch(/^the last 9 h: 10 agents, .*; 5 need you$/);
    expect(lines.length).toBeLessThanOrEqual(rows);
    expect(screen).toMatch(/^9 agents waited for their account, 2 h \d+ min at most$/m);
    for (const name of ids.keys()) expect(screen).toContain(`/${name} `);
    for (const why of ["VERIFY_FAILED", "BUDGET_EXCEEDED", "TURN_LOST"]) expect(screen).toContain(why);
  } finally {
    pane.close();
  }
}
