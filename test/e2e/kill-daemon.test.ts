// file-timeout: 600 s
/** kill -9 of the compiled daemon, again and again, at every moment of a turn: nothing is lost, nothing comes twice. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { storedEvents } from "../support/events.ts";

setDefaultTimeout(500_000);

const ROUNDS = 100;
let box: Box;

beforeAll(async () => {
  box = await makeBox({
    providers: { "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] } },
    limits: { maxAgents: 1000 },
  });
  const api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(() => box.close());

/** Mulberry32: the same seed, the same moments. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

test(`${ROUNDS} rounds: every message once, every turn ended once, the event log complete, no orphans, no stuck status`, async () => {
  const seed = Number(process.env["AH_TEST_SEED"] ?? 20260218);
  const next = random(seed);
  console.log(`seed ${seed}`);
  for (let round = 0; round < ROUNDS; round++) {
    const said = Array.from(
      { length: 5 },
      (_, i) => `round ${round} part ${i} ${"x".repeat(Math.floor(next() * 3000))}`,
    );
    const script = said.flatMap((text, i) => [
      { say: text, chunks: 3 },
      { tool: "Bash", input: { command: `echo ${i}` }, result: String(i) },
    ]);
    const made = await box.api().post("/projects/p/agents", {
      provider: "claude-code",
      task: `SCRIPT ${JSON.stringify([...script, { say: "the end" }])}`,
    });
    const id = String(made["agent"]?.["id"]);
    const path = `/projects/p/agents/${id}`;
    await Bun.sleep(next() * 160);
    await box.kill("SIGKILL");
    await box.start();

    const done = await box.api().get(`${path}/wait?until=idle,error,exited&timeout=30`);
    const where = `round ${round}, seed ${seed}`;
    expect(`${where}: ${done["agent"]?.["status"]} ${JSON.stringify(done["agent"]?.["turn"]?.["error"])}`).toBe(
      `${where}: idle undefined`,
    );
    const messages = [...((await box.api().get(`${path}/messages?after=0&limit=1000`))["messages"] as Json)];
    const texts = messages
      .filter((each) => String(each["role"]) === "assistant")
      .map((each) => String(each["text"]))
      .filter((text) => text !== "");
    expect(texts).toEqual([...said, "the end"]);
    expect(messages.filter((each) => String(each["role"]) === "user")).toHaveLength(1);
    expect(messages.filter((each) => String(each["role"]) === "tool")).toHaveLength(5);

    const events = await storedEvents(box.api(), path);
    const ids = events.map((each) => Number(each["id"]));
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(new Set(ids).size).toBe(ids.length);
    expect(events.filter((each) => String(each["type"]) === "turn_ended")).toHaveLength(1);
    const announced = events
      .filter((each) => String(each["type"]) === "message")
      .map((each) => Number(each["data"]?.["message"]?.["id"]));
    expect([...announced].sort((a, b) => a - b)).toEqual(
      messages.map((each) => Number(each["id"])).sort((a, b) => a - b),
    );

    expect((await box.api().call("DELETE", path)).status).toBe(204);
    await eventually("no process of the agent to be left", () => box.agentProcesses().length === 0);
  }
});
