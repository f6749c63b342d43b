/**
 * A start that somebody stopped (SIGSTOP) before its process had recorded itself: it never says a word, and never ends.
 * Looked for in every way to want an end of it: stop, delete, an abort, its start deadline (`unit/agents/actor`).
 * Found: each of them waited for its record, for as long as it stood still.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isDead, readProcess } from "../../../src/process/proc.ts";
import type { Api, Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import type { Box } from "../../support/binary.ts";
import { FAKES, makeBox } from "../../support/binary.ts";

setDefaultTimeout(60_000);

let box: Box;
let api: Api;
beforeAll(async () => {
  box = await makeBox({ providers: { "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] } } });
  api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(() => box.close());

const text = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // gone meanwhile
  }
};
const childrenOf = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    text(`/proc/${pid}/task/${task}/children`).split(" ").filter(Boolean).map(Number),
  );

/** Looks without a pause, so that it is faster than the shell. null: it was not. */
function stopWrapper(run: string): number | null {
  const recorded = (): boolean => existsSync(join(run, "pid"));
  for (const until = performance.now() + 2000; performance.now() < until;) {
    const wrapper = childrenOf(box.pid()).find((pid) => text(`/proc/${pid}/cmdline`).includes(`${run}\0fifo`));
    if (wrapper === undefined) continue;
    const group = [...childrenOf(wrapper), wrapper];
    for (const pid of group) process.kill(pid, "SIGSTOP");
    if (!recorded() && childrenOf(wrapper).every((pid) => group.includes(pid))) return wrapper;
    for (const pid of group) process.kill(pid, "SIGCONT");
    return null;
  }
  return null;
}

/** An agent whose wrapper stands still, unrecorded. */
async function stuck(): Promise<{ readonly path: string; readonly wrapper: number }> {
  for (let tries = 0; tries < 50; tries++) {
    const { agent } = await api.post("/projects/p/agents", { provider: "claude-code" });
    const path = `/projects/p/agents/${String(agent?.["id"])}`;
    const run = join(box.stateDir, "agents", String(agent?.["id"]), "run/1");
    const sent = api.post(`${path}/input`, { text: "go" });
    await eventually("its folder", () => existsSync(run));
    const wrapper = stopWrapper(run);
    await sent;
    if (wrapper !== null) return { path, wrapper };
    await api.call("DELETE", path);
  }
  throw new Error("no wrapper could be stopped before its record");
}

const isGone = (pid: number): boolean => {
  const info = readProcess(pid);
  return info === null || isDead(info);
};

test("is ended by a stop, and the next input starts another", async () => {
  const { path, wrapper } = await stuck();
  await api.post(`${path}/stop`, {});
  await eventually("its end", async () => String((await api.get(path))["agent"]?.["process"]) === "stopped");
  expect(isGone(wrapper)).toBe(true);
  await api.post(`${path}/input`, { text: "again" });
  const { agent } = await api.get(`${path}/wait?until=idle,error,exited&timeout=30`);
  expect(String((agent as Json)["turn"]?.["outcome"])).toBe("completed");
});

test("is ended by a delete", async () => {
  const { path, wrapper } = await stuck();
  await api.call("DELETE", path);
  await eventually("it to be gone", async () => (await api.call("GET", path)).status === 404);
  expect(isGone(wrapper)).toBe(true);
});

test("an abort ends its turn at once, and a stop its process", async () => {
  const { path, wrapper } = await stuck();
  await api.post(`${path}/abort`, {});
  expect(String((await api.get(path))["agent"]?.["turn"]?.["outcome"])).toBe("interrupted");
  await api.post(`${path}/stop`, {});
  await eventually("its end", () => isGone(wrapper));
});
