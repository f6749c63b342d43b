/**
 * A box without a `fleet` in its config pays nothing for there being fleets: none of its modules, no memory, no time.
 * And one that has it pays little while its database is away.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { eventually } from "../../support/api.ts";
import { makeBox } from "../../support/binary.ts";
import { quietPort } from "../../support/hook.ts";

setDefaultTimeout(90_000);

const ROOT = join(import.meta.dir, "../../..");
const MB = 1e6;
interface Start {
  readonly waitedMs: number;
  readonly workMs: number;
  readonly bytes: number;
}

/** In turns, so that what else the machine does meets both alike. */
const PAIRS = 7;

describe("a box without a fleet", () => {
  const dir = mkdtempSync(join(tmpdir(), "ah-absent-"));
  let fleet: Record<string, unknown>;
  beforeAll(async () => {
    fleet = { url: `postgres://ah@127.0.0.1:${await quietPort()}/postgres`, node: "alone" }; // nobody is there
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  /** What a daemon that runs from source loads until it is ready, and a moment longer. */
  const loads = async (name: string, config: Record<string, unknown>): Promise<readonly string[]> => {
    const [file, report] = [join(dir, `${name}.json`), join(dir, `${name}.loads`)];
    writeFileSync(file, JSON.stringify({ port: 0, stateDir: join(dir, name), ...config }));
    const program = ["--preload", join(ROOT, "test/support/loads.ts"), join(ROOT, "src/main.ts")];
    const child = Bun.spawn([process.execPath, "--no-env-file", ...program, "serve", "--config", file], {
      cwd: dir,
      env: { PATH: process.env["PATH"] ?? "", HOME: dir, AH_TEST_LOADS: report },
      stdio: ["ignore", "pipe", "ignore"],
    });
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) if (part.includes("\n")) break;
    const modules = (): string[] =>
      [...new Set(readFileSync(report, "utf8").trim().split("\n"))].map((path) => relative(ROOT, path)).sort();
    let before = modules();
    await eventually("nothing more is loaded", async () => {
      await Bun.sleep(300);
      const now = modules();
      return now.length === before.length || ((before = now), false);
    });
    child.kill("SIGKILL");
    await child.exited;
    return modules();
  };

  test("loads no module of fleets, and a box with one loads no other for it", async () => {
    const without = await loads("without", {});
    const withOne = await loads("with", { fleet });
    const ofFleets = (path: string): boolean => /^src\/(fleet\/|store\/fleet-)/.test(path);
    expect(without.filter(ofFleets)).toEqual([]);
    expect(withOne.filter(ofFleets).length).toBeGreaterThan(20);
    expect(without.filter((path) => !withOne.includes(path))).toEqual([]);
  });

  /** How long the compiled daemon takes to listen, what it works for that, and what memory is its own then. */
  const started = async (config: Record<string, unknown>): Promise<Start> => {
    const box = await makeBox(config);
    const began = performance.now();
    const api = await box.start();
    const waitedMs = performance.now() - began;
    const workMs = ranMs(box.pid());
    for (let i = 0; i < 5; i++) await api.get("/agents");
    const rollup = readFileSync(`/proc/${box.pid()}/smaps_rollup`, "utf8");
    await box.kill();
    await box.close();
    return { waitedMs, workMs, bytes: Number(/^Pss_Anon:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024 };
  };
  /** On a processor, all threads together: what else the machine does is not in it. */
  const ranMs = (pid: number): number =>
    readdirSync(`/proc/${pid}/task`)
      .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]) / 1e6)
      .reduce((sum, each) => sum + each, 0);
  const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

  test("takes no longer to start and no more memory than one with a fleet, which takes little more", async () => {
    const without: Start[] = [];
    const withOne: Start[] = [];
    for (let i = 0; i < PAIRS; i++) {
      const turns = [
        () => started({}).then((it) => without.push(it)),
        () => started({ fleet }).then((it) => withOne.push(it)),
      ];
      for (const turn of i % 2 === 0 ? turns : turns.reverse()) await turn();
    }
    const [work, larger] = (["workMs", "bytes"] as const).map((key) =>
      median(withOne.map((it, i) => it[key] - (without[i]?.[key] ?? 0))),
    );
    // Of several that are held up now and then the quickest is the one that was held up least.
    const [quick, quickest] = [withOne, without].map((all) => Math.min(...all.map(({ waitedMs }) => waitedMs)));
    const later = (quick ?? 0) - (quickest ?? 0);
    console.log(
      `a fleet whose database is away: ${work?.toFixed(0)} ms of work, ready ${later.toFixed(0)} ms later, ${((larger ?? 0) / MB).toFixed(1)} MB more`,
    );
    const noiseMs = median(without.map(({ workMs }) => workMs)) * 0.25;
    expect(work).toBeGreaterThan(-noiseMs);
    expect(work).toBeLessThan(noiseMs + 100);
    expect(later).toBeLessThan((quickest ?? 0) * 0.25 + 300);
    expect(larger).toBeGreaterThan(-2 * MB);
    expect(larger).toBeLessThan(8 * MB);
  });
});
