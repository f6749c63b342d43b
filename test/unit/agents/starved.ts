/**
 * Follows a program as a daemon does, and for a while has no descriptor left: `starved.ts SCENARIO` prints as JSON what
 * was seen without any (`hungry`) and afterwards (`fed`). A process of its own, for nobody else is to go without.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLive } from "../../../src/agents/live.ts";
import { recorded } from "../../../src/agents/reconcile.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { errorCode } from "../../../src/lib/errors.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { listAgentFolder } from "../../../src/process/agent-file.ts";
import { isPopulated, listGroups, usageOf } from "../../../src/process/cgroup.ts";
import { isAlive, isWrapperAlive, readExit, readIdentity, stillRuns } from "../../../src/process/identity.ts";
import { leftoversOf } from "../../../src/process/leftovers.ts";
import { readUptimeMs } from "../../../src/process/proc.ts";
import { runPaths, spawnRun } from "../../../src/process/spawn.ts";
import { cgroupMembers, treeOf } from "../../../src/process/tree.ts";
import { eventually } from "../../support/api.ts";

const dir = mkdtempSync(join(tmpdir(), "ah-starved-"));
const paths = runPaths(dir, 1);
const gate = join(dir, "gate");
const nonce = crypto.randomUUID();
const PROGRAMS: Readonly<Record<string, string>> = {
  end: `echo begun; while [ ! -e '${gate}' ]; do sleep 0.02; done; echo last; exit 7`,
};
const ECHO = 'echo begun; read -r line; echo "got: $line"; exec sleep 60';
/** `ID: line` that an agent is sent; without an id it needs no proof. */
const SENT: Readonly<Record<string, { readonly text: string; readonly id?: string }>> = {
  short: { text: "hello" },
  proof: { text: "hello", id: "in-1" },
  long: { text: "x".repeat(10_000) },
};

const scenario = process.argv[2] ?? "";
const identity = await spawnRun({
  paths,
  argv: ["sh", "-c", PROGRAMS[scenario] ?? ECHO],
  env: { PATH: process.env["PATH"] ?? "" },
  cwd: dir,
  nonce,
  input: { kind: "fifo" },
});

const lines: string[] = [];
const told: unknown[] = [];
let waits = 0;
let stored = 0;
const log = createLogger({
  level: "warn",
  clock: systemClock,
  write: (line) => void (waits += Number(line.includes("EMFILE") && line.includes("now, trying again"))),
});
const follow = () =>
  openLive({
    paths,
    identity,
    offset: 0,
    clock: systemClock,
    log,
    outputBytes: 1e9,
    traits: { oneshot: false, tornLine: "newline" },
    listener: {
      frames: async (batch, _begins, offset) => {
        lines.push(...batch.map((line) => line.replace(/x{9999}/, "x…")));
        stored = offset;
      },
      stored: () => stored,
      busy: () => true,
      fact: (fact) => void told.push(fact.type),
      ended: (code) => void told.push(`ended with ${code}`),
    },
  });

/** Sets what this process may have, as it could not itself without any: a shell that was started before. */
const limiter = Bun.spawn(["sh", "-c", `while read -r n; do prlimit --pid ${process.pid} --nofile=$n: && echo; done`], {
  stdin: "pipe",
  stdout: "pipe",
});
const done = limiter.stdout.getReader();
async function limit(descriptors: number): Promise<void> {
  limiter.stdin.write(`${descriptors}\n`);
  await limiter.stdin.flush();
  if ((await done.read()).done) throw new Error("prlimit has failed");
}
/** What is open stays open; nothing more can be opened, also when some of it is closed. */
const starve = (): Promise<void> => limit(3);
const feed = (): Promise<void> => limit(64);

const answerOf = (look: () => unknown): unknown => {
  try {
    return look();
  } catch (error) {
    return errorCode(error);
  }
};

async function seen(): Promise<{ hungry: unknown; fed: unknown }> {
  if (scenario === "looks") return looks();
  if (scenario === "adopted") {
    await starve();
    const hungry = answerOf(() => follow().paths.dir);
    await feed();
    const live = follow();
    live.send([{ text: "hello" }]);
    await eventually("the answer", () => lines.length === 2);
    live.close();
    return { hungry, fed: [lines, told] };
  }
  const live = follow();
  await eventually("it to begin", () => lines.length === 1);
  if (scenario === "end") {
    await starve();
    mkdirSync(gate);
    await eventually("its last word", () => lines.length === 2);
    await Bun.sleep(300); // it ends meanwhile, which nothing here can see: that is what is tried
    const hungry = [answerOf(() => live.check()), [...told]];
    await feed();
    await eventually("its end", () => {
      live.check();
      return told.length > 0;
    });
    return { hungry, fed: [lines, told] };
  }
  if (scenario === "stop") {
    await starve();
    live.end({ lines: ["bye"], graceMs: 4000 });
    await eventually("two further tries", () => waits >= 2);
    const hungry = [[...lines], [...told]];
    await feed();
    await eventually("its end", () => told.length > 0);
    return { hungry, fed: [lines, told] };
  }
  await starve();
  live.send([SENT[scenario] ?? { text: "" }]);
  await eventually("two further tries", () => waits >= 2);
  const hungry = [[...lines], [...told]];
  await feed();
  await eventually("the answer", () => lines.length === 2);
  live.close();
  return { hungry, fed: [lines, told] };
}

/** Each of them says of something that is there whether it is, or lives: without a descriptor none can know. */
async function looks(): Promise<{ hungry: unknown; fed: unknown }> {
  const group = join(dir, "run-a-1");
  mkdirSync(group);
  writeFileSync(join(group, "cgroup.events"), "populated 1\nfrozen 0\n");
  writeFileSync(join(group, "cgroup.procs"), `${identity.pid}\n`);
  writeFileSync(join(group, "cpu.stat"), "usage_usec 1000\n");
  writeFileSync(paths.exit, "007\n");
  const all: Readonly<Record<string, () => unknown>> = {
    isAlive: () => isAlive(identity),
    stillRuns: () => stillRuns(identity),
    isWrapperAlive: () => isWrapperAlive(identity),
    readIdentity: () => readIdentity(paths)?.pid === identity.pid,
    readExit: () => readExit(paths)?.code === 7,
    readUptimeMs: () => readUptimeMs() !== null,
    treeOf: () => treeOf(identity).length === 1,
    leftoversOf: () => leftoversOf(new Set([nonce]), []).length > 0,
    listAgentFolder: () => listAgentFolder(paths.dir).length > 0,
    isPopulated: () => isPopulated(group),
    usageOf: () => usageOf(group)?.cpuMs === 1,
    listGroups: () => listGroups(dir).length === 1,
    cgroupMembers: () => cgroupMembers(group)[0] === identity.pid,
  };
  const each = (): Record<string, unknown> =>
    Object.fromEntries(Object.entries(all).map(([name, look]) => [name, answerOf(look)]));
  await starve();
  const hungry = { ...each(), recorded: await recorded(paths, nonce, systemClock).catch((error) => errorCode(error)) };
  await feed();
  return { hungry, fed: { ...each(), recorded: (await recorded(paths, nonce, systemClock)) !== null } };
}

const result = await seen();
limiter.kill();
for (const pid of [identity.pid, identity.wrapperPid])
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it has ended
  }
rmSync(dir, { recursive: true, force: true });
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
