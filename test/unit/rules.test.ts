/**
 * Kinds of mistakes that a rule can hold: each was found in several places, was mended once, and must not come back in
 * a file that nobody thought of. A file that has to break a rule stands in its list with the reason; one that no longer
 * does is to be taken out. Beside each rule stand snippets that break it and such that do not: the rule's own finder
 * has to tell them apart.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { believedJson, matching, openings, wallReckonings } from "../support/breaches.ts";

const ROOT = join(import.meta.dir, "..", "..");
const ALL = [...new Bun.Glob("src/**/*.ts").scanSync(ROOT)].sort();
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

interface Rule {
  readonly says: string;
  readonly finds: (text: string) => readonly number[];
  readonly where?: (file: string) => boolean;
  /** Each file that may, and why. */
  readonly may?: Readonly<Record<string, string>>;
  readonly caught: readonly string[];
  readonly free: readonly string[];
}

const inDaemon = (file: string): boolean => !/^src\/(cli|inspector)\//.test(file);
const notInBrowser = (file: string): boolean => !file.startsWith("src/inspector/");
const under =
  (...folders: string[]) =>
  (file: string): boolean =>
    folders.some((folder) => file.startsWith(`src/${folder}/`));

const KERNEL = "files of the kernel";
const NEW_ONLY = "makes new files only (O_EXCL)";
const LOOKED_AT = "folders, and files that were looked at right before (lstat), never on the event loop";
const FOLDERS = "folders alone: the kernel refuses to list anything else, without waiting";
const GIVEN = "a file that the person at the terminal named";
const CONFIGURED = "a file that the person who configures it named, read before anything runs";
const FIGURE = "a figure for people";
const MIDNIGHT = "midnight, looked at again by every sweep";
const TOLD = "a time of the wall clock that the provider tells, or of which it tells how far away it is";
const RUNNING = "running time, under the name that times have there";
const BOUND = "a bound on one wait, of no consequence but that it ends";

