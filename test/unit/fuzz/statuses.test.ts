// file-timeout: 14400 s
/**
 * Nothing that a program says, however wrong, moves an agent where it cannot be. Each case begins at a moment of a real
 * conversation (recorded against the fakes), codec and reducer both; takes some lines that are almost right, and does
 * what a daemon and a person do next. The reducer gets every fact, and the oracle of its own random test looks on; at
 * the end the agent can be stopped, cannot loop, or brings its inputs to their end.
 */
import { expect, test } from "bun:test";
import type { AnyCodec, Step } from "../../../src/providers/contract.ts";
import { PROVIDER_KINDS } from "../../../src/words/kinds.ts";
import { everyCase, pick, upTo } from "../../support/fuzz.ts";
import type { Random } from "../../support/fuzz.ts";
import { canBeStopped, cannotLoop, drains } from "../agents/state/oracle.ts";
import { codecOf, record } from "../providers/record.ts";
import { type ClosedLoop, closedLoop, replayed } from "./closed-loop.ts";
import { NOW_MS, framesOf, looksRight, nearlyAFrame } from "./nearly.ts";

/** What a person or the machinery does at any moment; what the reducer makes of it goes to the codec by itself. */
function something(next: Random, codec: AnyCodec, loop: ClosedLoop): void {
  const { it } = loop;
  const kind = upTo(next, 10);
  if (kind === 0) return loop.give({ type: "abort", keepQueued: next() < 0.5 });
  if (kind === 1) {
    const terms = { nowMs: NOW_MS, unconfirmed: [], unsettled: [], open: [], interrupting: next() < 0.5 };
    return loop.ask((state) => codec.adopt(state, terms));
  }
  if (kind === 2) return loop.ask((state) => codec.quiet?.(state) ?? { state, facts: [], lines: [] });
  if (kind === 3) return loop.ask((state) => ({ state, facts: [], lines: codec.farewell(state).lines }));
  if (kind === 4) return loop.exit(pick(next, [null, 0, 1, 137]));
  if (kind === 5) return loop.ask((state) => codec.interrupt(state, NOW_MS)); // again, and unasked
  if (kind === 6) return loop.input();
  if (kind === 7) return void it.do({ later: upTo(next, 60_000) });
  if (kind === 8) return loop.give({ type: "stop" });
  const asked = it.state().open.find(({ answered }) => !answered);
  if (asked !== undefined)
    loop.give({ type: "decide", id: asked.id, decision: pick(next, ["allow", "deny", "allow_always"]) });
}

const ENDS = [canBeStopped, cannotLoop, drains] as const;

test.each(PROVIDER_KINDS)(
  "%s",
  async (kind) => {
    const codec = codecOf(kind);
    const moments = await record(kind);
    const frames = framesOf(moments);
    const seen = new Set<string>();
    const looked = (step: Step<unknown>): unknown => {
      for (const { type } of step.facts) seen.add(type);
      return looksRight(codec, step);
    };
    await everyCase((next) => {
      const at = upTo(next, moments.length);
      const begun = codec.read(structuredClone(moments[at]?.state));
      if (!begun.ok) throw new Error(begun.reason);
      const loop = closedLoop(codec, { permissions: pick(next, ["ask", "ask", "allow", "deny"]) }, NOW_MS, looked);
      replayed(loop, moments.slice(0, at + 1), codec.traits.oneshot);
      loop.begin(begun.state);
      for (let times = 1 + upTo(next, 3); times > 0; times--) {
        for (let lines = 1 + upTo(next, 2); lines > 0; lines--) {
          const line = nearlyAFrame(next, frames);
          loop.ask((state) => codec.frame(state, line, NOW_MS));
        }
        something(next, codec, loop);
      }
      ENDS[upTo(next, ENDS.length)]?.(loop.it);
    }, 4);
    expect(seen.size).toBeGreaterThan(kind === "command" ? 1 : 8);
  },
  7_200_000,
);
