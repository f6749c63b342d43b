/** Why an agent is what it is, and what it used: the deciding line is kept, also when the output around it is gone. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Api, Json } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";

setDefaultTimeout(40_000);

let box: Box;
let api: Api;

beforeAll(async () => {
  box = await makeBox({
    providers: {
      "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
      codex: { command: [process.execPath, join(FAKES, "codex.ts")] },
    },
  });
  api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(() => box.close());

const list = (value: Json | undefined): Json[] => [...(value ?? [])];
const plain = (value: unknown): Record<string, unknown> => value as Record<string, unknown>;
const script = (...steps: unknown[]): string => `SCRIPT ${JSON.stringify(steps)}`;

async function make(name: string, task: string, provider = "claude-code"): Promise<string> {
  await api.post("/projects/p/agents", { provider, name, task });
  const path = `/projects/p/agents/${name}`;
  expect(plain(await api.get(`${path}/wait?until=idle,error`))).toMatchObject({ reached: true });
  return path;
}
const statuses = async (path: string): Promise<Json[]> => {
  const answer = await api.call("GET", `${path}/events?types=agent_status`, undefined, { accept: "application/json" });
  return list(answer.body["events"]).map((each) => each["data"] as Json);
};
const output = async (path: string): Promise<string> =>
  (await fetch(`${api.url}/api/v1${path}/output?tail=1000000`)).text();

test("the line that decided a status is told with it, and found again in the output", async () => {
  const path = await make("why", script({ say: "one" }, { say: "two" }));
  const { agent } = await api.get(path);
  expect(plain(agent?.["cause"])).toMatchObject({ source: "frame", at: expect.any(String), frame: { run: 1 } });
  const frame = agent?.["cause"]?.["frame"];
  const line = (await output(path)).slice(Number(frame?.["offset"])).split("\n", 1)[0] ?? "";
  expect(JSON.parse(String(frame?.["text"])) as unknown).toEqual(JSON.parse(line) as unknown);

  const changes = await statuses(path);
  expect(changes.map(({ to }) => String(to))).toEqual(["starting", "processing", "idle"]);
  expect(plain(changes.at(-1)?.["cause"])).toEqual(plain(agent?.["cause"]));
  expect(changes[0]?.["cause"]?.["frame"]).toBeUndefined(); // a person asked for it
  // Lists stay short.
  const [listed] = list((await api.get("/agents?name=why"))["agents"]);
  expect(plain(listed?.["cause"])["frame"]).toBeUndefined();

  // A status that no line decided has none, also after one that had.
  await api.post(`${path}/stop`);
  await api.post(`${path}/input`, { text: script({ exit: 3 }) });
  await api.get(`${path}/wait?until=exited`);
  expect(plain((await api.get(path))["agent"]?.["cause"])).toMatchObject({ source: "exit" });
  expect(plain((await api.get(path))["agent"]?.["cause"])["frame"]).toBeUndefined();
  await api.call("DELETE", path);
});

test("frames are read line by line from any byte on", async () => {
  const path = await make("frames", script({ say: "one" }, { say: "two" }, { say: "x".repeat(50_000) }));
  const lines = (await output(path)).split("\n").slice(0, -1);
  const seen: Json[] = [];
  for (let from: unknown = 0; from !== null;) {
    const page = await api.get(`${path}/frames?run=1&offset=${from}&limit=3`);
    seen.push(...list(page["frames"]));
    from = page["next"];
  }
  expect(seen).toHaveLength(lines.length);
  const begins = lines.map((_, i) => lines.slice(0, i).reduce((sum, each) => sum + Buffer.byteLength(each) + 1, 0));
  expect(seen.map(({ offset }) => Number(offset))).toEqual(begins);
  const short = seen.filter(({ truncated }) => (truncated as unknown) === false);
  expect(short.length).toBeGreaterThan(5);
  expect(seen.length).toBeGreaterThan(short.length);
  // From the middle of a line on, the first is the next one; behind the end there is none.
  const [next] = list((await api.get(`${path}/frames?offset=5&limit=1`))["frames"]);
  expect(Number(next?.["offset"])).toBe(begins[1] ?? -1);
  expect(plain(await api.get(`${path}/frames?offset=99999999`))).toMatchObject({ frames: [], next: null });

  // The earlier process's output is gone once the next one has begun.
  await api.post(`${path}/stop`);
  await api.post(`${path}/input`, { text: "again" });
  await api.get(`${path}/wait?until=idle`);
  const gone = await api.call("GET", `${path}/frames?run=1`);
  expect([gone.status, String(gone.body["error"])]).toEqual([410, "FRAMES_FREED"]);
  expect(list((await api.get(`${path}/frames`))["frames"]).length).toBeGreaterThan(0);
  await api.call("DELETE", path);
});

test("each turn says what it used, and the day's sum outlives the agents", async () => {
  const before = (await api.get("/status"))["usage"]?.["today"];
  const path = await make("spender", "one");
  await api.post(`${path}/input`, { text: "two" });
  await api.get(`${path}/wait?until=idle`);
  await api.post(`${path}/stop`); // the next process goes on with the totals
  await api.post(`${path}/input`, { text: "three" });
  await api.get(`${path}/wait?until=idle`);
  const turns = list((await api.get(`${path}/turns`))["turns"]);
  const used = turns.map(({ usage }) => Number(usage?.["outputTokens"]));
  expect(used).toEqual([20, 20, 20]);
  await api.call("DELETE", path);
  const usage = (await api.get("/status"))["usage"];
  const [today, total] = [usage?.["today"], usage?.["total"]];
  const sum = used.reduce((all, each) => all + each, 0);
  expect(Number(today?.["outputTokens"]) - Number(before?.["outputTokens"])).toBe(sum);
  expect(Number(today?.["turns"]) - Number(before?.["turns"])).toBe(3);
  expect(plain(total)).toEqual(plain(today));
});
