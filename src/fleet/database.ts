/**
 * The one door to the fleet's database. Every question has a deadline of ours, because a server that stands still
 * answers nothing and the runtime waits for ever: when it passes, the whole pool is dropped, what was asked may or may
 * not have been done, and a new pool is made after a pause. Owns the connections; knows no table. Never keeps anybody
 * waiting for a database that is away: that is told at once.
 */
import { SQL } from "bun";
import type { FleetConfig } from "../config/fleet.ts";
import { socketOf } from "../config/fleet.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";

/** `none`: the question reached nobody. `unknown`: it may have been done. */
export type Outcome = "none" | "unknown";

/** The database is away, or went while it was asked. */
export class DatabaseAway extends Error {
  override readonly name = "DatabaseAway";
  constructor(
    readonly outcome: Outcome,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** What the server answered, as rows that nobody has looked at, and how many it changed. */
export interface Rows extends ReadonlyArray<Readonly<Record<string, unknown>>> {
  readonly count: number;
}

/** `~name` in a statement is a table of the fleet's schema. */
export type Ask = (statement: string, ...params: readonly unknown[]) => Promise<Rows>;

export interface Database {
  /** Throws DatabaseAway, or what the server refused. */
  readonly ask: Ask;
  /** All or nothing. The deadline is that of the whole. */
  transact<T>(work: (ask: Ask) => Promise<T>, deadlineMs?: number): Promise<T>;
  /** Hints on a channel; resolves when the server listens. The pool's next one has to be asked again. */
  listen(channel: string, heard: () => void): Promise<void>;
  readonly up: boolean;
  /** How often the database went: what is asked behind that may be another one, brought back from a backup. */
  readonly drops: number;
  /** A pool was dropped: what listened does so no more. */
  onDrop(listener: () => void): void;
  close(): Promise<void>;
}

export interface DatabaseDeps {
  readonly config: Pick<FleetConfig, "url" | "schema" | "pooler">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

export const DEADLINE_MS = 5000;
export const BATCH_DEADLINE_MS = 15_000;
const CONNECTIONS = 2;
const CONNECT_SECONDS = 4;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export function createDatabase({ config, clock, log, random }: DatabaseDeps): Database {
  const dropped = new Set<() => void>();
  let drops = 0;
  let pool: SQL | null = null;
  let closed = false;
  /** Failures in a row; null: nothing was tried yet. */
  let failures: number | null = null;
  let notBefore = 0;

  const drop = (from: SQL, why: string): void => {
    if (pool !== from) return;
    pool = null;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures ?? 0)) * (0.75 + random() / 2);
    notBefore = clock.monotonic() + pauseMs;
    // One line for each change of its state: a database may be away for days.
    if (!closed && (failures ?? 0) === 0) log.warn("the fleet's database is away, this box goes on by itself", { why });
    failures = (failures ?? 0) + 1;
    void from.close({ timeout: 0 }).catch(() => undefined); // it is being thrown away
    drops += 1;
    for (const each of dropped) each();
  };

  /** What a dropped pool still says is the last of the database that went, not the first of one that is back. */
  const worked = (of: SQL): void => {
    if (pool !== of) return;
    if (failures !== 0) log.info("the fleet's database answers");
    failures = 0;
  };

  const open = (): SQL => {
    if (closed) throw new DatabaseAway("none", "the daemon is stopping");
    if (pool !== null) return pool;
    if (clock.monotonic() < notBefore) throw new DatabaseAway("none", "the fleet's database is away");
    const made: SQL = new SQL({
      ...addressOf(config.url),
      max: CONNECTIONS,
      connectionTimeout: CONNECT_SECONDS,
      prepare: !config.pooler,
      // At once, before the runtime itself looks for a new connection to listen on and complains on our stderr.
      onclose: (error) => void (error !== null && drop(made, errorText(error))),
    });
    pool = made;
    return made;
  };

  const within = async <T>(work: (sql: SQL) => Promise<T>, deadlineMs: number): Promise<T> => {
    const sql = open();
    let timer: Timer | null = null;
    const late = new Promise<never>((_, reject) => {
      timer = clock.setTimer(deadlineMs, () => {
        reject(new DatabaseAway("unknown", `the fleet's database did not answer within ${deadlineMs} ms`));
        drop(sql, `no answer within ${deadlineMs} ms`);
      });
    });
    const asked = work(sql);
    asked.catch(() => undefined); // heard below, or too late to matter
    try {
      const answer = await Promise.race([asked, late]);
      worked(sql);
      return answer;
    } catch (error) {
      const away = awayFrom(error);
      if (away === null) {
        if (isServers(error)) worked(sql);
        throw error;
      }
      drop(sql, away.message);
      throw away;
    } finally {
      (timer as Timer | null)?.cancel();
    }
  };

  const inSchema = (statement: string): string => statement.replaceAll(/~(?=[a-z])/g, `"${config.schema}".`);

  return {
    ask: (statement, ...params) => within((sql) => run(sql, inSchema(statement), params), DEADLINE_MS),
    transact: (work, deadlineMs = DEADLINE_MS) =>
      within(
        (sql) => sql.begin((tx) => work((statement, ...params) => run(tx, inSchema(statement), params))),
        deadlineMs,
      ),
    listen: (channel, heard) => within(async (sql) => void (await sql.listen(channel, () => heard())), DEADLINE_MS),
    get up() {
      return pool !== null && failures === 0;
    },
    get drops() {
      return drops;
    },
    onDrop: (listener) => void dropped.add(listener),
    async close() {
      closed = true;
      const last = pool;
      pool = null;
      await last?.close({ timeout: 0 }).catch(() => undefined); // it is being thrown away
    },
  };
}

/** Rows of the driver are untyped; whoever reads one checks it (`values.ts`). */
async function run(sql: Pick<SQL, "unsafe">, statement: string, params: readonly unknown[]): Promise<Rows> {
  return await sql.unsafe<Rows>(statement, [...params]);
}

function addressOf(url: string): { readonly url: string } | Readonly<Record<string, unknown>> {
  const parsed = new URL(url);
  const folder = socketOf(parsed);
  if (folder === null) return { url };
  const port = parsed.port === "" ? "5432" : parsed.port;
  return {
    adapter: "postgres",
    path: `${folder}/.s.PGSQL.${port}`,
    username: decodeURIComponent(parsed.username) || (parsed.searchParams.get("user") ?? "postgres"),
    ...(parsed.password === "" ? {} : { password: decodeURIComponent(parsed.password) }),
    database: decodeURIComponent(parsed.pathname.slice(1)) || "postgres",
  };
}

interface DriverError {
  readonly code: string;
  /** SQLSTATE, of what the server said. */
  readonly errno?: string;
}

function driverError(error: unknown): DriverError | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  if (!error.code.startsWith("ERR_POSTGRES_")) return null;
  const errno = "errno" in error && typeof error.errno === "string" ? { errno: error.errno } : {};
  return { code: error.code, ...errno };
}

