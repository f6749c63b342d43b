/**
 * One damaged run folder stops one agent: the daemon starts over what lies in its place. Looked for in the folder of a
 * run, the folder of all runs, the agent's own; as a file, a FIFO, a link to nowhere, closed, gone; for a program that
 * talks and a plain command. What lies in place of single files of a run: run-folder.test.ts, unit/process/agent-file.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDead, readProcess } from "../../../src/process/proc.ts";
import type { Api, Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import type { Box } from "../../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../../support/binary.ts";

const isRoot = process.getuid?.() === 0;
/** Root passes over the modes of files by two capabilities: a daemon without them obeys as any other user does. */
const SETPRIV = isRoot ? Bun.which("setpriv") : null;
const modesCount = !isRoot || SETPRIV !== null;
const CAPS = "-dac_override,-dac_read_search";

const aside = (path: string): void => renameSync(path, join(dirname(path), "..", `aside-${path.split("/").at(-1)}`));
interface Damage {
  readonly what: string;
  readonly provider?: "sh";
  /** `run`: the folder of its run. */
  readonly make: (run: string) => void;
  /** Where it would keep the next process from starting, too: what a person does about it. */
  readonly mend?: (run: string) => void;
  readonly byMode?: true;
}
const inPlace = (make: (path: string) => void) => (run: string) => (aside(run), make(run));
const DAMAGES: readonly Damage[] = [
  { what: "a file", make: inPlace((run) => writeFileSync(run, "")) },
  { what: "a file (a plain command's)", provider: "sh", make: inPlace((run) => writeFileSync(run, "")) },
  { what: "a FIFO", make: inPlace((run) => void Bun.spawnSync(["mkfifo", run])) },
  { what: "a link to nowhere", make: inPlace((run) => symlinkSync("/nowhere/at/all", run)) },
  { what: "nothing", make: aside },
  { what: "a closed folder", make: (run) => chmodSync(run, 0o000), byMode: true },
  {
    what: "a closed folder of all runs",
    make: (run) => chmodSync(dirname(run), 0o000),
    mend: (run) => chmodSync(dirname(run), 0o700),
    byMode: true,
  },
  {
    what: "a file for all runs",
    make: (run) => inPlace((it) => writeFileSync(it, ""))(dirname(run)),
    mend: (run) => rmSync(dirname(run)),
  },
];
const tried = DAMAGES.filter(({ byMode }) => modesCount || byMode !== true);
if (tried.length < DAMAGES.length)
  console.warn("skipped: closed folders, for root passes over modes (no setpriv here)");

let box: Box;
let api: Api;
const gate = (): string => join(box.dir, "gate");
/** Path of the agent and the pid of its process before the damage. */
const agents = new Map<string, { readonly path: string; readonly id: string; readonly pid: number }>();
const at = (what: string) => agents.get(what) ?? expect.unreachable(what);
const runOf = (what: string): string => join(box.stateDir, "agents", at(what).id, "run", "1");
const view = async (what: string): Promise<Json> => (await api.get(at(what).path))["agent"] as Json;

beforeAll(async () => {
  box = await makeBox({
    providers: {
      "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
      sh: { kind: "command", command: ["/bin/sh", "-c", "echo begun; exec sleep 600"] },
    },
  });
  const script = join(box.dir, "obedient");
  const without = SETPRIV === null ? "" : `${SETPRIV} --bounding-set ${CAPS} --inh-caps ${CAPS} -- `;
  writeFileSync(script, `#!/bin/sh\nexec ${without}${BINARY} "$@"\n`, { mode: 0o755 });
  api = await box.start({}, script);
  await api.post("/projects", { name: "p", cwd: box.cwd });
  const work = `SCRIPT ${JSON.stringify([{ gate: gate() }, { say: "went on" }])}`;
  for (const { what, provider = "claude-code" } of [{ what: "sound" }, ...tried] as Damage[]) {
    const { agent } = await api.post("/projects/p/agents", { provider, task: work });
    const id = String(agent?.["id"]);
    const path = `/projects/p/agents/${id}`;
    const pid = await eventually(`the process of ${what}`, async () => {
      const busy = String((await api.get(path))["agent"]?.["status"]) === "processing";
      return busy && (Number((await api.get(`${path}/debug`))["process"]?.["pid"]) || null);
    });
    agents.set(what, { path, id, pid });
  }
  await box.kill();
  for (const { what, make } of tried) make(runOf(what));
  api = await box.start({}, script);
}, 120_000);
afterAll(() => box.close());

test("the daemon is ready over all of them, and the sound one goes on", async () => {
  expect((await fetch(`${api.url}/readyz`)).status).toBe(200);
  expect(String((await view("sound"))["status"])).toBe("processing");
  mkdirSync(gate());
  const { turn } = await eventually("its end", async () => {
    const agent = await view("sound");
    return agent["turn"]?.["outcome"] ? agent : null;
  });
  expect(String(turn?.["outcome"])).toBe("completed");
});

describe.each(tried.map((each) => [each.what, each] as const))("%s in place of its run", (what, { mend, provider }) => {
  test("is told as that agent's loss with a cause, its process is ended, and it can be asked again", async () => {
    const { turn, status } = await eventually("it to be lost", async () => {
      const agent = await view(what);
      return agent["turn"]?.["outcome"] ? agent : null;
    });
    expect([String(status), String(turn?.["outcome"])]).toEqual([provider === "sh" ? "error" : "exited", "lost"]);
    expect(String(turn?.["error"]?.["code"])).toMatch(/^[A-Z_]{4,}$/);
    expect(String(turn?.["error"]?.["message"]).length).toBeGreaterThan(10);
    await eventually("the end of its process", () => {
      const info = readProcess(at(what).pid);
      return info === null || isDead(info);
    });
    mend?.(runOf(what));
    const { status: asked } = await api.call("POST", `${at(what).path}/input`, { text: "again" });
    expect(asked).toBe(202);
    if (provider === "sh") return; // it would run for minutes
    const next = await eventually("the next turn", async () => {
      const agent = await view(what);
      return String(agent["status"]) === "idle" ? agent : null;
    });
    expect(next["turn"] as unknown).toMatchObject({ outcome: "completed" });
  });
});
