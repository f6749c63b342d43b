/**
 * Does what the reducer wants done before a turn's end counts, a step at a time, and tells it what that came to.
 * Decides nothing. A step that an earlier daemon began is begun again: whoever does it finds what is there already.
 */
import type { Clock } from "../lib/clock.ts";
import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Agent } from "../store/agents.ts";
import type { CauseSource, ClosingStep } from "../words/agent.ts";
import type { Finding } from "./model.ts";
import type { RunSettings } from "./run-settings.ts";
import type { StepWork } from "./step.ts";

/** What a step is about. */
export interface ClosingAbout {
  /** As it is stored now. */
  readonly agent: Agent;
  readonly agentDir: string;
  readonly turn: string;
  readonly settings: RunSettings;
  /** How often this step of the turn was begun before and lost, by a reboot or whatever else. */
  readonly lost: number;
}

export interface Found {
  readonly found: Finding;
  readonly source: CauseSource;
  /** Stored in one transaction with what the finding means. */
  readonly record?: (step: StepWork) => void;
}

/** A step under way. */
export interface StepUnderWay {
  /** A rejection counts as lost. */
  readonly done: Promise<Found>;
  /** Its time is over: end it, and say so. */
  expire(): void;
  /** Nobody wants to know any more: end it. */
  cancel(): void;
  /** We go: leave what lives to the next daemon. */
  release(): void;
}

export type Closer = (about: ClosingAbout) => StepUnderWay;

/** Loaded when the first agent asks for it. A step that nobody here can do is passed over. */
export type Closers = Readonly<Partial<Record<ClosingStep, () => Promise<Closer>>>>;

/** The agent's books, as its closing needs them. */
export interface ClosingBooks {
  readonly agentDir: string;
  agent(): Agent;
  runSettings(): RunSettings;
  step(source: CauseSource, work: (step: StepWork) => void): void;
}

export interface AgentClosing {
  /** Does the step that the state says is under way. */
  begin(): void;
  expire(): void;
  cancel(): void;
  close(): void;
}

/** What the state says is to be done: for the turn that is being closed, or behind the end of one. */
function underWay({ turn, saving }: Agent["state"]) {
  const closing = turn?.closing ?? null;
  const step = closing?.steps[0];
  if (turn !== null && closing !== null && step !== undefined)
    return { turn: turn.id, step, expired: closing.expired, lost: closing.lost };
  return saving === null ? null : { turn: saving.turn, step: "snapshot" as const, expired: saving.expired, lost: 0 };
}

/** After the store refused a write. */
const STORE_RETRY_MS = 5000;

interface Current {
  work: StepUnderWay | null;
  expired: boolean;
  over: boolean;
}

export function createClosing(
  { closers, clock, log }: { readonly closers: Closers; readonly clock: Clock; readonly log: Logger },
  books: ClosingBooks,
): AgentClosing {
  let current: Current | null = null;

  const find = async (mine: Current, step: ClosingStep, about: ClosingAbout): Promise<Found | null> => {
    const closer = await closers[step]?.();
    if (mine.over) return null;
    if (closer === undefined) return { found: { is: "good" }, source: "reconcile" };
    mine.work = closer(about);
    if (mine.expired) mine.work.expire();
    return mine.work.done;
  };

  const tell = (mine: Current, turn: string, name: ClosingStep, end: Found): void => {
    if (mine.over) return;
    try {
      books.step(end.source, (step) => {
        // Where it is to be done once more, that is begun before this returns.
        mine.over = true;
        end.record?.(step);
        step.fact({ type: "step_done", turn, step: name, found: end.found });
      });
    } catch (error) {
      mine.over = current !== mine;
      log.error("cannot store what came of a turn's end, will try again", { step: name, error });
      clock.setTimer(STORE_RETRY_MS, () => tell(mine, turn, name, end));
    }
  };

  const drop = (how: "cancel" | "release"): void => {
    if (current === null) return;
    current.over = true;
    current.work?.[how]();
    current = null;
  };

  return {
    begin() {
      const agent = books.agent();
      const begun = underWay(agent.state);
      if (begun === null) return;
      const { turn, step, expired, lost } = begun;
      const mine: Current = { work: null, expired, over: false };
      current = mine;
      const { agentDir } = books;
      const about = { agent, agentDir, turn, settings: books.runSettings(), lost };
      find(mine, step, about)
        .catch((error: unknown): Found => ({ found: { is: "lost", message: errorText(error) }, source: "reconcile" }))
        .then((end) => end !== null && tell(mine, turn, step, end));
    },
    expire() {
      if (current === null) return;
      current.expired = true;
      current.work?.expire();
    },
    cancel: () => drop("cancel"),
    close: () => drop("release"),
  };
}
