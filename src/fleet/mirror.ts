/**
 * Copies what this box has committed into the fleet's database, behind a cursor. The database may lag behind the store;
 * it never leads. Nothing waits for it: whatever goes wrong here costs the box a line in its log and is tried again.
 */
import type { Clock, Timer } from "../lib/clock.ts";
import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/database.ts";
import { eventRange, eventsAfter, findLandmark } from "../store/events.ts";
import type { Database } from "./database.ts";
import { BATCH_DEADLINE_MS, DatabaseAway } from "./database.ts";
import { touchedBy } from "./documents.ts";
import { saveEpoch, saveMirrored } from "./identity.ts";
import type { Member } from "./member.ts";
import type { MirrorRow } from "./mirror-batch.ts";
import { CursorMoved, LogConflict, gapRow, rowOf, writeBatch } from "./mirror-batch.ts";
import { writeWhole } from "./mirror-whole.ts";
import type { Cursor, LocalLog } from "./position.ts";
import { positionOf } from "./position.ts";
import { numberOf, safeJson, textOf } from "./values.ts";

export interface MirrorDeps {
  readonly store: Store;
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  /** As the store had it when the daemon began. */
  readonly epoch: number;
}

export interface Mirror {
  /** The database knows us: where does it stand? */
  begin(member: Member): void;
  /** Something was committed. */
  wake(): void;
  /** Why nothing is mirrored any more, until the daemon is started again. */
  readonly stopped: string | null;
  /** The last event that the database has; null: it is not known now. */
  readonly mirrored: number | null;
  stop(): void;
}

const BATCH = 500;
/** What is committed within it goes together. */
const GATHER_MS = 50;
const RETRY_MS = 1000;
const REMEMBER_MS = 5000;

export function createMirror(deps: MirrorDeps): Mirror {
  const { store, database, clock, log } = deps;
  let member: Member | null = null;
  let cursor: Cursor | null = null;
  let stopped: string | null = null;
  let closed = false;
  let busy = false;
  /** Something happened while a batch was under way. */
  let again = false;
  let timer: Timer | null = null;
  let rememberedAt = clock.monotonic() - REMEMBER_MS;
  let { epoch } = deps;

  const localLog = (): LocalLog => ({ epoch, ...eventRange(store), find: (id) => findLandmark(store, id) });

  /** Reads where the database stands, and makes it stand where this log begins when the two do not fit. */
  const position = async ({ no }: Member): Promise<{ cursor: Cursor; whole: boolean }> => {
    const [row] = await database.ask("SELECT * FROM ~cursors WHERE node_no = $1", no);
    const found =
      row === undefined
        ? null
        : {
            epoch: numberOf(row, "epoch"),
            id: numberOf(row, "id"),
            before: textOf(row, "before"),
            digest: textOf(row, "digest"),
          };
    const where = positionOf(found, localLog());
    if (where.type === "go_on" && found !== null) return { cursor: found, whole: row?.["whole"] === true };
    const next = where.type === "anew" ? where.epoch : epoch;
    if (next !== epoch) saveEpoch(store, (epoch = next)); // before the database hears of it
    const why = where.type === "anew" ? where.why : "";
    if (found !== null) log.warn("the mirror begins anew", { epoch, why });
    await database.transact(async (ask) => {
      await ask(
        `INSERT INTO ~cursors (node_no, epoch, id, before, digest, newest) VALUES ($1, $2, 0, '', '', 0)
         ON CONFLICT (node_no) DO UPDATE SET epoch = excluded.epoch, id = 0, before = '', digest = '', newest = 0, whole = false
         WHERE cursors.epoch < excluded.epoch`,
        no,
        epoch,
      );
      await ask(
        `INSERT INTO ~events (node_no, epoch, id, type, at, data) VALUES ($1, $2, 0, 'mirror_epoch', clock_timestamp(), $3)`,
        no,
        epoch,
        safeJson({ epoch, why }),
      );
      for (const table of ["agents", "permissions", "messages"])
        await ask(`DELETE FROM ~${table} WHERE node_no = $1`, no);
    }, BATCH_DEADLINE_MS);
    return { cursor: { epoch, id: 0, before: "", digest: "" }, whole: false };
  };

  /** The next events, with a row before them for those that nobody keeps any more. */
  const nextRows = (from: Cursor): { rows: readonly MirrorRow[]; touched: () => ReturnType<typeof touchedBy> } => {
    const events = eventsAfter(store, {}, from.id, BATCH);
    const [first] = events;
    const lost = first !== undefined && first.id > from.id + 1 ? first.id - 1 : null;
    const gap = lost === null ? [] : [gapRow(lost, first?.at ?? "", { from: from.id + 1, to: lost })];
    return { rows: [...gap, ...events.map(rowOf)], touched: () => touchedBy(store, events) };
  };

  const work = async (): Promise<void> => {
    const me = member;
    if (me === null) return;
    if (cursor === null) {
      const at = await position(me);
      cursor = at.cursor;
      if (!at.whole) await writeWhole(database, store, { node: me.no, epoch }, () => closed);
    }
    for (;;) {
      const { rows, touched } = nextRows(cursor);
      if (rows.length === 0 || closed) return;
      cursor = await writeBatch(database, me.no, cursor, rows, eventRange(store).newest, touched);
      remember(cursor.id, false);
    }
  };

  const remember = (id: number, now: boolean): void => {
    if (!now && clock.monotonic() - rememberedAt < REMEMBER_MS) return;
    rememberedAt = clock.monotonic();
    saveMirrored(store, id);
  };

  const run = async (): Promise<void> => {
    busy = true;
    again = false;
    let failed = false;
    try {
      await work();
    } catch (error) {
      failed = true;
      if (!closed) judge(error);
    } finally {
      busy = false;
    }
    if (!closed && stopped === null && (failed || again)) plan(failed ? RETRY_MS : GATHER_MS);
  };

  /** What was written may stand or not: where the database is has to be asked. */
  const judge = (error: unknown): void => {
    cursor = null;
    if (error instanceof DatabaseAway || error instanceof CursorMoved) return;
    if (!(error instanceof LogConflict)) return log.error("cannot mirror now, will try again", { error });
    stopped = `the fleet's database has other events under this node's numbers: ${errorText(error)}`;
    log.error("the mirror stopped", { why: stopped });
  };

  const plan = (ms: number): void => {
    if (busy || closed || stopped !== null) return;
    timer ??= clock.setTimer(ms, () => {
      timer = null;
      void run();
    });
  };

  return {
    begin(next) {
      member = next;
      cursor = null;
      plan(0);
    },
    wake() {
      if (member === null) return;
      again = true;
      plan(GATHER_MS);
    },
    get stopped() {
      return stopped;
    },
    get mirrored() {
      return cursor?.id ?? null;
    },
    stop() {
      closed = true;
      timer?.cancel();
      if (cursor !== null) remember(cursor.id, true);
    },
  };
}
