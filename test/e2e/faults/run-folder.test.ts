/**
 * Something else in place of a file of a run that lives: the loop goes on, also after a restart, stop and DELETE are
 * answered. The pure half, file by file and kind by kind, stands beside `process/agent-file.ts`. An answer that waits
 * for what cannot be read or removed was looked for in stop, abort, DELETE of agents, projects and workspaces, `wait`,
 * `output`, `debug`, the start and the stop of both programs. Found: an unreadable `exit` (stop, DELETE), a removal
 * that throws (DELETE), and `owner.json`, which was opened blindly at each start (start-in-trouble); the receiver has
 * no folders of runs, and each of its answers waits for its own store alone.
 */
import { afterEach, expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../support/api.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import { testDaemon } from "../../support/daemon.ts";

let daemon: TestDaemon;
afterEach(() => daemon.close());

async function sleeper() {
  daemon = await testDaemon({ providers: { sh: { kind: "command", command: ["/bin/sh", "-c", "exec sleep 300"] } } });
  await daemon.api().post("/projects", { name: "p", cwd: daemon.cwd });
  const { agent } = await daemon.api().post("/projects/p/agents", { provider: "sh", task: "go" });
  const path = `/projects/p/agents/${String(agent?.["id"])}`;
  await eventually("the process", async () => (await daemon.api().get(`${path}/debug`))["process"] !== null);
  return { path, run: join(daemon.dir, "state", "agents", String(agent?.["id"]), "run", "1") };
}

async function isServing(path: string): Promise<void> {
  expect((await fetch(`${daemon.api().url}/healthz`)).status).toBe(200);
  expect((await daemon.api().get(`${path}/debug`))["status"] as unknown).toBe("processing");
  expect((await fetch(`${daemon.api().url}/api/v1${path}/output?stream=stderr`)).status).toBe(200);
}

test("a FIFO in place of err.log holds nobody up, before and after a restart", async () => {
  const { path, run } = await sleeper();
  rmSync(join(run, "err.log"));
  expect(Bun.spawnSync(["mkfifo", join(run, "err.log")]).exitCode).toBe(0);
  await isServing(path);
  await daemon.restart();
  await isServing(path);
  expect((await daemon.api().call("DELETE", path)).status).toBe(204);
}, 60_000);

test.each(["exit", "pid"])(
  "a folder in place of %s lets stop and DELETE be answered",
  async (file) => {
    const { path, run } = await sleeper();
    rmSync(join(run, file), { force: true });
    mkdirSync(join(run, file));
    expect((await daemon.api().call("POST", `${path}/stop`)).status).toBe(200);
    expect((await daemon.api().call("DELETE", path)).status).toBe(204);
  },
  60_000,
);
