/**
 * Runs test files, each in a `bun test` process of its own, two at a time (AH_TEST_WORKERS): a file that hangs or
 * leaks hurts nobody else. Arguments are folders of `test/` (or `types`, or single files), and for live tests
 * `NAME=VERSION,…`. Quiet about what passes, whole about what fails. Last line: `N passed, N failed` (`, N skipped`).
 * Exit code 1 when anything failed.
 *
 * With AH_TEST_SECOND_LOOK=1 a file that failed runs once more when all others are done, alone on the machine: what
 * fails again has failed, what does not is named as a matter of luck, with what it printed when it failed. For a box
 * that is shared with others; `make test` and `make test-again` are strict.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const TIMES = join(ROOT, ".build", "test-times.json");
/** Longer ones say so in their first lines: `// file-timeout: 900 s`. */
const FILE_TIMEOUT_SECONDS = 300;
const TEST_TIMEOUT_MS = 30_000;
/** A real program on a busy machine takes half a minute for its first word, and a test starts several. */
const LIVE_TEST_TIMEOUT_MS = 360_000;
const WORKERS = Math.max(1, Number(process.env["AH_TEST_WORKERS"]) || 2);
const SECOND_LOOK = process.env["AH_TEST_SECOND_LOOK"] === "1";
const SECOND_LOOK_FILES = 8;

interface Job {
  readonly name: string;
  readonly commands: readonly (readonly string[])[];
  readonly timeoutSeconds: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** `CLAUDE=2.1.285,2.1.332`: the live files of this program run once with each; those of others do not run. */
const VERSIONS: ReadonlyMap<string, readonly string[]> = new Map(
  process.argv.slice(2).flatMap((argument) => {
    const [name = "", versions] = argument.split("=");
    return versions === undefined ? [] : [[name, versions.split(",").filter((each) => each !== "")]];
  }),
);

interface Result {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const tsc = (project: string): string[] => [
  process.execPath,
  "node_modules/typescript/bin/tsc",
  "--noEmit",
  "-p",
  project,
];

function jobsOf(argument: string): Job[] {
  if (argument === "types") {
    return [
      { name: "types", commands: [tsc("tsconfig.json"), tsc("src/inspector")], timeoutSeconds: FILE_TIMEOUT_SECONDS },
    ];
  }
  const files = argument.endsWith(".test.ts")
    ? [argument.replace(/^test\//, "")]
    : [...new Bun.Glob(`${argument}/**/*.test.ts`).scanSync(join(ROOT, "test"))];
  return files.sort().flatMap((file) => {
    const head = readFileSync(join(ROOT, "test", file), "utf8").slice(0, 500);
    const timeoutMs = file.startsWith("live/") ? LIVE_TEST_TIMEOUT_MS : TEST_TIMEOUT_MS;
    const job = {
      name: `test/${file}`,
      commands: [[process.execPath, "test", "--timeout", String(timeoutMs), `./test/${file}`]],
      timeoutSeconds: Number(/^(?:\/\/|\s*\*) file-timeout: (\d+) s/m.exec(head)?.[1] ?? FILE_TIMEOUT_SECONDS),
    };
    return ofVersions(file, job);
  });
}

function ofVersions(file: string, job: Job): Job[] {
  if (VERSIONS.size === 0) return [job];
  const program = /^live\/([a-z]+)[-.]/.exec(file)?.[1]?.toUpperCase() ?? "";
  return (VERSIONS.get(program) ?? []).map((version) => ({
    ...job,
    name: `${job.name} (${version})`,
    env: { [`AH_TEST_${program}`]: version },
  }));
}

/** Ours are set by the tests themselves; what the caller has exported must not change what they see. */
function environment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && (!name.startsWith("AH_") || name.startsWith("AH_TEST_"))) env[name] = value;
  }
  return env;
}

async function runCommand(
  command: readonly string[],
  { timeoutSeconds, env = {} }: Job,
): Promise<{ code: number; output: string }> {
  const child = Bun.spawn([...command], {
    cwd: ROOT,
    env: { ...environment(), ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  let output = "";
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) output += decoder.decode(chunk, { stream: true });
  };
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    endGroup(child.pid);
  }, timeoutSeconds * 1000);
  const written = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const code = await child.exited;
  clearTimeout(timer);
  // What a test left running may hold the pipes open: it is not waited for.
  await Promise.race([written, Bun.sleep(1000)]);
  endGroup(child.pid);
  if (timedOut) output += `\nended: it took longer than ${timeoutSeconds} s\n`;
  return { code: timedOut ? 1 : code, output };
}

