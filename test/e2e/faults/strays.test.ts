/**
 * Folders of agents that the store does not know: it is new, or older than they are. Nothing in them is touched; each
 * is told, with the processes that live in it and what to do. Looked for in everything below `agents/`: runs, checks,
 * folders of agents that have ended, what is no agent's at all. Found: the processes of checks were not named.
 */
import { afterEach, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isDead, readProcess } from "../../../src/process/proc.ts";
import type { Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import type { Box } from "../../support/binary.ts";
import { makeBox } from "../../support/binary.ts";

const SLEEPS = ["/bin/sh", "-c", "exec sleep 600"];
let box: Box;
afterEach(() => box.close());

interface Told {
  readonly msg: string;
  readonly dir: string;
  readonly pids: readonly number[];
}
/** What the daemon that runs now said of folders, by the last part of their name. */
const told = (from: number): Map<string, Told> =>
  new Map(
    box
      .stderr()
      .slice(from)
      .split("\n")
      .slice(0, -1) // the last may not have come whole
      .filter((line) => line.includes("that the store does not know"))
      .map((line): Told => JSON.parse(line))
      .map((line) => [line.dir.split("/").at(-1) ?? "", line]),
  );

const lives = (pid: number): boolean => {
  const info = readProcess(pid);
  return info !== null && !isDead(info);
};

async function begin() {
  const verify = { command: "exec sleep 600" };
  box = await makeBox({
    providers: { sleeps: { kind: "command", command: SLEEPS }, quick: { kind: "command", command: ["cat"] } },
  });
  const api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
  await api.post("/projects", { name: "checked", cwd: box.cwd, trusted: true, defaults: { verify } });
  const make = async (provider: string, project = "p"): Promise<{ id: string; path: string }> => {
    const { agent } = await api.post(`/projects/${project}/agents`, { provider, task: "go" });
    const id = String(agent?.["id"]);
    return { id, path: `/projects/${project}/agents/${id}` };
  };
  const processOf = (path: string): Promise<number> =>
    eventually("its process", async () => Number((await api.get(`${path}/debug`))["process"]?.["pid"]) || null);
  return { api, make, processOf };
}

const files = (): string[] => readdirSync(box.stateDir).filter((name) => name.startsWith("harness.db"));

test("a store that is new while run folders are not: each is named with its processes and what to do, and none is touched", async () => {
  const { api, make, processOf } = await begin();
  const [living, over, checking] = [await make("sleeps"), await make("quick"), await make("quick", "checked")];
  const pid = await processOf(living.path);
  await eventually("the quick one to end", async () => (await api.get(over.path))["agent"]?.["turn"]?.["outcome"]);
  const folder = join(box.stateDir, "agents", checking.id, "check");
  const check = await eventually("the check to run", () => {
    const name = existsSync(folder) ? readdirSync(folder)[0] : undefined;
    const record = name === undefined ? null : Bun.spawnSync(["cat", join(folder, name, "pid")]).stdout.toString();
    return Number(record?.split(" ")[2]) || null;
  });
  await box.kill();
  for (const name of files()) rmSync(join(box.stateDir, name));
  mkdirSync(join(box.stateDir, "agents", "no-agent"));
  const from = box.stderr().length;
  const again = await box.start();
  expect([...((await again.get("/agents"))["agents"] as Json)]).toEqual([]);
  const all = told(from);
  expect([...all.keys()].sort()).toEqual([living.id, over.id, checking.id, "no-agent"].sort());
  for (const [id, process] of [
    [living.id, pid],
    [checking.id, check],
  ] as const) {
    expect(all.get(id)?.pids).toContain(process);
    expect(all.get(id)?.msg).toContain("end its processes (kill), then remove the folder");
    expect(lives(process)).toBe(true);
  }
  for (const id of [over.id, "no-agent"])
    expect(all.get(id)).toMatchObject({ pids: [], msg: expect.stringMatching(/does not know: remove the folder$/) });

  // As a person does who is told so.
  for (const pid of [...all.values()].flatMap(({ pids }) => pids))
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // A wrapper, whose program has ended.
    }
  await box.kill();
  for (const id of all.keys()) rmSync(join(box.stateDir, "agents", id), { recursive: true });
  const clean = box.stderr().length;
  await box.start();
  expect([...told(clean).keys()]).toEqual([]);
}, 60_000);

test("a store that is older than an agent, as a backup is: the agents that it knows are taken over, the other is named", async () => {
  const { make, processOf } = await begin();
  const known = await make("sleeps");
  const first = await processOf(known.path);
  await box.kill();
  for (const name of files()) copyFileSync(join(box.stateDir, name), join(box.dir, name));
  const api = await box.start();
  const { agent } = await api.post("/projects/p/agents", { provider: "sleeps", task: "go" });
  const path = `/projects/p/agents/${String(agent?.["id"])}`;
  const second = await eventually(
    "its process",
    async () => Number((await api.get(`${path}/debug`))["process"]?.["pid"]) || null,
  );
  await box.kill();
  for (const name of files()) rmSync(join(box.stateDir, name));
  for (const name of readdirSync(box.dir).filter((each) => each.startsWith("harness.db")))
    copyFileSync(join(box.dir, name), join(box.stateDir, name));
  const from = box.stderr().length;
  const restored = await box.start();
  const all = told(from);
  expect([...all.keys()]).toEqual([String(agent?.["id"])]);
  expect(all.get(String(agent?.["id"]))?.pids).toContain(second);
  expect(String((await restored.get(known.path))["agent"]?.["status"])).toBe("processing");
  expect([lives(first), lives(second)]).toEqual([true, true]);
}, 60_000);
