/**
 * A small program of somebody else must not hold us: by a child that keeps its pipes open, by never ending, by talking
 * without end. Looked for in everything that runs a program and waits for it: the version probe, the handshake of
 * `providers` and `doctor`, `mkfifo` and `fallocate`, the receiver's OpenClaw CLI. Found: the probe and the tools
 * waited for their pipes to close, and read a flood whole; the handshake did both.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runHelper } from "../../../src/process/helper.ts";
import { createVersionProbe } from "../../../src/process/probe.ts";
import { readProcess, isDead } from "../../../src/process/proc.ts";
import { runTool } from "../../../src/process/tools.ts";
import { eventually, tempFolder } from "./helpers.ts";

const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };
const sh = (script: string, more: Partial<Parameters<typeof runHelper>[0]> = {}) =>
  runHelper({ argv: ["/bin/sh", "-c", script], env, timeoutMs: 20_000, maxBytes: 10_000, ...more });

describe("runHelper", () => {
  test("gives code, output and last words", async () => {
    expect(await sh("echo out; echo err >&2; exit 3")).toEqual({
      code: 3,
      stdout: "out\n",
      stderr: "err\n",
      stopped: null,
    });
  });

  test("a child that keeps the pipes open is not waited for, and does not live on", async () => {
    const file = join(tempFolder(), "pid");
    const answer = await sh(`sleep 600 & echo $! > ${file}; echo 1.2.3`);
    expect(answer).toMatchObject({ code: 0, stdout: "1.2.3\n" });
    const pid = Number(readFileSync(file, "utf8"));
    await eventually("the end of the child", () => {
      const info = readProcess(pid);
      return info === null || isDead(info);
    });
  });

  test("a child in a session of its own that keeps the pipes open is not waited for either", async () => {
    const file = join(tempFolder(), "pid");
    const answer = await sh(
      `setsid sh -c 'echo $$ > ${file}; exec sleep 20' & while [ ! -s ${file} ]; do sleep 0.01; done; echo 1.2.3`,
    );
    expect(answer).toMatchObject({ code: 0, stdout: "1.2.3\n" });
    process.kill(Number(readFileSync(file, "utf8")), "SIGKILL");
  });

  test("one that never ends is ended, and what it said is kept", async () => {
    expect(await sh("echo begun; exec sleep 600", { timeoutMs: 3000 })).toMatchObject({
      code: null,
      stdout: "begun\n",
      stopped: "late",
    });
  });

  test("a flood is cut and ended, on stdout and on stderr", async () => {
    for (const where of ["", " >&2"]) {
      const answer = await sh(`yes${where}`);
      expect(answer).toMatchObject({ code: null, stopped: "flood" });
      expect(answer.stdout.length + answer.stderr.length).toBe(10_000);
    }
  });

  test("a program that is not there is an answer", async () => {
    expect(await runTool(["no-such-program-here"])).toMatchObject({ code: 127 });
  });
});

describe("the version probe", () => {
  const ask = (script: string) => createVersionProbe().versionOf("/bin/sh", ["-c", script, "sh"], env);

  test("a wrapper that leaves a child on stdout has told its version", async () => {
    expect(await ask("echo tool 4.5.6; sleep 600 &")).toEqual({ version: "4.5.6", problem: null });
  });

  test("a program that floods has told its version in the first line, or a problem", async () => {
    expect(await ask("echo 7.8.9; exec yes")).toEqual({ version: "7.8.9", problem: null });
    expect((await ask("exec yes")).problem).toContain("--version ended");
  });
});
