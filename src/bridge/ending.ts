/**
 * Is the turn over? Asked each time its stored messages were read: it ends once, after everything it said was told, or
 * it is looked at again.
 */
import type { Acts } from "./acts.ts";
import type { TurnTruth } from "./core-io.ts";
import type { Steps } from "./steps.ts";
import { usageOf } from "./steps.ts";
import type { Transcript } from "./transcript.ts";
import type { Turns } from "./turns.ts";
import { ABORT_AGAIN_MS } from "./turns.ts";
import { isOfTurn, judge } from "./verdict.ts";
import type { SessionStatus } from "./wire.ts";

/** An aborted input that was never stored is not coming any more. */
const NEVER_STORED_MS = 5000;

export interface EndingDeps {
  readonly turns: Turns;
  readonly steps: Steps;
  readonly transcript: Transcript;
  readonly acts: Acts;
  /** It is at work after all. */
  readonly works: (status: SessionStatus) => void;
}

export interface Ending {
  read(truth: TurnTruth, nowMs: number): void;
}

export function createEnding({ turns, steps, transcript, acts: { act, tell }, works }: EndingDeps): Ending {
  return {
    read({ status, messages, totals }, now) {
      const of = turns.running;
      if (of === null) return;
      of.reading = false;
      const outdated = of.readAgain;
      of.readAgain = false;
      const found = messages.some(({ info }) => info.id === of.anchor);
      if (of.key !== null && found) turns.accept(of);
      const fresh = messages.filter(({ info }) => isOfTurn(info, of.anchor));
      // An input that is not even stored cannot be over; the time does not count for it.
      if (of.key !== null && !found) {
        of.idleSince = null;
        if (
          of.interrupting &&
          of.posts > 0 &&
          status.type === "idle" &&
          now - of.abortedAt + ABORT_AGAIN_MS * (of.aborts - 1) >= NEVER_STORED_MS
        ) {
          return turns.end(of, "interrupted", null);
        }
      }
      const waitedMs = of.idleSince === null ? 0 : now - of.idleSince;
      const { anchor, error, interrupting, refused, orphan } = of;
      if (fresh.length > 0) turns.show(of);
      if (!of.told && status.type === "idle") return turns.forget();
      const verdict = judge({ status, messages: fresh, anchor, error, interrupting, refused, orphan, waitedMs });
      for (const message of fresh) tell(...transcript.stored(message, verdict.over));
      if (!verdict.over) {
        if (outdated) return turns.read(of);
        if (verdict.why === "busy") {
          turns.watch(of);
          return works(status);
        }
        if (of.key !== null && !found) return turns.watch(of);
        of.idleSince ??= now;
        of.reads += 1;
        act({ do: "wake", inMs: Math.min(2000, 50 * 2 ** of.reads) });
        return;
      }
      const last = messages.at(-1);
      if (last !== undefined) turns.newest(last.info.id);
      if (totals !== null) {
        steps.told();
        tell({ t: "usage", usage: usageOf(totals) });
      }
      turns.end(of, verdict.outcome, verdict.error);
    },
  };
}
