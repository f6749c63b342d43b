/**
 * The compiler names every stop: a word that is added to one of the lists does not compile until each place that has to
 * decide about it has decided. Shown on a copy of the sources, into which new words are written.
 */
import { afterAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const copy = mkdtempSync(join(tmpdir(), "exhaustive-"));
cpSync(join(ROOT, "src"), join(copy, "src"), { recursive: true });
for (const name of ["tsconfig.json", "package.json"]) cpSync(join(ROOT, name), join(copy, name));
symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
afterAll(() => rmSync(copy, { recursive: true, force: true }));

interface Word {
  readonly list: string;
  readonly word: string;
  readonly file: string;
  /** What stands in the file, and what stands there with the new word. */
  readonly from: string;
  readonly to: string;
  readonly stops: readonly string[];
}

const WORDS: readonly Word[] = [
  {
    list: "a status",
    word: "toy_status",
    file: "src/words/agent.ts",
    from: `"exited", "limited"] as const`,
    to: `"exited", "limited", "toy_status"] as const`,
    stops: ["src/agents/state/reduce.ts", "src/words/agent.ts"],
  },
  {
    list: "an outcome of a turn",
    word: "toy_outcome",
    file: "src/words/agent.ts",
    from: `"failed", "lost"] as const`,
    to: `"failed", "lost", "toy_outcome"] as const`,
    stops: ["src/agents/state/reduce.ts", "src/agents/state/turns.ts"],
  },
  {
    list: "an effect for the store",
    word: "toy_store",
    file: "src/agents/model.ts",
    from: "export type StoreEffect =",
    to: `export type StoreEffect =\n  | { readonly do: "toy_store" }`,
    stops: ["src/agents/ledger.ts", "src/agents/step.ts"],
  },
  {
    list: "an effect for the program",
    word: "toy_codec",
    file: "src/agents/model.ts",
    from: "export type CodecEffect =",
    to: `export type CodecEffect =\n  | { readonly do: "toy_codec" }`,
    stops: ["src/agents/step.ts"],
  },
  {
    list: "an effect on the world",
    word: "toy_effect",
    file: "src/agents/model.ts",
    from: "export type WorldEffect =",
    to: `export type WorldEffect =\n  | { readonly do: "toy_effect" }`,
    stops: ["src/agents/actor.ts", "src/agents/step.ts"],
  },
  {
    list: "a fact of a program",
    word: "toy_fact",
    file: "src/providers/contract.ts",
    from: "export type ProviderFact =",
    to: `export type ProviderFact =\n  | { readonly type: "toy_fact" }`,
    stops: ["src/agents/state/frames.ts"],
  },
  {
    list: "a fact of our own",
    word: "toy_own",
    file: "src/agents/model.ts",
    from: `| { readonly type: "stop" }`,
    to: `| { readonly type: "stop" }\n  | { readonly type: "toy_own" }`,
    stops: ["src/agents/state/reduce.ts"],
  },
  {
    list: "a notice",
    word: "toy_notice",
    file: "src/words/notices.ts",
    from: "export const NOTICES = {",
    to: `export const NOTICES = {\n  toy_notice: "a toy",`,
    stops: ["src/receiver/event.ts", "src/receiver/sinks/discord-message.ts"],
  },
  {
    list: "an event",
    word: "toy_event",
    file: "src/words/events.ts",
    from: "export const EVENT_TYPES = {",
    to: `export const EVENT_TYPES = {\n  toy_event: "a toy",`,
    stops: ["src/words/events.ts"],
  },
  {
    list: "a misspelt event",
    word: "agent_delted",
    file: "src/agents/actor.ts",
    from: `"agent_deleted"`,
    to: `"agent_delted"`,
    stops: ["src/agents/actor.ts"],
  },
  {
    list: "a kind of provider",
    word: "toy_kind",
    file: "src/words/kinds.ts",
    from: `"command"] as const`,
    to: `"command", "toy_kind"] as const`,
    stops: ["src/providers/index.ts"],
  },
];

for (const { file, from, to } of WORDS) {
  const path = join(copy, file);
  const text = readFileSync(path, "utf8");
  if (text.split(from).length !== 2) throw new Error(`${file} holds no or several ${from}: this test has to follow`);
  writeFileSync(path, text.replace(from, to));
}
const tsc = [
  process.execPath,
  "node_modules/typescript/bin/tsc",
  "--noEmit",
  "--noErrorTruncation",
  "-p",
  "tsconfig.json",
];
/** One complaint each: a line that names a file, and indented ones that explain it. */
const complaints = Bun.spawnSync(tsc, { cwd: copy })
  .stdout.toString()
  .split(/\n(?=\S)/)
  .map((text) => ({ file: text.slice(0, text.indexOf("(")), text }));

test.each(WORDS.map((each) => [each.list, each] as const))(
  "%s does not compile until each place decided",
  (_, each) => {
    const files = complaints.filter(({ text }) => text.includes(each.word)).map(({ file }) => file);
    expect(files.sort()).toEqual(expect.arrayContaining([...each.stops]));
  },
);