/** The process leads a group of its own: nothing of anybody else is in it. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left, as it should be.
  }
}

const count = (output: string, word: string): number =>
  Number(new RegExp(`^ *(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);

async function run(job: Job): Promise<Result> {
  const startedAt = performance.now();
  let result: Result = { passed: 0, failed: 0, skipped: 0 };
  let output = "";
  let code = 0;
  for (const command of job.commands) {
    const one = await runCommand(command, job);
    output += one.output;
    code ||= one.code;
  }
  if (job.name === "types") result = { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  else {
    const failed = count(output, "fail");
    // A file that breaks outside of its tests counts as one failure.
    result = {
      passed: count(output, "pass"),
      failed: code !== 0 && failed === 0 ? 1 : failed,
      skipped: count(output, "skip") + count(output, "todo"),
    };
  }
  const seconds = (performance.now() - startedAt) / 1000;
  times[job.name] = seconds;
  const numbers = `${result.passed} passed${result.failed ? `, ${result.failed} failed` : ""}${result.skipped ? `, ${result.skipped} skipped` : ""}`;
  console.log(`${result.failed ? "FAIL" : "ok  "} ${job.name}  ${numbers}  ${seconds.toFixed(1)} s`);
  if (result.failed) console.log(output);
  else for (const line of output.match(/^(\(skip\)|skipped:).*$/gm) ?? []) console.log(`       ${line}`);
  return result;
}

function readTimes(): Record<string, number> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(TIMES, "utf8"));
    const entries = typeof parsed === "object" && parsed !== null ? Object.entries(parsed) : [];
    return Object.fromEntries(entries.filter((entry): entry is [string, number] => typeof entry[1] === "number"));
  } catch {
    return {};
  }
}

const times = readTimes();
const jobs = process.argv
  .slice(2)
  .filter((argument) => !argument.includes("="))
  .flatMap(jobsOf);
// The slowest first, so that no long one is left for the end: as far as known, else those that claim the most time.
const rank = (job: Job): number => times[job.name] ?? (job.timeoutSeconds - FILE_TIMEOUT_SECONDS) / 10;
jobs.sort((a, b) => rank(b) - rank(a));
const results: Result[] = [];
const red: { readonly job: Job; readonly result: Result }[] = [];
const worker = async (): Promise<void> => {
  for (let job = jobs.shift(); job; job = jobs.shift()) {
    const result = await run(job);
    results.push(result);
    if (result.failed > 0) red.push({ job, result });
  }
};
await Promise.all(Array.from({ length: WORKERS }, worker));
mkdirSync(join(ROOT, ".build"), { recursive: true });
writeFileSync(TIMES, JSON.stringify(times, null, 1));

// A few only: when much is red, it is no luck.
const again = SECOND_LOOK ? red.splice(0, red.length > SECOND_LOOK_FILES ? 0 : red.length) : [];
for (const { job, result } of again) {
  console.log(`once more, alone: ${job.name}`);
  const second = await run(job);
  results.splice(results.indexOf(result), 1, second);
  if (second.failed === 0) console.log(`LUCK ${job.name}: it failed beside others, and not alone`);
}

const sum = (pick: (result: Result) => number): number => results.reduce((total, result) => total + pick(result), 0);
const [passed, failed, skipped] = [sum((r) => r.passed), sum((r) => r.failed), sum((r) => r.skipped)];
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exit(failed > 0 || passed + skipped === 0 ? 1 : 0);
