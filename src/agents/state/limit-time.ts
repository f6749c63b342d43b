/**
 * When an account that is at its limit is tried again, and for which agents a limit holds. Pure: the reducer, the
 * keeper of all accounts and the tests go by the same rules.
 */
import type { AccountLimit, LimitFound } from "../../words/limits.ts";

const MINUTE_MS = 60_000;
/** Clocks differ, and an allowance is not there in the very second that was promised. */
const MARGIN_MS = 30_000;
/** Where no time was told. */
const GUESSES_MS = [15 * MINUTE_MS, 30 * MINUTE_MS] as const;
const THEN_EVERY_MS = 60 * MINUTE_MS;
/** No allowance is counted for longer than a week: what lies further ahead is a wrong clock, theirs or ours. */
const FARTHEST_MS = 8 * 24 * 60 * MINUTE_MS;
/** A turn that was taken up so often in vain is given up. */
export const MOST_ATTEMPTS = 12;

export interface Resumption {
  readonly resetsAt: number | null;
  readonly resumesAt: number;
  readonly guessed: boolean;
}

/** `attempts`: tried in vain so far. `pace`: 1, in tests less. A time that cannot be true counts as not told. */
export function resumption(resetsAt: number | null, attempts: number, nowMs: number, pace: number): Resumption {
  if (resetsAt !== null && resetsAt > nowMs && resetsAt - nowMs <= FARTHEST_MS)
    return { resetsAt, resumesAt: Math.round(resetsAt + MARGIN_MS * pace), guessed: false };
  return { resetsAt: null, resumesAt: nowMs + guessMs(attempts, pace), guessed: true };
}

function guessMs(attempts: number, pace: number): number {
  return Math.round((GUESSES_MS[attempts] ?? THEN_EVERY_MS) * pace);
}

/**
 * A limit as it stands now: after the clock was set, or the box was off, a guess is never further ahead than it was
 * when it was made, and a promise that cannot be true any more becomes a guess.
 */
export function asOf(limit: AccountLimit, nowMs: number, pace: number): AccountLimit {
  if (limit.resumesAt === null) return limit;
  if (limit.guessed) {
    const latest = nowMs + guessMs(limit.attempts, pace);
    return limit.resumesAt <= latest ? limit : { ...limit, resumesAt: latest };
  }
  if (limit.resetsAt !== null && limit.resetsAt - nowMs <= FARTHEST_MS) return limit;
  return { ...limit, ...resumption(limit.resetsAt, limit.attempts, nowMs, pace) };
}

export interface Finding {
  readonly account: string;
  readonly agent: string;
  readonly found: LimitFound;
  readonly nowMs: number;
  readonly pace: number;
  /** It was met by the one that tried whether it is over. */
  readonly tried: boolean;
}

/** What is known of an account with what one of its agents has met now; whoever meets what is known changes nothing. */
export function known(before: AccountLimit | undefined, finding: Finding): AccountLimit {
  const { account, agent, found, nowMs, pace, tried } = finding;
  const attempts = (before?.attempts ?? 0) + (tried ? 1 : 0);
  const next = resumption(found.resetsAt, attempts, nowMs, pace);
  if (before !== undefined && !tried && before.resumesAt !== null && before.resumesAt > nowMs) {
    const better = before.guessed ? !next.guessed : !next.guessed && next.resumesAt > before.resumesAt;
    if (!better) return before;
  }
  const { class: kind, scope, message } = found;
  return {
    account,
    scope,
    class: kind,
    message,
    since: before?.since ?? nowMs,
    agent: before?.agent ?? agent,
    attempts,
    ...next,
  };
}

/** Models that have an allowance of their own. */
const OF_A_MODEL = /(?:^|_)(opus|sonnet|haiku)(?:_|$)/;

/** `model` null: the provider's own choice, of which we do not know. Who meets such a limit then waits alone. */
export function holdsFor(limit: AccountLimit, model: string | null): boolean {
  if (limit.class !== "limit") return false;
  const only = OF_A_MODEL.exec(limit.scope)?.[1];
  return only === undefined || (model !== null && model.toLowerCase().includes(only));
}
