/**
 * Output of a run has a bound on the disk, and what a run leaves behind is named and ended. Looked for in: stdout and
 * stderr, of agents and of plain commands, while they run and afterwards; processes that left their parent, their
 * session, their environment. Found: freed only when idle and never for stderr; the message's copy was kept besides;
 * leftovers of a finished command outlived even the DELETE of their agent.
 */
import { afterEach, expect, test } from "bun:test";
import { mkdirSync, rmdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDead, readProcess } from "../../../src/process/proc.ts";
import type { Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import { FAKES } from "../../support/binary.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import { testDaemon } from "../../support/daemon.ts";

const MIB = 1024 * 1024;
/** A flood with an end: there may be nobody left to end it, and the disk is everybody's. */
const FLOOD = "for i in $(seq 1000); do sleep 0.03;";
let daemon: TestDaemon;
afterEach(() => daemon.close());

/** Runs a shell script as a one-shot agent; gives its folder and API path. */
async function runScript(script: string, limits: Record<string, unknown> = {}) {
  daemon = await testDaemon({ limits, providers: { sh: { kind: "command", command: ["/bin/sh", "-c", script] } } });
  await daemon.api().post("/projects", { name: "p", cwd: daemon.cwd });
  const { agent } = await daemon.api().post("/projects/p/agents", { provider: "sh", task: "go" });
  const id = String(agent?.["id"]);
  const path = `/projects/p/agents/${id}`;
  const run = join(daemon.dir, "state", "agents", id, "run", "1");
  return { path, run, over: () => daemon.api().get(`${path}/wait?timeout=40`) };
}

const onDisk = (file: string): number => statSync(file).blocks * 512;

test("what a command said is given back but for its end, on both streams", async () => {
  const { path, run, over } = await runScript(
    "head -c 40000000 /dev/zero | tr '\\0' x; yes error | head -c 30000000 >&2",
  );
  expect(String((await over())["agent"]?.["status"])).toBe("idle");
  await eventually(
    "both files to be small",
    () => onDisk(join(run, "out.jsonl")) + onDisk(join(run, "err.log")) < 3 * MIB,
  );
  const tail = await fetch(`${daemon.api().url}/api/v1${path}/output?tail=100`);
  expect(await tail.text()).toBe("x".repeat(100));
  const { message } = await daemon.api().get(`${path}/messages/last`);
  expect(message as unknown).toMatchObject({ truncated: true });
}, 60_000);

test("a run that fills the disk is ended, and its turn says why", async () => {
  const { path, over } = await runScript(`${FLOOD} head -c 1000000 /dev/zero >&2 || exit; done`, {
    runOutputBytes: 2 * MIB,
  });
  await over();
  const { agent } = await daemon.api().get(path);
  expect(agent?.["turn"] as unknown).toMatchObject({ outcome: "lost", error: { code: "OUTPUT_LIMIT" } });
}, 60_000);

/** A program that speaks frames, with `stderr` bytes of noise before it begins; gives its folder and API path. */
async function runTalker(task: string, noise: string, limits: Record<string, unknown> = {}) {
  const script = `${noise}; exec '${process.execPath}' '${join(FAKES, "claude.ts")}' "$@"`;
  const providers = { "claude-code": { command: ["/bin/sh", "-c", script, "claude"] } };
  daemon = await testDaemon({ limits, providers });
  await daemon.api().post("/projects", { name: "p", cwd: daemon.cwd });
  const { agent } = await daemon.api().post("/projects/p/agents", { provider: "claude-code", task });
  const id = String(agent?.["id"]);
  const path = `/projects/p/agents/${id}`;
  const run = join(daemon.dir, "state", "agents", id, "run", "1");
  return { path, run, view: async () => (await daemon.api().get(path))["agent"] as Json };
}

/** Given back in steps of 8 MiB, but for the last 1 MiB. */
const KEPT = 10 * MIB;

test("of an agent that lives what was read is given back on both streams, and their ends can be looked at", async () => {
  const long = JSON.stringify(Array.from({ length: 24 }, () => ({ long: 1_000_000 })));
  const noise = "if [ \"$1\" != --version ]; then head -c 40000000 /dev/zero | tr '\\0' e >&2; fi";
  const { path, run, view } = await runTalker(`SCRIPT ${long}`, noise);
  await eventually("it to have said all", async () => String((await view())["status"]) === "idle", 40_000);
  for (const file of ["out.jsonl", "err.log"]) {
    expect(statSync(join(run, file)).size).toBeGreaterThan(24_000_000);
    // Looked at with each output and with each sweep.
    await eventually(`${file} to be small`, () => onDisk(join(run, file)) < KEPT);
  }
  const read = async (more: string) => (await fetch(`${daemon.api().url}/api/v1${path}/output?tail=100${more}`)).text();
  expect(await read("&stream=stderr")).toBe("e".repeat(100));
  expect(await read("")).toContain('"session_id"');
  expect(String((await view())["process"]?.["state"] ?? (await view())["status"])).not.toBe("exited");
}, 60_000);

test.each([
  ["stderr", `${FLOOD} head -c 1000000 /dev/zero >&2 || exit; done`],
  ["stdout", `${FLOOD} head -c 1000000 /dev/zero | tr '\\0' x || exit; echo; done`],
])(
  "an agent that fills the disk with its %s is ended, and its turn says why",
  async (_stream, flood) => {
    // What a tool started, say, that is left to itself: the program has nothing to write meanwhile.
    const gate = join(tmpdir(), `ah-flood-${crypto.randomUUID()}`);
    const later = `(while [ ! -e '${gate}' ]; do sleep 0.05; done; ${flood}) &`;
    const task = `SCRIPT ${JSON.stringify([{ gate: `${gate}-never` }])}`;
    const { view } = await runTalker(task, `if [ "$1" != --version ]; then ${later} fi`, { runOutputBytes: 2 * MIB });
    await eventually("it to work", async () => String((await view())["status"]) === "processing");
    mkdirSync(gate);
    const ended = await eventually("its end", async () => {
      const agent = await view();
      return agent["turn"]?.["outcome"] ? agent : null;
    });
    rmdirSync(gate);
    expect(ended["turn"] as unknown).toMatchObject({ outcome: "lost", error: { code: "OUTPUT_LIMIT" } });
  },
  60_000,
);

/** Not a zombie: the box may have nobody who reaps orphans. */
const alive = (pid: number): boolean => {
  const info = readProcess(pid);
  return info !== null && !isDead(info);
};

test("what a finished command left behind is named in debug and goes with its agent", async () => {
  const { path, over } = await runScript("setsid sleep 300 & echo $!");
  await over();
  const pid = Number((await daemon.api().get(`${path}/messages/last`))["message"]?.["text"]);
  expect(alive(pid)).toBe(true);
  await eventually("setsid to become the sleep", () => readProcess(pid)?.name === "sleep");
  const { leftBehind } = await daemon.api().get(`${path}/debug`);
  expect(leftBehind as unknown).toEqual([{ pid, name: "sleep" }]);
  expect((await daemon.api().call("DELETE", path)).status).toBe(204);
  expect(alive(pid)).toBe(false);
}, 60_000);

test("one that left parent, session and environment is known from an earlier scan", async () => {
  const { path, over } = await runScript("(sleep 6; exec setsid env -i /bin/sleep 300) & echo $!; sleep 7");
  await over();
  const pid = Number((await daemon.api().get(`${path}/messages/last`))["message"]?.["text"]);
  expect(alive(pid)).toBe(true);
  await eventually("setsid to become the sleep", () => readProcess(pid)?.name === "sleep");
  const { leftBehind } = await daemon.api().get(`${path}/debug`);
  expect(leftBehind as unknown).toEqual([{ pid, name: "sleep" }]);
  expect((await daemon.api().call("DELETE", path)).status).toBe(204);
  expect(alive(pid)).toBe(false);
}, 60_000);
