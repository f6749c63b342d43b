/**
 * Starts of one provider, spaced: programs that share a home (a database to migrate, a lock, a cache to unpack) fail
 * when several of them begin together in a fresh one. The first goes alone, until it is ready or was given its time;
 * then two at a time. Owns the line of those that wait, and nothing about why one starts.
 */
import type { Clock } from "../lib/clock.ts";

/** Going through: told when it is ready or gone. */
export type Pass = () => void;

export interface Waiting {
  /** Its turn has come; null: it was given up before. */
  readonly pass: Promise<Pass | null>;
  /** Nobody wants this start any more. */
  giveUp(): void;
}

export interface StartGate {
  /** A pass at once, or a place in the line. `spacingMs`: the time after which the next may go, ready or not. */
  enter(provider: string, spacingMs: number): Pass | Waiting;
}

interface Line {
  warm: boolean;
  inside: number;
  readonly waiting: ((pass: Pass | null) => void)[];
}

const AT_A_TIME = 2;

export function createStartGate(clock: Clock): StartGate {
  const lines = new Map<string, Line>();

  const admit = (line: Line, spacingMs: number): Pass => {
    line.inside += 1;
    let over = false;
    const leave = (): void => {
      if (over) return;
      over = true;
      timer.cancel();
      line.inside -= 1;
      line.warm = true;
      while (line.inside < AT_A_TIME && line.waiting.length > 0) line.waiting.shift()?.(admit(line, spacingMs));
    };
    const timer = clock.setTimer(spacingMs, leave);
    return leave;
  };

  return {
    enter(provider, spacingMs) {
      const line = lines.get(provider) ?? { warm: false, inside: 0, waiting: [] };
      lines.set(provider, line);
      if (line.inside < (line.warm ? AT_A_TIME : 1) && line.waiting.length === 0) return admit(line, spacingMs);
      const { promise, resolve } = Promise.withResolvers<Pass | null>();
      line.waiting.push(resolve);
      return {
        pass: promise,
        giveUp() {
          const place = line.waiting.indexOf(resolve);
          if (place === -1) return;
          line.waiting.splice(place, 1);
          resolve(null);
        },
      };
    },
  };
}
