/**
 * Keeps the fleet's tables from growing for ever: a partition of the event log for each day to come, made ahead by
 * whichever node may, and each node's own old events taken out. Where no role of a node may make partitions, one holds
 * everything and the same rows go. Tasks that are over go after the same time, once what happened to them is mirrored.
 */
import type { Clock, Timer } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Age } from "../store/age.ts";
import type { Store } from "../store/database.ts";
import { eventsAfter } from "../store/events.ts";
import { pruneStarted, STARTED_KEPT_DAYS } from "../store/fleet-started.ts";
import type { Database } from "./database.ts";
import { BATCH_DEADLINE_MS, DatabaseAway, sqlState } from "./database.ts";
import { mirroredOf } from "./identity.ts";
import type { Member } from "./member.ts";
import { numberOf, textOf } from "./values.ts";

export interface UpkeepDeps {
  readonly store: Store;
  readonly database: Database;
  readonly schema: string;
  readonly member: () => Member | null;
  readonly age: Age;
  readonly eventsDays: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const EVERY_MS = 60 * 60 * 1000;
const AWAY_MS = 60_000;
const PAUSE_MS = 100;
/** What comes back may be another one. */
const BACK_MS = 10_000;
const BATCH = 5000;
const DAYS_AHEAD = 2;
/** The role may not, or somebody else is at it: nothing is lost by it. */
const NOT_NOW = /^(42501|42P07|55P03|40P01|23514)$/;

export function startUpkeep(deps: UpkeepDeps): { begin(): void; stop(): void } {
  const { database, clock, log } = deps;
  let timer: Timer | null = null;
  let stopped = false;

  const run = async (): Promise<void> => {
    let [more, away] = [false, false];
    try {
      const member = deps.member();
      if (member !== null) {
        while (await renumbered(database))
          log.warn("the fleet's database was restored: its event streams begin anew", {});
        await partitions(database, deps.schema);
        pruneStarted(deps.store, deps.age.cutoff(STARTED_KEPT_DAYS));
        more = await prune(database, member.no, deps.eventsDays);
        if (mirroredUpTo(deps.store, deps.age.cutoff(deps.eventsDays)))
          more = (await pruneTasks(database, member.no, deps.eventsDays)) || more;
      }
    } catch (error) {
      away = error instanceof DatabaseAway;
      const expected = away || NOT_NOW.test(sqlState(error) ?? "");
      if (!expected && !stopped) log.error("cannot tidy up the fleet's log", { error });
    }
    plan(more ? PAUSE_MS : away ? AWAY_MS : EVERY_MS);
  };
  const plan = (ms: number): void => {
    timer?.cancel();
    if (!stopped) timer = clock.setTimer(ms, () => void run());
  };
  database.onDrop(() => deps.member() !== null && plan(BACK_MS));
  return {
    begin: () => plan(PAUSE_MS),
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}

/** Numbers of transactions that this database has not come to: it was brought here from another one. */
async function renumbered(database: Database): Promise<boolean> {
  const [row] = await database.transact((ask) => ask("SELECT ~renumber() AS more"), BATCH_DEADLINE_MS);
  return row?.["more"] === true;
}

/** What this box's agents did before that is in the mirror: nobody waits for more of it. */
export function mirroredUpTo(store: Store, before: number): boolean {
  const [first] = eventsAfter(store, {}, mirroredOf(store), 1);
  return first === undefined || Date.parse(first.at) >= before;
}

async function pruneTasks(database: Database, node: number, days: number): Promise<boolean> {
  const [row] = await database.transact(
    (ask) => ask("SELECT ~prune_tasks($1, $2) AS more", node, days),
    BATCH_DEADLINE_MS,
  );
  return row?.["more"] === true;
}

/** Today's rows may be in the rest already: only days to come can be given a partition of their own. */
async function partitions(database: Database, schema: string): Promise<void> {
  const days = await database.ask(
    `SELECT to_char(d, 'YYYYMMDD') AS name, d::date::text AS first, (d::date + 1)::text AS next
     FROM generate_series((clock_timestamp() AT TIME ZONE 'UTC')::date + 1,
       (clock_timestamp() AT TIME ZONE 'UTC')::date + ${DAYS_AHEAD}, interval '1 day') d
     WHERE to_regclass($1 || to_char(d, 'YYYYMMDD')) IS NULL`,
    `"${schema}".events_`,
  );
  for (const day of days) {
    const [name, first, next] = [textOf(day, "name"), textOf(day, "first"), textOf(day, "next")];
    await database
      .transact(async (ask) => {
        await ask("SET LOCAL lock_timeout = '2s'");
        await ask(`CREATE TABLE ~events_${name} PARTITION OF ~events FOR VALUES FROM ('${first}') TO ('${next}')`);
        await ask(`ALTER TABLE ~events_${name} ENABLE ROW LEVEL SECURITY`); // by its own name it is nobody's
      })
      .catch((error: unknown) => {
        if (!NOT_NOW.test(sqlState(error) ?? "")) throw error;
      });
  }
}

/**
 * Its own old events, by `now()`: days are told apart before anything is read. true = there are more. A day of which
 * nobody has anything goes altogether.
 */
async function prune(database: Database, node: number, days: number): Promise<boolean> {
  const gone = await database.transact(
    (ask) =>
      ask(
        `DELETE FROM ~events WHERE node_no = $1 AND (node_no, epoch, id, day) IN (
           SELECT node_no, epoch, id, day FROM ~events
           WHERE node_no = $1 AND day < (now() AT TIME ZONE 'UTC')::date - $2::int LIMIT ${BATCH})`,
        node,
        days,
      ),
    BATCH_DEADLINE_MS,
  );
  if (gone.count === BATCH) return true;
  await dropEmpty(database, days);
  return false;
}

async function dropEmpty(database: Database, days: number): Promise<void> {
  const old = await database.ask(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = to_regclass('~events') AND c.relname ~ '^events_\\d{8}$'
       AND to_date(substr(c.relname, 8), 'YYYYMMDD') < (clock_timestamp() AT TIME ZONE 'UTC')::date - $1::int`,
    days,
  );
  for (const row of old) {
    const name = textOf(row, "name");
    const [left] = await database.ask(`SELECT count(*) AS n FROM (SELECT 1 FROM ~${name} LIMIT 1) found`);
    if (numberOf(left, "n") > 0) continue;
    await database
      .transact(async (ask) => {
        await ask("SET LOCAL lock_timeout = '2s'");
        await ask(`DROP TABLE ~${name}`);
      })
      .catch((error: unknown) => {
        if (!NOT_NOW.test(sqlState(error) ?? "")) throw error;
      });
  }
}
