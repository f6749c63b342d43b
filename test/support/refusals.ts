/**
 * A store that refuses one statement, chosen by its number: as a full disk does, which refuses writes, or somebody's
 * lock. Every store of the test's process is watched once this is loaded.
 */
import { Database } from "bun:sqlite";
import { type Clock, systemClock } from "../../src/lib/clock.ts";

export type Refusal = "SQLITE_BUSY" | "SQLITE_FULL";

let armed: { readonly code: Refusal; left: number } | null = null;
const WRITES = /^\s*(INSERT|UPDATE|DELETE|COMMIT)/i;

/** Refuses the one behind the next `passing` statements that this can happen to. */
export function refuse(code: Refusal, passing: number): void {
  armed = { code, left: passing };
}

/** Was it refused? What was not will not be. */
export function wasRefused(): boolean {
  const was = armed === null;
  armed = null;
  return was;
}

/** Sweeps and longer waits are some ms long: what they wait for is one statement. */
export const hastyClock: Clock = {
  ...systemClock,
  setTimer: (ms, fn) => systemClock.setTimer(ms >= 500 && ms <= 5000 ? 10 : ms, fn),
};

function look(sql: string): void {
  if (armed === null || sql === "ROLLBACK" || (armed.code === "SQLITE_FULL" && !WRITES.test(sql))) return;
  if (armed.left-- > 0) return;
  const { code } = armed;
  armed = null;
  throw Object.assign(new Error(`refused by the test: ${sql}`), { code });
}

const prepare = Database.prototype.prepare;
Database.prototype.prepare = function (this: Database, sql: string, ...rest: never[]) {
  const statement = prepare.call(this, sql, ...rest);
  for (const name of ["run", "get", "all"] as const) {
    const real = statement[name].bind(statement);
    statement[name] = (...params: never[]) => {
      look(sql);
      return real(...params) as never;
    };
  }
  return statement;
} as typeof prepare;
