/**
 * What is kept of an agent is written with every commit and shown in every list, so nothing that its program says may
 * stand in it uncut. In a real conversation of each kind (recorded against the fakes) every text of every frame is made
 * a megabyte, one at a time: what the codec stores stays small, and so does what the reducer makes of its facts.
 */
import { expect, test } from "bun:test";
import type { LaunchContext, ProviderFact } from "../../../src/providers/contract.ts";
import type { ProviderKind } from "../../../src/words/kinds.ts";
import { PROVIDER_KINDS } from "../../../src/words/kinds.ts";
import { input, world } from "../agents/state/world.ts";
import { codecOf, type Moment, record } from "./record.ts";

const NOW_MS = Date.UTC(2026, 1, 18);
const LONG = "x".repeat(1024 * 1024);
/** A hundred times what a conversation without excesses stores. */
const MOST_BYTES = 64 * 1024;

/** What is kept whole, for as long as it has to be. */
const WHOLE: Partial<Record<ProviderKind, readonly (readonly [path: RegExp, why: string])[]>> = {
  codex: [[/^params\.(command|cwd)$/, "what a person is asked; told once more when a sub-agent outlives the turn"]],
  acp: [
    [/^params\.update\.content\.text$/, "the protocol tells a text in pieces only: they are kept until it ends"],
    [/^params\.toolCall\.rawInput\./, "some agents tell a tool's input in their question only: kept until it is used"],
  ],
};

type Path = readonly (string | number)[];

/** Where texts stand in it, however deep. */
function texts(value: unknown, at: Path = []): readonly Path[] {
  if (typeof value === "string") return [at];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => texts(each, [...at, key]));
}

function withLong(value: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined) return LONG;
  if (Array.isArray(value)) return value.map((each: unknown, i) => (String(i) === key ? withLong(each, rest) : each));
  return Object.fromEntries(
    Object.entries(Object(value)).map(([each, inner]) => [each, each === key ? withLong(inner, rest) : inner]),
  );
}

const LAUNCH: LaunchContext = {
  command: ["x"],
  args: [],
  agentId: "a3f2b1c0",
  agentUuid: "00000000-0000-4000-8000-000000000000",
  session: null,
  cwd: "/",
  agentDir: "/",
  model: null,
  permissions: "ask",
  systemPrompt: null,
  trusted: false,
  env: {},
  isRoot: false,
  self: ["x"],
};

const bytes = (state: unknown): number => Buffer.byteLength(JSON.stringify(state) ?? "");

/** What is stored of the agent itself once these facts were told, one after the other. */
const agentState = (facts: readonly ProviderFact[]): unknown =>
  world()
    .do(input(1), ...facts)
    .state();

test.each(PROVIDER_KINDS.filter((kind) => kind !== "command"))(
  "%s: no text of a frame stands uncut in what is stored",
  async (kind) => {
    const codec = codecOf(kind);
    const moments: readonly Moment[] = await record(kind);
    const told: ProviderFact[] = [];
    const large: string[] = [];
    let tried = 0;
    let before: unknown = null;
    for (const { call, state, raw } of moments) {
      for (const path of raw === undefined ? [] : texts(JSON.parse(raw))) {
        if (WHOLE[kind]?.some(([whole]) => whole.test(path.join("."))) === true) continue;
        const json = withLong(JSON.parse(raw ?? ""), path);
        const step = codec.frame(before, { raw: JSON.stringify(json), json }, NOW_MS);
        const sizes = [bytes(step.state), bytes(agentState([...told, ...step.facts]))];
        if (Math.max(...sizes) > MOST_BYTES)
          large.push(`${path.join(".")} of ${raw?.slice(0, 200)}: ${sizes.join(", ")}`);
        tried += 1;
      }
      told.push(...call(codec, before).facts);
      before = state;
    }
    expect(large).toEqual([]);
    expect(tried).toBeGreaterThan(50);
    expect(bytes(agentState(told))).toBeGreaterThan(500);
  },
  300_000,
);

// OpenCode is handed its rules whole in its first line, which is dropped when it is ready.
test.each(PROVIDER_KINDS.filter((kind) => kind !== "command" && kind !== "opencode"))(
  "%s: what was allowed for ever is remembered small, however long it is",
  async (kind) => {
    const codec = codecOf(kind);
    const large: string[] = [];
    let tried = 0;
    let before: unknown = null;
    for (const { state, raw } of await record(kind)) {
      for (const path of raw === undefined ? [] : texts(JSON.parse(raw))) {
        const json = withLong(JSON.parse(raw ?? ""), path);
        for (const fact of codec.frame(before, { raw: JSON.stringify(json), json }, NOW_MS).facts) {
          if (fact.type !== "permission") continue;
          const grants = [fact.data];
          const next = codec.start({ launch: LAUNCH, nowMs: NOW_MS, unconfirmed: [], grants });
          if (bytes(next.state) > MOST_BYTES) large.push(`${path.join(".")}: ${bytes(next.state)}`);
          tried += 1;
        }
      }
      before = state;
    }
    expect(large).toEqual([]);
    expect(tried).toBeGreaterThan(5);
  },
  300_000,
);
