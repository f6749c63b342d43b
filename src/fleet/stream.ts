/**
 * The events of all nodes as one stream. A cursor is the pair of transaction and number, because rows become visible in
 * the order of commits and not of their numbers; it is good on every node. Polls: nothing has to be told to anybody.
 */
import { formatComment, formatMessage, formatRetry } from "../http/sse.ts";
import type { Clock } from "../lib/clock.ts";
import { toJson } from "../lib/json.ts";
import { pause } from "../lib/wait.ts";
import type { Ask, Database } from "./database.ts";
import type { Held } from "./held.ts";
import { jsonOf, numberOf, textOf, textOrNull, timeOf } from "./values.ts";

export interface StreamCursor {
  readonly generation: string;
  readonly xid: string;
  readonly seq: string;
}

export interface StreamFilter {
  readonly node: string | null;
  readonly project: string | null;
  readonly agent: string | null;
  readonly types: string | null;
}

const PAGE = 500;
const FIRST_PAUSE_MS = 40;
const LONGEST_PAUSE_MS = 250;
const AWAY_PAUSE_MS = 1000;
const HEARTBEAT_MS = 15_000;
/** A client that takes nothing for so long is dropped. */
const STALL_MS = 10_000;
const RETRY_MS = 2000;
const QUEUE_BYTES = 256 * 1024;

export const cursorText = ({ generation, xid, seq }: StreamCursor): string => `${generation}.${xid}.${seq}`;

/** undefined: it is none. */
export function parseStreamCursor(text: string): StreamCursor | undefined {
  const [, generation = "", xid = "", seq = ""] = /^([0-9a-f]{8})\.(\d{1,19})\.(\d{1,18})$/.exec(text) ?? [];
  return seq === "" ? undefined : { generation, xid, seq };
}

export const shortGeneration = (generation: string): string => generation.slice(0, 8);

/** Everything that is visible now lies before it. `known`: another one's, and whether it can still be gone on from. */
const NOW = `
  SELECT m.generation, (pg_snapshot_xmin(pg_current_snapshot())::text::numeric - 1)::text AS xid,
    $1::text::xid8 < pg_snapshot_xmax(pg_current_snapshot()) AS known
  FROM ~meta m`;

const EVENTS = `
  SELECT e.xid::text AS xid, e.seq::text AS seq, e.id, e.type, e.project, e.agent, e.at, e.data, n.name AS node
  FROM ~events e JOIN ~nodes n USING (node_no)
  WHERE (e.xid, e.seq) > ($1::text::xid8, $2::bigint) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
    AND ($3::text IS NULL OR n.name = $3) AND ($4::text IS NULL OR e.project = $4) AND ($5::text IS NULL OR e.agent = $5)
    AND ($6::text[] IS NULL OR e.type = ANY ($6::text[]))
  ORDER BY e.xid, e.seq LIMIT ${PAGE}`;

const LAST_OF_ALL = "999999999999999999";

/** Where the stream begins: at `asked`, or now, and then it says so when it was asked for another place. */
export async function beginOf(
  ask: Ask,
  asked: StreamCursor | null,
): Promise<{ readonly cursor: StreamCursor; readonly reset: boolean }> {
  const [row] = await ask(NOW, asked?.xid ?? "3");
  const generation = shortGeneration(textOf(row, "generation"));
  if (asked !== null && asked.generation === generation && row?.["known"] === true)
    return { cursor: asked, reset: false };
  return { cursor: { generation, xid: textOf(row, "xid"), seq: LAST_OF_ALL }, reset: asked !== null };
}

export interface StreamDeps {
  readonly database: Pick<Database, "ask" | "drops">;
  readonly held: Held;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onDrop: () => void;
}

export function streamOf(
  { database, held, clock, signal, onDrop }: StreamDeps,
  begin: { readonly cursor: StreamCursor; readonly reset: boolean },
  filter: StreamFilter,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let cursor = begin.cursor;
  let ended = signal.aborted;
  /** It could not be asked: what answers next may have been restored. */
  let doubt = false;
  /** As of when its place was sure: it may have gone and come back between two of our questions. */
  let { drops } = database;

  const page = async (): Promise<string> => {
    const { node, project, agent, types } = filter;
    const rows = await database.ask(EVENTS, cursor.xid, cursor.seq, node, project, agent, types);
    const last = rows.at(-1);
    if (last !== undefined) cursor = { ...cursor, xid: textOf(last, "xid"), seq: textOf(last, "seq") };
    else await held.look(database.ask);
    return rows.map(messageOf(cursor.generation)).join("");
  };

  /** Where the cursor is good no more it is said, and gone on from now. */
  const assured = async (): Promise<string> => {
    const before = database.drops;
    if (!doubt && before === drops) return "";
    const now = await beginOf(database.ask, cursor);
    [doubt, drops, cursor] = [false, before, now.cursor];
    return now.reset ? resetText(cursor) : "";
  };

  const follow = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const send = (text: string): void => controller.enqueue(encoder.encode(text));
    send(formatRetry(RETRY_MS) + (begin.reset ? resetText(cursor) : ""));
    let pauseMs = FIRST_PAUSE_MS;
    let quietSince = clock.monotonic();
    let fullSince: number | null = null;
    while (!ended) {
      if ((controller.desiredSize ?? 0) <= 0) {
        fullSince ??= clock.monotonic();
        if (clock.monotonic() - fullSince > STALL_MS) {
          onDrop();
          return controller.error(new Error("the client does not read"));
        }
      } else {
        fullSince = null;
        const text = await assured()
          .then(async (reset) => reset + (await page()))
          .catch(() => null);
        if (ended) break;
        if (text === null)
          [doubt, pauseMs] = [true, AWAY_PAUSE_MS]; // it goes on from here when it is back
        else if (text === "") pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs + 10);
        else pauseMs = FIRST_PAUSE_MS;
        if (text) (send(text), (quietSince = clock.monotonic()));
        else if (clock.monotonic() - quietSince > HEARTBEAT_MS)
          (send(formatComment("keep-alive")), (quietSince = clock.monotonic()));
      }
      await pause(clock, pauseMs);
    }
    controller.close();
  };

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        signal.addEventListener("abort", () => (ended = true), { once: true });
        follow(controller).catch(() => (ended = true)); // the client is gone
      },
      cancel() {
        ended = true;
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: QUEUE_BYTES }),
  );
}

const resetText = (cursor: StreamCursor): string => `event: reset\ndata: ${toJson({ newest: cursorText(cursor) })}\n\n`;

const messageOf =
  (generation: string) =>
  (row: Readonly<Record<string, unknown>>): string => {
    const type = textOf(row, "type");
    const data = {
      node: textOf(row, "node"),
      id: numberOf(row, "id"),
      type,
      project: textOrNull(row, "project"),
      agent: textOrNull(row, "agent"),
      at: timeOf(row, "at"),
      data: jsonOf(row, "data"),
    };
    const id = cursorText({ generation, xid: textOf(row, "xid"), seq: textOf(row, "seq") });
    return `id: ${id}\n${formatMessage({ event: type, data: toJson(data) })}`;
  };
