/**
 * Twenty agents of all providers at once, ten turns each, the compiled daemon killed five times on the way: every input
 * is run once and answered once, no status lies, nothing is left running. The same seed makes the same scripts and
 * moments.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { Answer, Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { storedEvents } from "../support/events.ts";
import { flawsIn } from "../support/story.ts";
import { quietPort } from "../support/hook.ts";

const TURNS = 10;
const KILLS = 5;
const LIMIT_MS = 180_000;
const SEED = Number(process.env["AH_TEST_SEED"] ?? 20260218);

const fake = (name: string): string[] => [process.execPath, join(FAKES, `${name}.ts`)];
/** How many agents of each provider; `asks`: the program can ask for permission. */
const PROVIDERS = [
  { name: "claude-code", agents: 4, asks: true, settings: { command: fake("claude") } },
  { name: "codex", agents: 4, asks: true, settings: { command: fake("codex") } },
  { name: "opencode", agents: 3, asks: true, settings: { command: fake("opencode") } },
  { name: "pi", agents: 3, asks: true, settings: { command: fake("pi") } },
  { name: "some-acp", agents: 3, asks: true, settings: { kind: "acp", command: fake("acp") } },
  { name: "some-command", agents: 3, asks: false, settings: { kind: "command", command: fake("command") } },
] as const;

interface Planned {
  readonly prompt: string;
  /** The agent's texts of the turn, joined by line feeds. */
  readonly answer: string;
  /** Sent together with the one before it: it has to wait in the queue. */
  readonly atOnce: boolean;
}

