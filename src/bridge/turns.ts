/**
 * The turn that runs and its acts: begun, shown, accepted, read, aborted and ended, each told once. What is due when,
 * `core.ts` decides.
 */
import type { BridgeLine, PromptFile } from "../providers/opencode/lines.ts";
import type { Acts } from "./acts.ts";
import type { Asks } from "./asks.ts";
import type { Children } from "./children.ts";
import type { Transcript } from "./transcript.ts";
import type { WireError } from "./wire.ts";
import type { Turn } from "./turn.ts";
import { newTurn } from "./turn.ts";
import { given } from "../lib/given.ts";

/** After an abort that did not end the turn (a parent goes on when its sub-agent is cancelled). */
export const ABORT_AGAIN_MS = 2000;
const ABORTS = 8;
/** A turn of which nothing is heard is asked about: an input that is not yet stored sooner than a model that thinks. */
const UNSTORED_MS = 15_000;
export const QUIET_MS = 120_000;

export type Outcome = Extract<BridgeLine, { t: "turn" }>["outcome"];

export interface Turns {
  readonly running: Turn | null;
  /** What is known of an input: `had`, or `accepted` by the server. */
  of(key: string): "had" | "accepted" | undefined;
  /** An input's turn; null: nobody's, the server began to work by itself. */
  begin(input: Pick<Turn, "key" | "text" | "files" | "writtenAtMs"> | null): Turn;
  /** It was never more than the rest of an earlier one: nothing is told of it. */
  forget(): void;
  /** Looks again when nothing is heard of it. */
  watch(turn: Turn): void;
  show(turn: Turn): void;
  accept(turn: Turn): void;
  read(turn: Turn): void;
  abort(turn: Turn, nowMs: number): void;
  /** An abort that did not end it is tried again; `since`: so long after the one before. */
  mayAbortAgain(turn: Turn, nowMs: number, since: number): boolean;
  end(turn: Turn, outcome: Outcome, error: WireError | null): void;
  /** The newest message of the conversation: what the next turn says comes behind it. */
  newest(id: string): void;
}

export interface TurnsDeps {
  readonly newest: string;
  readonly acts: Acts;
  readonly asks: Asks;
  readonly children: Children;
  readonly transcript: Transcript;
}

const NOBODYS: { readonly key: null; readonly text: string; readonly files: readonly PromptFile[] } = {
  key: null,
  text: "",
  files: [],
};

export function createTurns({ newest: atStart, acts: { act, tell }, asks, children, transcript }: TurnsDeps): Turns {
  let running: Turn | null = null;
  let newest = atStart;
  const inputs = new Map<string, "had" | "accepted">();

  const turns: Turns = {
    get running() {
      return running;
    },
    of: (key) => inputs.get(key),
    begin(input) {
      if (input?.key != null) inputs.set(input.key, "had");
      running = newTurn({ ...(input ?? { ...NOBODYS, writtenAtMs: 0 }), anchor: newest });
      turns.watch(running);
      return running;
    },
    forget() {
      running = null;
    },
    watch(turn) {
      const unstored = turn.key !== null && !turn.accepted;
      act({ do: "wake", inMs: turn.interrupting ? ABORT_AGAIN_MS : unstored ? UNSTORED_MS : QUIET_MS });
    },
    show(turn) {
      if (turn.told) return;
      turn.told = true;
      tell({ t: "busy" });
    },
    accept(turn) {
      if (turn.key === null || turn.accepted) return;
      turn.accepted = true;
      inputs.set(turn.key, "accepted");
      tell({ t: "accepted", key: turn.key });
    },
    read(turn) {
      if (turn.reading) {
        turn.readAgain = true;
        return;
      }
      turn.reading = true;
      act({ do: "read_turn", anchor: turn.anchor });
    },
    /** A sub-agent's pending question first: with it open, the parent goes on and leaves the question behind. */
    abort(turn, nowMs) {
      turn.aborts += 1;
      turn.abortedAt = nowMs;
      if (asks.dismissChildren()) turn.refused = true;
      if (turn.posts > 0 || turn.accepted || turn.busy) act({ do: "abort" });
      turns.watch(turn);
    },
    mayAbortAgain: (turn, nowMs, since) => turn.interrupting && turn.aborts < ABORTS && nowMs - turn.abortedAt >= since,
    end(turn, outcome, error) {
      turns.accept(turn);
      if (turn.retrying) tell({ t: "retry_over" });
      // What is still open belongs to a sub-agent that was cancelled: nothing waits for the answer.
      asks.drop();
      if (outcome !== "completed") children.cancelled();
      tell(...transcript.close(), turnLine(outcome, error));
      running = null;
    },
    newest(id) {
      newest = id;
    },
  };
  return turns;
}

function turnLine(outcome: Outcome, failure: WireError | null): BridgeLine {
  if (failure === null) return { t: "turn", outcome, error: null };
  const { code, message, account } = failure;
  return { t: "turn", outcome, error: { code, message }, ...given({ account }) };
}
