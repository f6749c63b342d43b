// file-timeout: 3600 s
/**
 * No line of a program, however wrong, makes a codec throw, speak two lines as one, or keep what cannot be stored and
 * read back. Each case begins at a moment of a real conversation (recorded against the fakes), takes some frames that
 * are almost right, and then does what a daemon does next.
 */
import { expect, test } from "bun:test";
import { tryJson } from "../../../src/lib/json.ts";
import type { AnyCodec, Step } from "../../../src/providers/contract.ts";
import { PROVIDER_KINDS } from "../../../src/words/kinds.ts";
import { anyValue, everyCase, mangled, mutated, pick, upTo } from "../../support/fuzz.ts";
import type { Random } from "../../support/fuzz.ts";
import { codecOf, record } from "../providers/record.ts";

const NOW_MS = Date.UTC(2026, 1, 18);

function looksRight(codec: AnyCodec, { state, facts, lines }: Step<unknown>): unknown {
  for (const line of lines) if (line.includes("\n")) throw new Error(`two lines in one: ${line.slice(0, 200)}`);
  for (const fact of facts)
    if (typeof fact.type !== "string") throw new Error(`a fact without a type: ${String(fact)}`);
  const stored = codec.read(JSON.parse(JSON.stringify(state)));
  if (!stored.ok) throw new Error(`what was stored is not readable: ${stored.reason}`);
  return stored.state;
}

function frame(next: Random, frames: readonly string[]) {
  const raw = pick(next, frames);
  const how = next();
  if (how < 0.1) return { raw, json: tryJson(raw) };
  if (how < 0.2) {
    const text = Buffer.from(mangled(next, Buffer.from(raw)))
      .toString("utf8")
      .replaceAll("\n", " ");
    return { raw: text, json: tryJson(text) };
  }
  const json = how < 0.9 ? mutated(next, tryJson(raw)) : anyValue(next);
  return { raw: JSON.stringify(json) ?? "null", json };
}

/** What the machinery may do at any moment. */
function command(next: Random, codec: AnyCodec, state: unknown): Step<unknown> {
  const kind = upTo(next, 6);
  if (kind === 0) return codec.interrupt(state, NOW_MS);
  if (kind === 1) {
    return codec.adopt(state, { nowMs: NOW_MS, unconfirmed: [], unsettled: [], open: [], interrupting: next() < 0.5 });
  }
  if (kind === 2) return codec.quiet?.(state, NOW_MS) ?? { state, facts: [], lines: [] };
  if (kind === 3) return { state, facts: [], lines: codec.farewell(state).lines };
  if (kind === 4) {
    return { state, facts: codec.exit(state, { code: pick(next, [null, 0, 1, 137]), stderrTail: "x" }), lines: [] };
  }
  return { state, facts: [], lines: [] };
}

test.each(PROVIDER_KINDS)(
  "%s",
  async (kind) => {
    const codec = codecOf(kind);
    const moments = await record(kind);
    const frames = moments.flatMap(({ raw }) => (raw === undefined ? [] : [raw]));
    if (frames.length === 0) frames.push("a plain line", '{"a":1}');
    const states = moments.map(({ state }) => JSON.stringify(state));
    let lines = 0;
    await everyCase((next) => {
      const begun = codec.read(JSON.parse(pick(next, states)));
      if (!begun.ok) throw new Error(begun.reason);
      let state = begun.state;
      for (let n = 1 + upTo(next, 3); n > 0; n--) {
        state = looksRight(codec, codec.frame(state, frame(next, frames), NOW_MS));
        lines++;
      }
      looksRight(codec, command(next, codec, state));
    });
    expect(lines).toBeGreaterThan(0);
  },
  1_200_000,
);