let box: Box;
beforeAll(async () => {
  console.log(`seed ${SEED}`);
  box = await makeBox({
    port: await quietPort(),
    providers: Object.fromEntries(PROVIDERS.map(({ name, settings }) => [name, settings])),
  });
  await (await box.start()).post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(() => box.close());

test(
  `${KILLS} deaths of the daemon cost twenty agents nothing`,
  async () => {
    const random = mulberry32(SEED);
    const agents = PROVIDERS.flatMap(({ name, agents: count, asks }) =>
      Array.from({ length: count }, (_, n) => ({ provider: name, plan: planFor(`${name} ${n}`, asks, random) })),
    );
    expect(agents).toHaveLength(20);
    const deaths = Array.from({ length: KILLS }, (_, n) => ({
      afterTurns: 20 + n * 35 + Math.floor(random() * 15),
      downMs: random() * 300,
    }));

    let turnsEnded = 0;
    const driven = agents.map(async ({ provider, plan }) => {
      const id = await make(provider);
      await drive(id, plan, () => (turnsEnded += 1));
      return { id, plan };
    });
    const killing = (async () => {
      for (const { afterTurns, downMs } of deaths) {
        await eventually(`${afterTurns} turns to end`, () => turnsEnded >= afterTurns, LIMIT_MS);
        await box.kill("SIGKILL");
        await Bun.sleep(downMs); // The programs go on without a daemon meanwhile.
        await box.start();
      }
    })();
    const done = await Promise.all(driven);
    await killing;

    const events = await eventually("the whole event log", async () => {
      const all = await storedEvents(box.api(), "");
      return all.filter(({ type }) => String(type) === "turn_ended").length >= agents.length * TURNS ? all : null;
    });
    for (const { id, plan } of done) {
      await checkWords(id, plan);
      const own = events.filter(({ agent }) => String(agent) === id);
      expect(flawsIn(own)).toEqual([]);
      const outcomes = own
        .filter(({ type }) => String(type) === "turn_ended")
        .map(({ data }) => String(data?.["turn"]?.["outcome"]));
      expect(outcomes).toEqual(plan.map(() => "completed"));
    }
    for (const { id } of done) expect((await box.api().call("DELETE", pathOf(id))).status).toBe(204);
    await eventually("the processes of deleted agents to be gone", () => box.agentProcesses().length === 0, 5000);
  },
  LIMIT_MS,
);

/** What the agent will be told, and must say. */
function planFor(agent: string, asks: boolean, random: () => number): Planned[] {
  return Array.from({ length: TURNS }, (_, n) => {
    const words = `${agent} turn ${n} ${Math.floor(random() * 1e9).toString(36)}`;
    const script = (steps: readonly object[], said: readonly string[]) => ({
      prompt: `SCRIPT ${JSON.stringify(steps)}`,
      answer: said.join("\n"),
    });
    const long = `${words} ${"grüße 🎉 ".repeat(600)}end`;
    const choices = [
      () => ({ prompt: words, answer: `echo: ${words}` }),
      () => ({ prompt: long, answer: `echo: ${long}` }), // longer than the FIFO takes at once
      () => script([{ say: words, chunks: 5 }], [words]),
      () =>
        script(
          [
            { say: `${words} first` },
            { tool: "Bash", input: { command: "echo 1" }, result: "1" },
            { say: `${words} last`, chunks: 3 },
          ],
          [`${words} first`, `${words} last`],
        ),
      () => script([{ long: 40_000 }, { say: words }], ["0123456789abcdef".repeat(2500), words]),
      ...(asks
        ? [() => script([{ ask: "Bash", input: { command: `echo ${n}` }, result: String(n) }, { say: words }], [words])]
        : []),
    ];
    const chosen = choices[Math.floor(random() * choices.length)] ?? choices[0];
    return { ...(chosen?.() ?? { prompt: words, answer: `echo: ${words}` }), atOnce: n > 0 && random() < 0.25 };
  });
}

const pathOf = (id: string): string => `/projects/p/agents/${id}`;

async function make(provider: string): Promise<string> {
  const key = crypto.randomUUID();
  const made = await persistently(() =>
    box.api().call("POST", "/projects/p/agents", { provider }, { "idempotency-key": key }),
  );
  expect(made.status).toBe(201);
  return String(made.body["agent"]?.["id"]);
}

/** Sends what is planned and answers what is asked, whatever happens to the daemon. A wrong status ends the test. */
async function drive(id: string, plan: readonly Planned[], turnEnded: () => void): Promise<void> {
  let ended = 0;
  for (let sent = 0; sent < plan.length;) {
    do {
      await send(id, plan[sent]?.prompt ?? "");
      sent += 1;
    } while (plan[sent]?.atOnce === true);
    for (;;) {
      const { body } = await persistently(() =>
        box.api().call("GET", `${pathOf(id)}/wait?until=idle,error,exited,waiting_input&timeout=20`),
      );
      const [status, turn] = [
        String(body["agent"]?.["status"]),
        Number(String(body["agent"]?.["turn"]?.["id"]).split("-")[1]),
      ];
      if (status === "waiting_input") await allowAll(id);
      else if (status !== "idle") throw new Error(`${id} is ${status}: ${JSON.stringify(body)}`);
      else if (turn !== sent)
        throw new Error(`${id} is idle after turn ${turn}, but ${sent} inputs were taken: ${JSON.stringify(body)}`);
      for (; ended < (status === "idle" ? turn : turn - 1); ended += 1) turnEnded();
      if (status === "idle") break;
    }
  }
}

async function send(id: string, text: string): Promise<void> {
  const key = crypto.randomUUID();
  const taken = await persistently(() =>
    box.api().call("POST", `${pathOf(id)}/input`, { text }, { "idempotency-key": key }),
  );
  if (taken.status !== 202) throw new Error(`${id}: ${taken.status} ${JSON.stringify(taken.body)}`);
}

async function allowAll(id: string): Promise<void> {
  const { body } = await persistently(() => box.api().call("GET", `${pathOf(id)}/permissions?state=pending`));
  for (const permission of body["permissions"] ?? []) {
    await persistently(() =>
      box.api().call("POST", `${pathOf(id)}/permissions/${String(permission["id"])}`, { decision: "allow" }),
    );
  }
}

/** The same request again until a daemon answers it: a dead one gives no answer, one that boots 503. */
function persistently(request: () => Promise<Answer>): Promise<Answer> {
  return eventually(
    "a daemon to answer",
    async () => {
      const answer = await request().catch(() => null);
      return answer === null || answer.status === 503 ? null : answer;
    },
    60_000,
  );
}

/** Every input stands once among the messages of its turn, and its answer once. */
async function checkWords(id: string, plan: readonly Planned[]): Promise<void> {
  const messages = [...((await box.api().get(`${pathOf(id)}/messages?after=0&limit=1000`))["messages"] as Json)];
  const wordsOf = (role: string, turn: number) =>
    messages
      .filter((each) => String(each["role"]) === role && String(each["turnId"]) === `${id}-${turn}`)
      .map((each) => String(each["text"]))
      .filter((text) => text !== "");
  plan.forEach(({ prompt, answer }, n) => {
    expect(wordsOf("user", n + 1)).toEqual([prompt]);
    expect(wordsOf("assistant", n + 1).join("\n")).toBe(answer);
  });
  const { inputs } = await box.api().get(`${pathOf(id)}/inputs?limit=100`);
  expect([...(inputs as Json)].map((each) => String(each["state"]))).toEqual(plan.map(() => "ended"));
}

/** The same seed, the same numbers. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
