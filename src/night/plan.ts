/**
 * Who goes on when. One agent of an account tries whether its limit is over; the others follow its first answer, spread
 * out, so that twenty of them do not come in one second. Pure: what is stored, who waits and the time come in, what is
 * to be done comes out, and the same question may be asked again at any moment, after any death.
 */
import { asOf } from "../agents/state/limit-time.ts";
import type { AccountLimit } from "../words/limits.ts";

/** An agent whose turn waits for its account, or was taken up again and has no answer. */
export interface Waiting {
  readonly id: string;
  readonly account: string;
  readonly scope: string;
  readonly parked: boolean;
  readonly since: number;
}

export interface Outlook {
  readonly limits: readonly AccountLimit[];
  readonly waiting: readonly Waiting[];
  /** Running time at which each one that was taken up again was. */
  readonly going: ReadonlyMap<string, number>;
  /** Running time at which each one whose limit is over goes on. */
  readonly released: ReadonlyMap<string, number>;
  readonly nowMs: number;
  readonly ranMs: number;
  readonly pace: number;
}

export interface Plan {
  readonly goOn: readonly string[];
  /** Their limit is over: they go on at this running time. */
  readonly release: ReadonlyMap<string, number>;
  /** Limits whose time had to be made anew. */
  readonly moved: readonly AccountLimit[];
  /** Nobody waits for them, and their time has passed. */
  readonly forgotten: readonly AccountLimit[];
  /** When there is something to do next; never later than `LOOK_MS`, for clocks are set and boxes sleep. */
  readonly inMs: number;
}

export const LOOK_MS = 60_000;
/** An answer may take long, but not all the others wait for one that never comes. */
const TRY_MS = 10 * 60_000;
const FOLLOW_MS = 5000;
const SPREAD_MS = 60_000;

export function planOf({ limits, waiting, going, released, nowMs, ranMs, pace }: Outlook): Plan {
  const goOn: string[] = [];
  const moved: AccountLimit[] = [];
  const forgotten: AccountLimit[] = [];
  let inMs = LOOK_MS;
  const again = (ms: number): void => void (inMs = Math.min(inMs, Math.max(1, ms)));

  for (const stored of limits) {
    if (stored.class !== "limit") continue;
    const limit = asOf(stored, nowMs, pace);
    if (limit !== stored) moved.push(limit);
    const left = (limit.resumesAt ?? nowMs) - nowMs;
    const its = waiting.filter(({ account, scope }) => account === limit.account && scope === limit.scope);
    if (its.length === 0) {
      if (left <= 0) forgotten.push(limit);
      else again(left);
      continue;
    }
    const tries = its.filter(({ parked }) => !parked).map(({ id }) => (going.get(id) ?? ranMs) + TRY_MS - ranMs);
    const trying = tries.filter((ms) => ms > 0);
    if (trying.length > 0) again(Math.min(...trying));
    else if (left > 0) again(left);
    else {
      const first = its.filter(({ parked }) => parked).sort(oldestFirst)[0];
      if (first !== undefined) goOn.push(first.id);
    }
  }

  const release = new Map<string, number>();
  for (const { id, account, scope, parked } of waiting) {
    if (!parked || limits.some((limit) => limit.account === account && limit.scope === scope)) continue;
    const at = released.get(id) ?? ranMs + Math.round((FOLLOW_MS + (hash(id) % SPREAD_MS)) * pace);
    release.set(id, at);
    if (at <= ranMs) goOn.push(id);
    else again(at - ranMs);
  }
  return { goOn, release, moved, forgotten, inMs };
}

const oldestFirst = (a: Waiting, b: Waiting): number => a.since - b.since || (a.id < b.id ? -1 : 1);

/** FNV-1a: the same agent always has the same place. */
function hash(id: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) sum = Math.imul(sum ^ id.charCodeAt(at), 0x01000193) >>> 0;
  return sum;
}
