/**
 * Kinds of mistakes that a rule can hold: each was found in several places, was mended once, and must not come back in
 * a file that nobody thought of. A file that has to break a rule stands in its list with the reason.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const SOURCES = [...new Bun.Glob("src/**/*.ts").scanSync(ROOT)].filter((file) => !file.startsWith("src/inspector/"));

/** `file:line  text` of each line that breaks a rule, but for the files that may. Comments break none. */
function breaches(pattern: RegExp, where: (file: string) => boolean, allowed: Readonly<Record<string, string>>) {
  for (const file of Object.keys(allowed)) if (!SOURCES.includes(file)) throw new Error(`${file} is gone: take it out`);
  return SOURCES.filter((file) => where(file) && !(file in allowed)).flatMap((file) =>
    readFileSync(join(ROOT, file), "utf8")
      .split("\n")
      .map((line, i) => ({ line, at: `${file}:${i + 1}  ${line.trim()}` }))
      .filter(({ line }) => !/^\s*(\*|\/\/|\/\*)/.test(line) && pattern.test(line))
      .map(({ at }) => at),
  );
}

const under =
  (...folders: string[]) =>
  (file: string): boolean =>
    folders.some((folder) => file.startsWith(`src/${folder}/`));

test("no file of an agent is opened, read or written but by the opener that never blocks", () => {
  const opening = /\b(openSync|readFileSync|writeFileSync|appendFileSync|readdirSync|createReadStream|Bun\.file)\(/;
  expect(
    breaches(opening, under("process", "agents", "api"), {
      "src/process/agent-file.ts": "the opener itself",
      "src/process/proc.ts": "files of the kernel",
      "src/process/tree.ts": "files of the kernel",
      "src/process/spawn.ts": "makes new files only (O_EXCL)",
      "src/process/spool.ts": "makes new files only (O_EXCL)",
      "src/process/watch.ts": "a stream of a descriptor that is open already",
      "src/api/inside.ts": "a file of the kernel",
      "src/process/cgroup.ts": "files of the kernel",
      "src/process/project-file.ts": "the same for files of a project, whose every folder is looked at on the way",
      "src/process/delegation.ts": "files of the kernel",
    }),
  ).toEqual([]);
});

test("no JSON is stored or sent but by the writer that leaves no half of a character", () => {
  const writing = /\bJSON\.stringify\(/;
  expect(breaches(writing, under("store"), {})).toEqual([]);
  expect(
    breaches(
      writing,
      (file) => /^src\/(http\/answer|webhook\/payload|api\/(events|listing|idempotent))\.ts$/.test(file),
      {},
    ),
  ).toEqual([]);
});

test("nothing speaks HTTP but through the one door, which keeps tokens of this machine from proxies", () => {
  const asking =
    /(?<!async )(?<![.\w])fetch\((?!req\b)|\b(Bun|globalThis)\.fetch\(|"node:(https?|http2)"|new WebSocket\(/;
  expect(breaches(asking, () => true, { "src/lib/request.ts": "the door itself" })).toEqual([]);
});

test("nothing is looked up by the name that a program chose but among a record's own members", () => {
  const lookup = /\b(?:state|draft\.state|work\.state)\.\w+\[(?!\d|")\w/;
  expect(breaches(lookup, under("providers", "bridge"), {})).toEqual([]);
});

test("no wait hangs on the wall clock", () => {
  const wall = /\b(Date\.now\(\)|clock\.now\(\)) *[-+<>]|(?:[-+<]|[^=]>)=? *(Date\.now\(\)|clock\.now\(\))/;
  expect(
    breaches(wall, (file) => !/^src\/(cli|inspector)\//.test(file), {
      "src/lib/clock.ts": "the clock itself",
      "src/lib/clock-steps.ts": "tells when the wall clock was set",
      "src/receiver/worker.ts": "times that others promised, looked at again when the clock is set",
      "src/store/age.ts": "what the wall clock has shown in the meantime",
      "src/api/health.ts": "a figure for people",
      "src/api/counts.ts": "a figure for people",
      "src/agents/supervisor.ts": "midnight, looked at again by every sweep",
      "src/agents/actor.ts": "stamps of moments that were measured by running time",
    }),
  ).toEqual([]);
});

test("nobody reads a clock or sets a timer of their own but through the clock that is an argument", () => {
  const own = /(?<!typeof )\b(Date\.now|performance\.now|set(Timeout|Interval)|Bun\.sleep(Sync)?)\b|new Date\(\)/;
  const bound = "a bound on one wait, of no consequence but that it ends";
  expect(
    breaches(own, (file) => !/^src\/(cli|inspector)\//.test(file), {
      "src/lib/clock.ts": "the clock itself",
      "src/lib/read-body.ts": bound,
      "src/process/helper.ts": bound,
      "src/agents/handshake.ts": bound,
      "src/process/spool.ts": "waits for the shell that writes; gets its pause as an argument",
      "src/process/watch.ts": "the file system is seen again a moment after its notice",
      "src/http/router.ts": "a busy store is asked again",
      "src/http/server.ts": "a taken address is tried again; open connections get their grace",
      "src/bridge/opencode.ts": "a full pipe is written to again, before anything else is done",
    }),
  ).toEqual([]);
});

test("what was stored or sent by others is not believed to have a shape", () => {
  const believed = /\b(JSON\.parse|tryJson|fromJson)\([^)]*\)+ as (?!unknown\b)/;
  expect(breaches(believed, () => true, {})).toEqual([]);
});
