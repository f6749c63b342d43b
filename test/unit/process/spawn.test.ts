import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readlinkSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock.ts";
import { createLineWriter } from "../../../src/process/fifo.ts";
import { isAlive, isWrapperAlive, readExit, readIdentity, stillRuns } from "../../../src/process/identity.ts";
import { endTree } from "../../../src/process/end.ts";
import { isDead, listProcesses, readProcess, readProcessEnv } from "../../../src/process/proc.ts";
import { runPaths, spawnRun } from "../../../src/process/spawn.ts";
import { eventually, newNonce, start, tempFolder } from "./helpers.ts";

/** A daemon in small that can be killed. */
const PARENT = join(import.meta.dir, "parent.ts");

const exitOf = (paths: { readonly exit: string }) => eventually("the exit file", () => readExit(paths));

describe("spawnRun", () => {
  test("a line written goes in, the program's line comes out", async () => {
    const { paths, identity } = await start(["cat"]);
    const writer = createLineWriter({ paths, clock: systemClock });
    expect(await writer.write('{"n":1,"text":"ä\u2028\\n"}')).toBe("written");
    await eventually("the echo", () => statSync(paths.out).size > 0);
    expect(readFileSync(paths.out, "utf8")).toBe('{"n":1,"text":"ä\u2028\\n"}\n');
    expect(isAlive(identity)).toBe(true);
    expect(stillRuns(identity)).toBe(true);
    expect(isWrapperAlive(identity)).toBe(true);
  });

  test("what it returns is what is on disk for a daemon that must adopt", async () => {
    const { paths, identity } = await start(["cat"]);
    expect(readIdentity(paths)).toEqual(identity);
    expect(identity.nonce).toMatch(/^[0-9a-f]{32}$/);
    expect(readProcess(identity.pid)?.ppid).toBe(identity.wrapperPid);
    await eventually("the program in the place of the shell", () => readProcess(identity.pid)?.name === "cat");
  });

  // It had worked to its end, and was told as never started: its input went unanswered.
  test("a record that is taken away at once makes no program that ran one that did not", async () => {
    const cwd = tempFolder();
    // As if somebody had been faster: where it is looked for, there is none.
    const paths = { ...runPaths(cwd, 1), pid: join(cwd, "taken-away") };
    const env = { PATH: process.env["PATH"] ?? "" };
    const request = { paths, env, cwd, nonce: newNonce(), input: { kind: "fifo" as const } };
    const identity = await spawnRun({ ...request, argv: ["/bin/sh", "-c", "echo done"] });
    expect(readIdentity(runPaths(cwd, 1))).toEqual(identity);
    expect(identity.nonce).toBe(request.nonce);
    expect(await exitOf(paths)).toEqual({ code: 0 });
    expect(readFileSync(paths.out, "utf8")).toBe("done\n");
  });

  test("a program whose exit status could not be stored is not begun", async () => {
    const dir = tempFolder();
    const paths = runPaths(dir, 1);
    mkdirSync(paths.exit, { recursive: true });
    const refusal: unknown = await start("echo done", { dir }).catch((error: unknown) => error);
    expect(String(refusal)).toContain("before it was recorded");
    expect(readFileSync(paths.out, "utf8")).toBe("");
  });

  test("a daemon killed while it spawns leaves nothing, or a process that can be adopted", async () => {
    for (const delayMs of [0, 2, 4, 6, 9, 14]) {
      const dir = tempFolder();
      const nonce = newNonce();
      const parent = Bun.spawn([process.execPath, PARENT, "spawn", dir, nonce, String(delayMs)], {
        stdio: ["ignore", "ignore", "inherit"],
      });
      await parent.exited;
      const ours = () =>
        listProcesses().filter((info) => !isDead(info) && readProcessEnv(info.pid, "AH_RUN_NONCE") === nonce);
      const paths = runPaths(dir, 1);
      const settled = () =>
        eventually("nothing, or an identity that lives", () => {
          const identity = readIdentity(paths);
          return identity === null ? ours().length === 0 : identity.nonce === nonce && isAlive(identity);
        });
      await settled();
      if (readIdentity(paths) === null) {
        await Bun.sleep(1000); // what was being made as it died is nobody's yet: the daemon, too, gives it a second
        await settled();
      }
      const identity = readIdentity(paths);
      if (identity !== null) await endTree({ identity, paths, graceMs: 0, clock: systemClock });
      // The wrapper, which has told all, may still be on its way out.
      expect(ours().filter(({ pid }) => pid !== identity?.wrapperPid)).toEqual([]);
    }
  });

  test("files are private", async () => {
    const { paths } = await start(["cat"]);
    for (const path of [paths.in, paths.alive, paths.out, paths.err]) expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(paths.dir).mode & 0o777).toBe(0o700);
    expect(statSync(paths.in).isFIFO()).toBe(true);
  });

  test("the wrapper leads a session of its own", async () => {
    const { identity } = await start(["cat"]);
    const own = readProcess(process.pid)?.session;
    expect(readProcess(identity.wrapperPid)?.session).toBe(identity.wrapperPid);
    expect(readProcess(identity.pid)?.session).not.toBe(own);
  });

  test("signals have their default disposition in the child, and none is blocked", async () => {
    const { identity } = await start(["sleep", "60"]);
    await eventually("the program", () => readProcess(identity.pid)?.name === "sleep");
    const status = readFileSync(`/proc/${identity.pid}/status`, "utf8");
    // Signals 1 to 31; those above are the C library's own, and a parent like make may leave one ignored.
    const ignored = BigInt(`0x${/SigIgn:\s*([0-9a-f]+)/.exec(status)?.[1] ?? "f"}`) & 0x7fff_ffffn;
    expect(ignored).toBe(0n);
    expect(/SigBlk:\s*0+$/m.test(status)).toBe(true);
    expect(/SigCgt:\s*0+$/m.test(status)).toBe(true);
  });

  test("the child has stdin, stdout and stderr and no other descriptor of ours", async () => {
    const { paths, identity } = await start(["sleep", "60"]);
    await eventually("the program", () => readlinkSync(`/proc/${identity.pid}/exe`).endsWith("/sleep"));
    const folder = `/proc/${identity.pid}/fd`;
    const open = await eventually("the end of exec", () => {
      const fds = readdirSync(folder).sort();
      return fds.length <= 3 && fds.map((fd) => readlinkSync(join(folder, fd)));
    });
    expect(open).toEqual([paths.in, paths.out, paths.err]);
  });

  test("the environment is exactly what was given and the nonce", async () => {
    const { paths, identity } = await start(["env", "-0"], { env: { dir: "mine", in: "x y\nz", EMPTY: "" } });
    await exitOf(paths);
    const env = readFileSync(paths.out, "utf8")
      .split("\0")
      .filter((entry) => entry !== "");
    // bash, where it is /bin/sh, adds these.
    const foreign = env.filter((entry) => !/^(PATH|PWD|SHLVL|_|OLDPWD)=/.test(entry)).sort();
    expect(foreign).toEqual([`AH_RUN_NONCE=${identity.nonce}`, "EMPTY=", "dir=mine", "in=x y\nz"]);
  });

  test("arguments arrive as they are, whatever they hold", async () => {
    const odd = ["$(touch /nope)", "`id`", "a b\n c", "'\"\\", "*", "", "-e", "--", "é\u{1f600}"];
    const { paths } = await start(["printf", "%s\\0", ...odd]);
    await exitOf(paths);
    expect(readFileSync(paths.out, "utf8").split("\0").slice(0, -1)).toEqual(odd);
  });

  test("the program runs in the folder asked for, also one with odd characters", async () => {
    const cwd = join(tempFolder(), "a b'$x");
    mkdirSync(cwd);
    const { paths } = await start(["pwd", "-P"], { cwd });
    await exitOf(paths);
    expect(readFileSync(paths.out, "utf8")).toBe(`${cwd}\n`);
  });

  test("output of 10 MB in one line arrives whole", async () => {
    const { paths } = await start("head -c 10000000 /dev/zero | tr '\\0' x; echo");
    await exitOf(paths);
    expect(statSync(paths.out).size).toBe(10_000_001);
  });

  test("a one-shot program reads a regular file to its end", async () => {
    const dir = tempFolder();
    const prompt = join(dir, "prompt");
    writeFileSync(prompt, "the task\nno LF at the end");
    const { paths } = await start("cat; echo; readlink /proc/self/fd/0", { dir, inputFile: prompt });
    expect(await exitOf(paths)).toEqual({ code: 0 });
    expect(readFileSync(paths.out, "utf8")).toBe(`the task\nno LF at the end\n${prompt}\n`);
    expect(existsSync(paths.in)).toBe(false);
  });

  for (const { name, script, code } of [
    { name: "success", script: "exit 0", code: 0 },
    { name: "a code", script: "exit 7", code: 7 },
    { name: "SIGKILL", script: "kill -9 $$", code: 137 },
    { name: "SIGTERM", script: "kill -TERM $$", code: 143 },
    { name: "SIGINT", script: "kill -INT $$", code: 130 },
  ]) {
    test(`the exit file tells of ${name}`, async () => {
      const { paths, identity } = await start(script);
      expect(await exitOf(paths)).toEqual({ code });
      expect(isAlive(identity)).toBe(false);
      expect(readFileSync(paths.err, "utf8")).toBe("");
    });
  }

  test("a missing program is exit 127 with the reason on stderr", async () => {
    const { paths } = await start(["/nowhere/agent"]);
    expect(await exitOf(paths)).toEqual({ code: 127 });
    expect(readFileSync(paths.err, "utf8")).toContain("/nowhere/agent");
  });

  test("signals to the wrapper do not end it, and the exit code is still told", async () => {
    const { paths, identity } = await start(["cat"]);
    for (const name of ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] as const) process.kill(identity.wrapperPid, name);
    process.kill(identity.pid, "SIGTERM");
    expect(await exitOf(paths)).toEqual({ code: 143 });
  });

  test("a killed wrapper leaves the program alive and no exit file", async () => {
    const { paths, identity } = await start(["cat"]);
    process.kill(identity.wrapperPid, "SIGKILL");
    await eventually("the wrapper's end", () => !isWrapperAlive(identity));
    expect(isAlive(identity)).toBe(true);
    process.kill(identity.pid, "SIGKILL");
    await eventually("the program's end", () => !isAlive(identity));
    expect(readExit(paths)).toBeNull();
  });

  const refused = (request: Partial<Parameters<typeof spawnRun>[0]>) => {
    const dir = tempFolder();
    const complete = {
      paths: runPaths(dir, 1),
      argv: ["cat"],
      env: {},
      cwd: dir,
      nonce: newNonce(),
      input: { kind: "fifo" as const },
    };
    return spawnRun({ ...complete, ...request }).then(
      () => "started",
      (error: unknown) => String(error),
    );
  };

  test("a missing working folder is named", async () => {
    expect(await refused({ cwd: "/nowhere/project" })).toContain("/nowhere/project does not exist");
  });

  test("no program, or one that would be taken for an option, is refused", async () => {
    expect(await refused({ argv: [] })).toContain("the program is null");
    expect(await refused({ argv: ["-c"] })).toContain('the program is "-c"');
  });

  test("a stdin file that cannot be opened is told with the shell's own words", async () => {
    expect(await refused({ input: { kind: "file", path: "/nowhere/prompt" } })).toMatch(
      /before it was recorded: .*\/nowhere\/prompt/,
    );
  });

  test("a folder of an earlier run is never used again", async () => {
    const { paths } = await start(["cat"]);
    expect(await refused({ paths })).toContain("cannot make the run folder");
  });

  test("two runs of an agent never share anything", async () => {
    const first = await start("echo one; exit 3");
    await exitOf(first.paths);
    const second = await start(["cat"], { dir: first.dir, run: 2 });
    expect(readExit(second.paths)).toBeNull();
    expect(readExit(first.paths)).toEqual({ code: 3 });
    expect(readIdentity(second.paths)?.nonce).not.toBe(readIdentity(first.paths)?.nonce);
    expect(statSync(second.paths.out).size).toBe(0);
    expect(isAlive(first.identity)).toBe(false);
  });
});
