import { describe, expect, test } from "bun:test";
import { appendFileSync, readdirSync, renameSync, rmSync, statSync, watch as watchFiles, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, readExit } from "../../../src/process/identity.ts";
import { runPaths } from "../../../src/process/paths.ts";
import { watchAlive, watchRun } from "../../../src/process/watch.ts";
import { eventually, start } from "./helpers.ts";

function counters() {
  const seen = { output: 0, gone: 0, lost: [] as string[] };
  const callbacks = {
    onOutput: () => void seen.output++,
    onGone: () => void seen.gone++,
    onLost: (reason: string) => void seen.lost.push(reason),
  };
  return { seen, callbacks };
}

describe("watchRun", () => {
  test("tells of output, also of one that was replaced, and not of our own writes to stdin", async () => {
    const { paths } = await start(["sleep", "60"]);
    const { seen, callbacks } = counters();
    const watch = watchRun({ paths, ...callbacks });
    expect({ mode: watch.mode, reason: watch.reason }).toEqual({ mode: "inotify", reason: null });
    appendFileSync(paths.out, "{}\n");
    await eventually("a notice", () => seen.output > 0);
    writeFileSync(join(paths.dir, "new"), "{}\n");
    const before = seen.output;
    renameSync(join(paths.dir, "new"), paths.out);
    await eventually("a notice of the replacement", () => seen.output > before);
    watch.close();
  });

  test("does not tell of our own writes to stdin, of stderr and of other files", async () => {
    const { paths } = await start(["sleep", "60"]);
    const { seen, callbacks } = counters();
    const watch = watchRun({ paths, ...callbacks });
    const order: string[] = [];
    const other = watchFiles(paths.dir, (_event, name) => void order.push(String(name)));
    appendFileSync(paths.in, "input\n");
    appendFileSync(paths.err, "noise\n");
    writeFileSync(join(paths.dir, "marker"), "");
    await eventually("a watch that is told of them", () => ["err.log", "marker"].every((name) => order.includes(name)));
    expect(seen.output).toBe(0);
    other.close();
    watch.close();
  });

  test("no growth goes untold, however close the writes follow each other", async () => {
    const { paths } = await start(["sleep", "60"]);
    const { callbacks } = counters();
    let told = 0; // the size when the last notice came
    const watch = watchRun({ ...callbacks, paths, onOutput: () => void (told = statSync(paths.out).size) });
    let size = 0;
    for (let round = 0; round < 40; round++) {
      for (const pauseMs of [0, 0.3, 1, 2]) {
        appendFileSync(paths.out, "x");
        size++;
        const until = performance.now() + pauseMs;
        while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
      }
      await eventually(`a notice of byte ${size}`, () => told === size);
    }
    watch.close();
  });

  test("the program's end is told once, and its exit code is there by then", async () => {
    const { paths, identity } = await start(["sleep", "60"]);
    const { callbacks } = counters();
    const exits: unknown[] = [];
    const watch = watchRun({ ...callbacks, paths, onGone: () => void exits.push(readExit(paths)) });
    process.kill(identity.pid, "SIGKILL");
    await eventually("the death notice", () => exits.length > 0);
    expect(exits).toEqual([{ code: 137 }]);
    watch.close();
  });

  test("a killed wrapper is told too: no exit code, and the program may still live", async () => {
    const { paths, identity } = await start(["sleep", "60"]);
    const { seen, callbacks } = counters();
    const watch = watchRun({ paths, ...callbacks });
    process.kill(identity.wrapperPid, "SIGKILL");
    await eventually("the death notice", () => seen.gone > 0);
    expect(readExit(paths)).toBeNull();
    expect(isAlive(identity)).toBe(true);
    watch.close();
  });

  test("children that outlive the program do not hold the notice back", async () => {
    const { paths } = await start("setsid sleep 60 & exit 4");
    const { seen, callbacks } = counters();
    const watch = watchRun({ paths, ...callbacks });
    await eventually("the death notice", () => seen.gone > 0);
    expect(readExit(paths)).toEqual({ code: 4 });
    watch.close();
  });

  test("a run that died before the watch began is told at once", async () => {
    const { paths } = await start("exit 5");
    await eventually("its end", () => readExit(paths));
    const { seen, callbacks } = counters();
    const watch = watchRun({ paths, ...callbacks });
    await eventually("the death notice", () => seen.gone === 1);
    watch.close();
  });

  test("a folder that is gone: the death notice, and a visible fallback", async () => {
    const { seen, callbacks } = counters();
    const watch = watchRun({ paths: runPaths("/nowhere", 1), ...callbacks });
    expect(watch.mode).toBe("sweep");
    expect(watch.reason).toContain("cannot watch /nowhere/run/1");
    await eventually("the death notice", () => seen.gone === 1);
    watch.close();
  });

  test("nothing is told after close, and no descriptor stays open", async () => {
    const { paths, identity } = await start(["sleep", "60"]);
    const open = () => readdirSync("/proc/self/fd").length;
    const { seen, callbacks } = counters();
    watchRun({ paths, ...callbacks }).close(); // the runtime keeps its one inotify descriptor
    const before = open();
    for (let round = 0; round < 200; round++) watchRun({ paths, ...callbacks }).close();
    await eventually("the descriptors' end", () => open() <= before);
    appendFileSync(paths.out, "{}\n");
    process.kill(identity.pid, "SIGKILL");
    await eventually("the end", () => readExit(paths));
    await Bun.sleep(30);
    expect(seen).toEqual({ output: 0, gone: 0, lost: [] });
  });

  test("no inotify watch to be had: sweep, with the cure named", async () => {
    const script = `
      require("node:fs").writeFileSync("/proc/sys/user/max_inotify_watches", "0");
      const { watchRun } = await import(${JSON.stringify(join(import.meta.dir, "../../../src/process/watch.ts"))});
      const { runPaths } = await import(${JSON.stringify(join(import.meta.dir, "../../../src/process/paths.ts"))});
      const { paths } = JSON.parse(process.argv[1]);
      const watch = watchRun({ paths, onOutput() {}, onGone() {}, onLost() {} });
      console.log(JSON.stringify({ mode: watch.mode, reason: watch.reason }));
      process.exit(0);`;
    const { paths } = await start(["sleep", "60"]);
    // A user namespace has limits of its own: nobody else on the machine is touched.
    const child = Bun.spawn(["unshare", "-Ur", process.execPath, "-e", script, JSON.stringify({ paths })], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    if (out === "") return console.warn(`skipped: no user namespace here: ${err.trim()}`);
    expect(JSON.parse(out)).toEqual({
      mode: "sweep",
      reason: expect.stringContaining("raise fs.inotify.max_user_watches"),
    });
  });
});

describe("watchAlive", () => {
  test("100 watches wait without threads or processor time of their own", async () => {
    const first = await start(["sleep", "60"]);
    const second = await start(["sleep", "60"]);
    const threads = () => readdirSync("/proc/self/task").length;
    const before = threads();
    let gone = 0;
    const watches = Array.from({ length: 100 }, (_, n) =>
      watchAlive((n % 4 === 0 ? first : second).paths.alive, () => void gone++),
    );
    const cpu = process.cpuUsage();
    await Bun.sleep(500);
    const used = process.cpuUsage(cpu);
    expect(used.user + used.system).toBeLessThan(200_000); // µs: a single spinning watch would use 500 000
    expect(threads()).toBeLessThan(before + 10);
    process.kill(first.identity.pid, "SIGKILL");
    await eventually("the notices of one run", () => gone === 25);
    for (const watch of watches) watch.close();
  });

  test("a removed folder does not disturb a watch that stands", async () => {
    const { dir, paths, identity } = await start(["sleep", "60"]);
    let gone = 0;
    const watch = watchAlive(paths.alive, () => void gone++);
    rmSync(join(dir, "run"), { recursive: true });
    process.kill(identity.pid, "SIGKILL");
    await eventually("the death notice", () => gone === 1);
    watch.close();
  });
});
