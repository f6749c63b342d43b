/**
 * What is kept of an agent is written with every commit and shown in every list, so nothing that its program says may
 * stand in it uncut. In a real conversation of each kind (recorded against the fakes) every text of every frame is made
 * a megabyte, one at a time: what the codec stores stays small, and so does what the reducer makes of its facts.
 */
import { expect, test } from "bun:test";
import type { AnyCodec, LaunchContext, ProviderFact } from "../../../src/providers/contract.ts";
import type { ProviderKind } from "../../../src/words/kinds.ts";
import { PROVIDER_KINDS } from "../../../src/words/kinds.ts";
import { input, world } from "../agents/state/world.ts";
import { LONG, texts, withLong } from "../../support/long-texts.ts";
import { codecOf, type Moment, record } from "./record.ts";

const NOW_MS = Date.UTC(2026, 1, 18);
/** A hundred times what a conversation without excesses stores. */
const MOST_BYTES = 64 * 1024;

/** What is kept whole, once, and for as long as it has to be: it is gone when the conversation went on. */
const WHOLE: Partial<Record<ProviderKind, readonly (readonly [path: RegExp, why: string])[]>> = {
  codex: [[/^params\.(command|cwd)$/, "what a person is asked; told once more when a sub-agent outlives the turn"]],
  acp: [
    [/^params\.update\.content\.text$/, "the protocol tells a text in pieces only: they are kept until it ends"],
    [/^params\.toolCall\.rawInput\./, "some agents tell a tool's input in their question only: kept until it is used"],
  ],
};

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

/** What it tells when it says nothing more, and when it dies with a cry of a megabyte. */
const silent = (codec: AnyCodec, state: unknown): readonly ProviderFact[] => codec.quiet?.(state).facts ?? [];
const dead = (codec: AnyCodec, state: unknown): readonly ProviderFact[] =>
  codec.exit(state, { code: 1, stderrTail: LONG });

/** A fact without what a person is told or asked, which is stored whole in a row of its own: the line bounds it. */
function besideWords(fact: ProviderFact): number {
  switch (fact.type) {
    case "part":
      return bytes({ ...fact, part: { ...fact.part, text: "", input: null } });
    case "delta":
      return bytes({ ...fact, text: "" });
    case "permission":
      return bytes({ ...fact, detail: null, data: null });
    default:
      return bytes(fact);
  }
}

test.each(PROVIDER_KINDS.filter((kind) => kind !== "command"))(
  "%s: no text of a frame stands uncut in what is told or stored",
  async (kind) => {
    const codec = codecOf(kind);
    const moments: readonly Moment[] = await record(kind);
    const told: ProviderFact[] = [];
    const large: string[] = [];
    let tried = 0;
    let before: unknown = null;
    for (const [n, { call, state, raw }] of moments.entries()) {
      for (const path of raw === undefined ? [] : texts(JSON.parse(raw))) {
        const json = withLong(JSON.parse(raw ?? ""), path);
        const step = codec.frame(before, { raw: JSON.stringify(json), json }, NOW_MS);
        const facts = [...step.facts, ...silent(codec, step.state), ...dead(codec, step.state)];
        const sizes = [bytes(step.state), bytes(agentState([...told, ...step.facts])), ...facts.map(besideWords)];
        if (WHOLE[kind]?.some(([whole]) => whole.test(path.join("."))) === true) {
          const after = moments.slice(n + 1).reduce((was, { call: next }) => next(codec, was).state, step.state);
          sizes[0] = Math.max(bytes(after), bytes(step.state) - LONG.length);
        }
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

test.each(PROVIDER_KINDS.filter((kind) => kind !== "command"))(
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
          const sizes = [bytes(next.state), ...next.facts.map(besideWords)];
          if (Math.max(...sizes) > MOST_BYTES) large.push(`${path.join(".")}: ${sizes.join(", ")}`);
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
