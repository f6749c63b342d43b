// file-timeout: 14400 s
/**
 * No line of a program, however wrong, makes a codec throw, speak two lines as one, or keep what cannot be stored and
 * read back. Each case begins at a moment of a real conversation (recorded against the fakes), takes some frames that
 * are almost right, and then does what a daemon does next.
 */
import { expect, test } from "bun:test";
import type { AnyCodec, Step } from "../../../src/providers/contract.ts";
import { PROVIDER_KINDS } from "../../../src/words/kinds.ts";
import { everyCase, pick, upTo } from "../../support/fuzz.ts";
import type { Random } from "../../support/fuzz.ts";
import { codecOf, record } from "../providers/record.ts";
import { NOW_MS, framesOf, looksRight, nearlyAFrame } from "./nearly.ts";

/** What the machinery may do at any moment. */
function command(next: Random, codec: AnyCodec, state: unknown): Step<unknown> {
  const kind = upTo(next, 6);
  if (kind === 0) return codec.interrupt(state, NOW_MS);
  if (kind === 1) {
    return codec.adopt(state, { nowMs: NOW_MS, unconfirmed: [], unsettled: [], open: [], interrupting: next() < 0.5 });
  }
  if (kind === 2) return codec.quiet?.(state) ?? { state, facts: [], lines: [] };
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
    const frames = framesOf(moments);
    const states = moments.map(({ state }) => JSON.stringify(state));
    let lines = 0;
    await everyCase((next) => {
      const begun = codec.read(JSON.parse(pick(next, states)));
      if (!begun.ok) throw new Error(begun.reason);
      let state = begun.state;
      for (let n = 1 + upTo(next, 3); n > 0; n--) {
        state = looksRight(codec, codec.frame(state, nearlyAFrame(next, frames), NOW_MS));
        lines++;
      }
      looksRight(codec, command(next, codec, state));
    });
    expect(lines).toBeGreaterThan(0);
  },
  3_600_000,
);