/** Most have one code, a mistake in a statement has another: the SQLSTATE is what only a server says. */
const isServers = (error: unknown): boolean => driverError(error)?.errno !== undefined;

/** SQLSTATE of what the server refused; null: it was no answer of the server. */
export function sqlState(error: unknown): string | null {
  return driverError(error)?.errno ?? null;
}

/** The server said so itself: nothing of the statement stands. Read-only, full, or out of connections or memory. */
const NOTHING_DONE = /^(25006|53\d\d\d|57P03|08\d\d\d|28\w\w\w|3D000)$/;
/** It ended the session in the middle. */
const IN_THE_MIDDLE = /^(57P0[125]|57014|XX\w\w\w|58\w\w\w)$/;

function awayFrom(error: unknown): DatabaseAway | null {
  if (error instanceof DatabaseAway) return error;
  const known = driverError(error);
  if (known === null) return null;
  const why = errorText(error);
  if (known.errno === undefined) {
    const reached = !/REFUSED|CONNECTION_TIMEOUT|FAILED_TO_CONNECT|TLS|AUTHENTICATION/.test(known.code);
    const ours = /INVALID|UNSUPPORTED|EXPECTED|UNKNOWN|MULTIDIMENSIONAL|NULLS/.test(known.code);
    return ours ? null : new DatabaseAway(reached ? "unknown" : "none", why, error);
  }
  if (NOTHING_DONE.test(known.errno ?? "")) return new DatabaseAway("none", why, error);
  return IN_THE_MIDDLE.test(known.errno ?? "") ? new DatabaseAway("unknown", why, error) : null;
}