const RULES: readonly Rule[] = [
  {
    says: "no file is opened, read, copied or listed by its path but by the opener that never blocks",
    finds: openings,
    where: notInBrowser,
    may: {
      "src/process/agent-file.ts": "the opener itself",
      "src/process/project-file.ts": "the same for files of a project, whose every folder is looked at on the way",
      "src/process/proc.ts": KERNEL,
      "src/process/tree.ts": KERNEL,
      "src/process/cgroup.ts": KERNEL,
      "src/process/delegation.ts": KERNEL,
      "src/api/inside.ts": KERNEL,
      "src/lib/descriptors.ts": KERNEL,
      "src/cli/doctor/system.ts": KERNEL,
      "src/process/spawn.ts": NEW_ONLY,
      "src/process/spool.ts": NEW_ONLY,
      "src/workspaces/locks.ts": NEW_ONLY,
      "src/process/watch.ts": "a stream of a descriptor that is open already",
      "src/workspaces/copy.ts": LOOKED_AT,
      "src/workspaces/furnish.ts": LOOKED_AT,
      "src/workspaces/merge.ts": FOLDERS,
      "src/workspaces/repository.ts": FOLDERS,
      "src/workspaces/restore.ts": FOLDERS,
      "src/workspaces/worktree.ts": FOLDERS,
      "src/fleet/checkout.ts": FOLDERS,
      "src/lib/private-dir.ts": FOLDERS,
      "src/workspaces/snapshot-store.ts": "folders, and one file in a folder that it has just made",
      "src/config/file.ts": CONFIGURED,
      "src/lib/secrets.ts": CONFIGURED,
      "src/http/socket-group.ts": "a file of the system",
      "src/cli/attachments.ts": GIVEN,
      "src/cli/schema.ts": GIVEN,
      "src/cli/stdin.ts": "the descriptor 0",
      "src/cli/tty.ts": "the terminal",
    },
    caught: [
      'import { openSync } from "node:fs";\nopenSync(path, "r");',
      'import { createWriteStream } from "node:fs";\nconst out = createWriteStream(path);',
      'import { readFileSync as slurp } from "fs";\nslurp(path);',
      'import { copyFile } from "node:fs/promises";\nawait copyFile(a, b);',
      'import { open, readFile } from "node:fs/promises";\nconst all = await readFile(path);',
      'import { open } from "node:fs/promises";\nconst file = await open(path);',
      'import * as fs from "node:fs";\nfs.readFileSync(path);',
      'import { promises } from "node:fs";\nawait promises.readFile(path);',
      'import {\n  closeSync,\n  readdirSync,\n} from "node:fs";\nreaddirSync(path).map(readOne);',
      'import { readFile } from "node:fs/promises";\nconst all = paths.map(readFile);',
      'const { openSync } = require("node:fs");',
      'const fs = await import("node:fs/promises");',
      'export { readFileSync } from "node:fs";',
      "await Bun.write(path, text);",
      "const text = await Bun.file(path).text();",
    ],
    free: [
      'import { closeSync, fstatSync } from "node:fs";\ncloseSync(fd);',
      "function open(path: string) {}\nopen(path);",
      "const answer = await client.open(path);",
      "// openSync(path) would block\nconst note = 'Bun.file(path)';",
      'import type { ReadStream } from "node:fs";\nlet stream: ReadStream;',
    ],
  },
  {
    says: "no folder is made among an agent's but by the maker that follows no link which its program has put there",
    finds: matching(/\bmk(?:dir|dtemp)(?:Sync)?\b/),
    where: under("agents", "process", "providers", "bridge", "api", "night"),
    may: {
      "src/process/agent-file.ts": "the maker itself",
      "src/process/spawn.ts": "one that must be new, in a folder that the maker has just made",
      "src/process/cgroup.ts": KERNEL,
      "src/agents/handshake.ts": "a folder of its own that is new: no program has run in it",
      "src/agents/report.ts": "where those are made, in our own folder: no agent's",
    },
    caught: [
      'mkdirSync(join(agentDir, "files"), { recursive: true });',
      "await mkdir(dirname(path), { mode: 0o700 });",
      'import { mkdirSync as make } from "node:fs";\nmake(path);',
      'fs.mkdtempSync(join(agentDir, "x-"));',
      "folders.map(mkdirSync);",
    ],
    free: [
      "makeAgentFolder(agentDir, folder);",
      "// mkdirSync(path) would follow a link",
      'const args = ["mkdir", "-p", path];',
      "makePrivateDir(stateDir);",
    ],
  },
  {
    says: "no JSON is stored or sent but by the writer that leaves no half of a character",
    finds: matching(/\bJSON\.stringify\(/),
    where: (file) =>
      under("store")(file) || /^src\/(http\/answer|webhook\/payload|api\/(events|listing|idempotent))\.ts$/.test(file),
    caught: ["const row = JSON.stringify(state);"],
    free: ["const row = toJson(state);", "// JSON.stringify(state)"],
  },
  {
    says: "nothing speaks HTTP but through the one door, which keeps tokens of this machine from proxies",
    // What a module is called stands in a literal: looked for in the text as it is.
    finds: (text) => [
      ...matching(
        /(?<!async )(?<![.\w])fetch\((?!req\b)|\b(?:Bun|globalThis)\.fetch\b|new (?:WebSocket|EventSource)\(|\bXMLHttpRequest\b/,
      )(text),
      ...text
        .split("\n")
        .flatMap((line, i) =>
          /^(?!\s*(?:\*|\/\/)).*(?:\bfrom\s+|[(]\s*)["'](?:node:)?(?:https?|http2)["']/.test(line) ? [i + 1] : [],
        ),
    ],
    where: notInBrowser,
    may: { "src/lib/request.ts": "the door itself" },
    caught: [
      "await fetch(url, { headers });",
      "return Bun.fetch(url);",
      "const ask = globalThis.fetch;",
      'import { request } from "node:http";',
      'import https from "https";',
      "const socket = new WebSocket(url);",
    ],
    free: ["await app.fetch(req);", "fetch(req) {", "async fetch(request) {", "// fetch(url)"],
  },
  {
    says: "nothing is looked up by the name that a program chose but among a record's own members",
    finds: matching(/\b(?:state|draft\.state|work\.state)\.\w+\[(?!\d|")\w/),
    where: under("providers", "bridge"),
    caught: ["const tool = draft.state.tools[id];", "return state.open[name];"],
    free: ["const first = state.items[0];", 'const one = state.named["one"];', "own(draft.state.tools, id)"],
  },
  {
    says: "no wait hangs on the wall clock: whoever reckons with it has a reason",
    finds: wallReckonings,
    where: notInBrowser,
    may: {
      "src/lib/clock.ts": "the clock itself",
      "src/lib/clock-steps.ts": "tells when the wall clock was set",
      "src/store/age.ts": "what the wall clock has shown in the meantime",
      "src/agents/actor.ts": "stamps of moments that were measured by running time",
      "src/receiver/worker.ts": "times that others promised, looked at again when the clock is set",
      "src/receiver/inbox.ts": "the same; what is due is moved when the clock is set",
      "src/webhook/worker.ts": "the same; looked at again each minute, and clamped",
      "src/webhook/queue.ts": "the same, as the worker hands it in",
      "src/agents/state/limit-time.ts": "when allowances come back; what is too far away is not believed",
      "src/night/plan.ts": "when allowances come back, looked at again each minute",
      "src/night/keeper.ts": "the moment that is shown for a wait in running time",
      "src/providers/account-words.ts": TOLD,
      "src/providers/claude-code/limit.ts": TOLD,
      "src/providers/opencode/limit.ts": TOLD,
      "src/providers/codex/limit.ts": TOLD,
      "src/lib/backoff.ts": "a Retry-After that names a date, whose bound is the caller's",
      "src/lib/signature.ts": "stamps of a sender on another box",
      "src/lib/zone-time.ts": "dates and their zones",
      "src/lib/since.ts": "the time that a person asks for",
      "src/agents/state/spending.ts": MIDNIGHT,
      "src/agents/supervisor.ts": MIDNIGHT,
      "src/store/usage.ts": "the quarter of an hour to which use is booked",
      "src/store/starts.ts": "starts that are older than anybody asks for",
      "src/workspaces/snapshot-store.ts": "times of files; nobody else writes there meanwhile",
      "src/bridge/core.ts": RUNNING,
      "src/bridge/wire.ts": TOLD,
      "src/bridge/ending.ts": RUNNING,
      "src/bridge/turns.ts": RUNNING,
      "src/receiver/pace.ts": RUNNING,
      "src/api/counts.ts": FIGURE,
      "src/api/health.ts": FIGURE,
      "src/api/night.ts": FIGURE,
      "src/api/spent.ts": FIGURE,
      "src/api/summary.ts": FIGURE,
      "src/receiver/health.ts": FIGURE,
      "src/cli/commands/deliveries.ts": FIGURE,
      "src/cli/commands/inputs.ts": FIGURE,
      "src/cli/commands/nodes.ts": FIGURE,
      "src/cli/commands/permissions.ts": FIGURE,
      "src/cli/commands/status.ts": FIGURE,
      "src/cli/commands/tasks.ts": FIGURE,
      "src/cli/doctor/daemon.ts": "how far two clocks are apart",
      "src/cli/doctor/fleet.ts": "how far two clocks are apart",
      "src/cli/fleet-list.ts": FIGURE,
      "src/cli/listing.ts": FIGURE,
    },
    caught: [
      "if (clock.now() - since > LIMIT_MS) give();",
      "if (dueAt <= clock.now()) send();",
      "const now = clock.now();\nif (x < now) send();",
      "const at = deps.clock.now();\nreturn at - begunAt >= WINDOW_MS;",
      "let last: number = systemClock.now();\nif (last\n  > dueAt) send();",
      "const [wall, ran] = [clock.now(), clock.monotonic()];\nif (wall >= until) end();",
      "const outlook = { at: clock.now() };\nwait(dueAt - outlook.at);",
      "const wall = (): number => clock.now();\nif (wall() > until) end();",
      "const { now } = clock;\nsetTimer(until - now(), end);",
      "const wall = Date.now;\nif (wall() > until) end();",
      "const plan = ({ nowMs }: Outlook) => until - nowMs;",
      "clock.setTimer(Math.max(0, until - env.nowMs), end);",
      "seen.filter((atMs) => atMs > nowMs - WINDOW_MS);",
      "const at = Math.max(due, now);",
      "kept = Date.now() + TTL_MS;",
    ],
    free: [
      "const ran = clock.monotonic();\nif (ran - since > LIMIT_MS) give();",
      "const now = clock.monotonic();\nif (now - since > LIMIT_MS) give();",
      "insert(store, row, clock.now());",
      "const made = { createdAt: clock.now() };",
      "const read = (nowMs: number) => stamp(nowMs);",
      "// if (clock.now() > until)\nrun(`systemctl enable --now ${unit}`);",
    ],
  },
  {
    says: "nobody reads a clock or sets a timer of their own but through the clock that is an argument",
    finds: matching(
      /(?<!typeof )\b(Date\.now|performance\.(now|timeOrigin)|set(Timeout|Interval)|Bun\.(sleep(Sync)?|nanoseconds)|process\.(hrtime|uptime))\b|new Date\(\)/,
    ),
    where: inDaemon,
    may: {
      "src/lib/clock.ts": "the clock itself",
      "src/lib/read-body.ts": BOUND,
      "src/process/helper.ts": BOUND,
      "src/agents/handshake.ts": BOUND,
      "src/process/spool.ts": "waits for the shell that writes; gets its pause as an argument",
      "src/process/watch.ts": "the file system is seen again a moment after its notice",
      "src/http/router.ts": "a busy store is asked again",
      "src/http/server.ts": "a taken address is tried again; open connections get their grace",
      "src/bridge/opencode.ts": "a full pipe is written to again, before anything else is done",
      "src/lib/descriptors.ts": "nobody is let in before a thread has its descriptors: it waits on purpose",
    },
    caught: ["const at = Date.now();", "setTimeout(end, 1000);", "const day = new Date();", "await Bun.sleep(5);"],
    free: ["clock.setTimer(1000, end);", "new Date(atMs)", "let timer: ReturnType<typeof setTimeout>;"],
  },
  {
    says: "what was stored or sent by others is not believed to have a shape, nor to be anything one likes",
    finds: believedJson,
    caught: [
      "const state = JSON.parse(row.state) as AgentState;",
      "const state: AgentState = JSON.parse(row.state);",
      "const state = JSON.parse(row.state);",
      "return JSON.parse(text);",
      "use(JSON.parse(text));",
      "const rows: Row[] = all.map((row) => JSON.parse(row));",
      "let json: unknown;\njson = JSON.parse(\n  text,\n);",
      "const row = JSON.parse(text) as unknown as Row;",
      "const row = tryJson(text) as Row;",
      'const row = (tryJson(read(path) ?? "")) as Row;',
      "const body = await response.json();",
      "const body = (await response.json()) as Answer;",
      "const body: Answer = await response.json();",
    ],
    free: [
      "const json: unknown = JSON.parse(text);",
      "return JSON.parse(text) as unknown;",
      "const row = read(tryJson(text));",
      "const body: unknown = await response.json();",
      "const body = (await response.json()) as unknown;",
      "// JSON.parse(text) as Row",
    ],
  },
];

/** A version that stands in a line of code; plugins and servers that a test makes up are 1.0.0. */
const versions = (text: string): readonly string[] =>
  text
    .split("\n")
    .filter((line) => !/^\s*(?:\*|\/\*|\/\/)/.test(line))
    .flatMap((line) => line.replace(/\s\/\/.*/, "").match(/(?<![\d.])\d+\.\d+\.\d+(?![\d.])/g) ?? [])
    .filter((version) => version !== "1.0.0");

// Looked at: every file of the live suites. Found in three: what Claude Code, Pi and Gemini CLI tell of themselves.
test("the live suites take versions from the table of pins and the installers alone", () => {
  expect(versions('expect(fact).toEqual({ version: "0.61.0" });')).toEqual(["0.61.0"]);
  expect(versions('satisfies(V, ">=2.1.330")')).toEqual(["2.1.330"]);
  expect(versions("fetch('http://127.0.0.1:1'); // 2.1.285 does not\n * 2.1.285")).toEqual([]);
  const files = [...new Bun.Glob("test/live/*.ts").scanSync(ROOT)].filter((file) => !/(install|pins)\.ts$/.test(file));
  expect(files.length).toBeGreaterThan(30);
  expect(files.flatMap((file) => versions(read(file)).map((version) => `${file}: ${version}`))).toEqual([]);
});

test("no test takes its chances from the time of day: what failed once can be had again", () => {
  const byTheClock = /Date\.now\(\)\s*[%^&|]|\bseeded\(\s*(?:Date\.|Math\.|performance\.|crypto\.)/;
  expect(["const seed = Date.now() % 1_000_000;", "seeded(Math.random())"].every((each) => byTheClock.test(each))).toBe(
    true,
  );
  const tests = [...new Bun.Glob("test/**/*.ts").scanSync(ROOT)].filter((file) => file !== "test/unit/rules.test.ts");
  expect(tests.filter((file) => byTheClock.test(read(file)))).toEqual([]);
});

describe.each(RULES)("$says", ({ finds, where = () => true, may = {}, caught, free }) => {
  const broken = ALL.filter(where)
    .map((file) => [file, finds(read(file))] as const)
    .filter(([, lines]) => lines.length > 0);

  test("in every file but those that have a reason", () => {
    const shown = broken
      .filter(([file]) => !(file in may))
      .flatMap(([file, lines]) => lines.map((n) => `${file}:${n}  ${read(file).split("\n")[n - 1]?.trim()}`));
    expect(shown).toEqual([]);
  });

  test("which still need it", () => {
    const breaking = broken.map(([file]) => file);
    expect(Object.keys(may).filter((file) => !breaking.includes(file))).toEqual([]);
  });

  test.each([...caught])("it is broken by %j", (snippet) => expect(finds(snippet)).not.toEqual([]));

  test.each([...free])("it is not by %j", (snippet) => expect(finds(snippet)).toEqual([]));
});
