import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NONCE_ENV, isAlive, readExit, readIdentity, stillRuns } from "../../../src/process/identity.ts";
import type { Identity } from "../../../src/process/identity.ts";
import { readProcess, readProcessEnv } from "../../../src/process/proc.ts";
import { eventually, start, tempFolder } from "./helpers.ts";

const IDENTITY: Identity = {
  bootId: "11111111-2222-3333-4444-555555555555",
  pid: 42,
  startTicks: 9000,
  wrapperPid: 41,
  wrapperStartTicks: 8999,
  nonce: "aa".repeat(16),
};

interface FakeProcess {
  readonly bootId?: string;
  readonly startTicks?: number;
  readonly state?: string;
  readonly name?: string;
  readonly environ?: string;
}

/** A folder that looks like `/proc` with one process in it. */
function fakeProc({
  bootId = IDENTITY.bootId,
  startTicks = 9000,
  state = "S",
  name = "claude",
  environ,
}: FakeProcess): { root: string } {
  const root = tempFolder();
  mkdirSync(join(root, "42"));
  mkdirSync(join(root, "sys/kernel/random"), { recursive: true });
  writeFileSync(join(root, "sys/kernel/random/boot_id"), `${bootId}\n`);
  const before = "41 41 41 0 -1 4194304 64 0 1 0 0 0 0 0 20 0 1 0";
  writeFileSync(join(root, "42/stat"), `42 (${name}) ${state} ${before} ${startTicks} 2654208 359 0 0\n`);
  if (environ !== undefined) writeFileSync(join(root, "42/environ"), environ);
  return { root };
}

describe("isAlive", () => {
  const nonce = `PATH=/bin\0AH_RUN_NONCE=${IDENTITY.nonce}\0`;
  const table: readonly { readonly name: string; readonly process: FakeProcess; readonly alive: boolean }[] = [
    { name: "the same process", process: { environ: nonce }, alive: true },
    { name: "its environment cannot be read", process: {}, alive: true },
    { name: "it overwrote its environment", process: { environ: "claude --idle\0\0\0" }, alive: true },
    { name: "its name looks like other fields", process: { name: "a) Z 1 (b\n", environ: nonce }, alive: true },
    { name: "the pid was given to a later process", process: { startTicks: 9001, environ: nonce }, alive: false },
    { name: "another run's nonce", process: { environ: `AH_RUN_NONCE=${"bb".repeat(16)}\0` }, alive: false },
    { name: "another boot", process: { bootId: "99999999-2222-3333-4444-555555555555", environ: nonce }, alive: false },
    { name: "a zombie", process: { state: "Z", environ: "" }, alive: false },
    { name: "a process that is being removed", process: { state: "X" }, alive: false },
    { name: "stopped by a signal", process: { state: "T", environ: nonce }, alive: true },
  ];
  for (const row of table) {
    test(`${row.name}: ${row.alive ? "alive" : "dead"}`, () => {
      expect(isAlive(IDENTITY, fakeProc(row.process))).toBe(row.alive);
    });
  }

  test("no such process: dead", () => {
    expect(isAlive({ ...IDENTITY, pid: 43 }, fakeProc({}))).toBe(false);
  });

  test("a real zombie is dead although its pid still answers", async () => {
    // The shell never waits for its child: `exec` turned it into a sleep that does not know of one.
    const { paths } = await start("sleep 0.05 & echo $!; exec sleep 60");
    const tail = await eventually("the child's pid", () => /^(\d+)\n/.exec(readFileSync(paths.out, "utf8")));
    const pid = Number(tail[1]);
    const info = await eventually("the zombie", () => (readProcess(pid)?.state === "Z" ? readProcess(pid) : null));
    process.kill(pid, 0);
    const zombie: Identity = { ...(readIdentity(paths) ?? IDENTITY), pid, startTicks: info.startTicks };
    expect(isAlive(zombie)).toBe(false);
    expect(stillRuns(zombie)).toBe(false);
  });

  test("a real process whose pid is recorded with another start time is a stranger", async () => {
    const { identity } = await start(["cat"]);
    expect(isAlive(identity)).toBe(true);
    expect(isAlive({ ...identity, startTicks: identity.startTicks - 1 })).toBe(false);
    // In the instant of exec the kernel shows an empty environment.
    await eventually(
      "the program, with its environment",
      () => readProcess(identity.pid)?.name === "cat" && readProcessEnv(identity.pid, NONCE_ENV),
    );
    expect(isAlive({ ...identity, nonce: "bb".repeat(16) })).toBe(false);
  });
});

describe("records on disk", () => {
  const written = (name: string, text: string): string => {
    const path = join(tempFolder(), name);
    writeFileSync(path, text);
    return path;
  };

  test("an identity counts only with its line feed", () => {
    const line = `v1 ${IDENTITY.bootId} 42 9000 41 8999 ${IDENTITY.nonce}`;
    expect(readIdentity({ pid: written("pid", `${line}\n`) })).toEqual(IDENTITY);
    expect(readIdentity({ pid: written("pid", line) })).toBeNull();
    expect(readIdentity({ pid: written("pid", "") })).toBeNull();
    expect(readIdentity({ pid: "/nowhere/pid" })).toBeNull();
  });

  test("an exit code counts only with its line feed", () => {
    expect(readExit({ exit: written("exit", "137\n") })).toEqual({ code: 137 });
    for (const text of ["", "13", "1x\n", "\n"]) expect(readExit({ exit: written("exit", text) })).toBeNull();
    expect(readExit({ exit: "/nowhere/exit" })).toBeNull();
  });
});
