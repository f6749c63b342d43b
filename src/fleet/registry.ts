/**
 * Which boxes there are, and which of them live. Joining and beating are compare-and-set on the session, so that of two
 * daemons with one identity only one is a node. All times are the database's: no clock of a node is compared with
 * another's.
 */
import { HarnessError } from "../lib/errors.ts";
import type { Ask, Database } from "./database.ts";
import { sqlState } from "./database.ts";
import { INCARNATION, UNTOLD_YET } from "./incarnation.ts";
import type { Reach } from "./reach.ts";
import { REACH, REACHES } from "./reach.ts";
import type { FleetMeta } from "./schema.ts";
import { SCHEMA } from "./schema.ts";
import { jsonOf, numberOf, numberOrNull, safeJson, textOf, timeOf } from "./values.ts";

export interface NodeCard {
  readonly uuid: string;
  readonly name: string;
  readonly session: string;
  readonly version: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly providers: readonly string[];
  readonly projects: readonly string[];
  readonly capacity: number;
  readonly acceptCalls: boolean;
  readonly publicKey: string;
  /** Names of the keys with which it opens secrets of tasks. */
  readonly keys: readonly string[];
}

export interface FleetNode {
  readonly no: number;
  readonly name: string;
  readonly uuid: string;
  readonly session: string;
  readonly version: string;
  readonly labels: unknown;
  readonly providers: unknown;
  readonly projects: unknown;
  readonly capacity: number;
  readonly acceptCalls: boolean;
  readonly publicKey: string;
  readonly keys: unknown;
  readonly draining: boolean;
  readonly reach: Reach;
  readonly seenAt: string;
  readonly busy: number;
  readonly ready: boolean;
  /** Events that its store has and the mirror does not, as it said itself last; null: it mirrors none yet. */
  readonly lag: number | null;
  /** It has said that the database, as it was started last, has all that it ran. */
  readonly vouched: boolean;
  /** The database was brought back from a backup, and not every node has said yet what it ran since. */
  readonly restored: boolean;
  /** That is so recent that nodes may come which the database knows nothing of. */
  readonly settling: boolean;
}

const JOIN = `
  UPDATE ~nodes n SET session = $2, name = $3, version = $4, schema = $5, labels = $6::text::jsonb,
    providers = $7::text::jsonb, projects = $8::text::jsonb, capacity = $9, accept_calls = $10, public_key = $11,
    keys = $12::text::jsonb, role = current_user, deleted_at = NULL, told_lost = NULL
  WHERE uuid = $1 AND (session = ANY ($13::text[]) OR NOT EXISTS (
    SELECT 1 FROM ~heartbeats h WHERE h.node_no = n.node_no
      AND h.seen_at > clock_timestamp() - $14::int * interval '1 ms'))
  RETURNING node_no`;

const ENTER = `
  INSERT INTO ~nodes (
    uuid, session, name, version, schema, labels, providers, projects, capacity, accept_calls, public_key, keys)
  VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7::text::jsonb, $8::text::jsonb, $9, $10, $11, $12::text::jsonb)
  ON CONFLICT (uuid) DO NOTHING RETURNING node_no`;

const FIRST_BEAT = `
  INSERT INTO ~heartbeats (node_no, session, seen_at, since, busy, ready, beat)
  VALUES ($1, $2, clock_timestamp(), clock_timestamp(), 0, false, 1)
  ON CONFLICT (node_no) DO UPDATE SET session = excluded.session, seen_at = excluded.seen_at, busy = 0, ready = false,
    beat = heartbeats.beat + 1,
    since = CASE WHEN heartbeats.seen_at < clock_timestamp() - $3::int * interval '1 ms' THEN excluded.since ELSE heartbeats.since END
  RETURNING beat`;

/**
 * The number of this box, and of this beat of it. `sessions`: those that were its own. Throws FLEET_REFUSED, which time
 * may mend.
 */
export async function join(
  database: Database,
  meta: FleetMeta,
  card: NodeCard,
  sessions: readonly string[],
): Promise<{ readonly no: number; readonly beat: number }> {
  const { uuid, session, name } = card;
  const facts = [
    ...[uuid, session, name, card.version, SCHEMA],
    ...[safeJson(card.labels), safeJson(card.providers), safeJson(card.projects)],
    ...[card.capacity, card.acceptCalls, card.publicKey, safeJson(card.keys)],
  ];
  try {
    return await database.transact(async (ask) => {
      const [known] = await ask(
        "SELECT node_no, role, role IS NOT NULL AND role <> current_user AS others FROM ~nodes WHERE uuid = $1",
        uuid,
      );
      const [row] =
        known === undefined
          ? await ask(ENTER, ...facts)
          : await ask(JOIN, ...facts, textArray([...sessions, session]), meta.lostMs);
      if (row === undefined && known?.["others"] === true)
        throw new HarnessError(
          "FLEET_REFUSED",
          `this box is the database role "${textOf(known, "role")}" in its fleet, and now logs in as another one: give it back its role, or as the owner of the tables UPDATE nodes SET role = NULL WHERE name = '${name}'`,
        );
      if (row === undefined)
        throw new HarnessError(
          "FLEET_REFUSED",
          "another daemon with the identity of this state folder is in the fleet: is it a copy? Give each box a folder of its own; this one serves its own agents alone",
        );
      const no = numberOf(row, "node_no");
      const [first] = await ask(FIRST_BEAT, no, session, meta.lateMs);
      return { no, beat: numberOf(first, "beat") };
    });
  } catch (error) {
    if (sqlState(error) !== "23505") throw error;
    throw new HarnessError(
      "FLEET_REFUSED",
      `the fleet has a node named "${name}": set fleet.node to another name, or delete that one when it is lost for good`,
      { cause: error },
    );
  }
}

/** An array as PostgreSQL writes it. */
export const textArray = (texts: readonly string[]): string =>
  `{${texts.map((text) => `"${text.replaceAll(/["\\]/g, "\\$&")}"`).join(",")}}`;

const BEAT = `
  UPDATE ~heartbeats SET seen_at = clock_timestamp(), busy = $3, ready = $4, beat = beat + 1,
    since = CASE WHEN seen_at < clock_timestamp() - $5::int * interval '1 ms' THEN clock_timestamp() ELSE since END
  WHERE node_no = $1 AND session = $2 AND beat >= $6::bigint
  RETURNING beat, vouched IS NOT DISTINCT FROM ${INCARNATION} AS vouched`;

export type Beat =
  | { readonly type: "heard"; readonly beat: number; readonly vouched: boolean }
  /** The database has forgotten beats that it had answered: it was brought back from a backup. */
  | { readonly type: "forgotten" }
  /** Somebody else is this node now. */
  | { readonly type: "taken" };

export interface Beating {
  readonly no: number;
  readonly uuid: string;
  readonly session: string;
  /** The last beat of this node that the database was known to have. */
  readonly mark: number;
}

export async function beat(
  ask: Ask,
  meta: FleetMeta,
  node: Beating,
  { busy, ready }: { readonly busy: number; readonly ready: boolean },
): Promise<Beat> {
  const [heard] = await ask(BEAT, node.no, node.session, busy, ready, meta.lateMs, node.mark);
  if (heard !== undefined) return { type: "heard", beat: numberOf(heard, "beat"), vouched: heard["vouched"] === true };
  // Whoever takes this node's place goes on counting; its number may be another's in an older copy.
  const [row] = await ask(
    "SELECT h.beat FROM ~heartbeats h JOIN ~nodes n USING (node_no) WHERE n.uuid = $1",
    node.uuid,
  );
  return { type: row === undefined || numberOf(row, "beat") < node.mark ? "forgotten" : "taken" };
}

const SHOW = `
  UPDATE ~nodes SET providers = $3::text::jsonb, projects = $4::text::jsonb
  WHERE node_no = $1 AND session = $2 AND (providers <> $3::text::jsonb OR projects <> $4::text::jsonb)`;

/** What this box can do, when it has changed. */
export async function showAbilities(
  ask: Ask,
  node: { readonly no: number; readonly session: string },
  abilities: Pick<NodeCard, "providers" | "projects">,
): Promise<void> {
  await ask(SHOW, node.no, node.session, safeJson(abilities.providers), safeJson(abilities.projects));
}

const NODES = `
  SELECT n.*, h.seen_at, h.busy, h.ready, ${REACH} AS reach, c.newest - c.id AS lag,
    NOT (${UNTOLD_YET}) AS vouched, EXISTS (SELECT 1 FROM ~heartbeats b WHERE b.restored_at IS NOT NULL) AS restored,
    EXISTS (SELECT 1 FROM ~heartbeats b WHERE b.restored_at > clock_timestamp() - m.lost_ms * interval '1 ms') AS settling
  FROM ~nodes n JOIN ~heartbeats h USING (node_no) CROSS JOIN ~meta m LEFT JOIN ~cursors c USING (node_no)
  WHERE n.deleted_at IS NULL`;

export async function listNodes(ask: Ask): Promise<readonly FleetNode[]> {
  return (await ask(`${NODES} ORDER BY n.name`)).map(nodeOf);
}

/** Throws NODE_NOT_FOUND. */
export async function getNode(ask: Ask, name: string): Promise<FleetNode> {
  const [row] = await ask(`${NODES} AND n.name = $1`, name);
  if (row === undefined)
    throw new HarnessError("NODE_NOT_FOUND", `the fleet has no node "${name}": GET /api/v1/fleet/nodes lists them`);
  return nodeOf(row);
}

function nodeOf(row: Readonly<Record<string, unknown>>): FleetNode {
  const reach: Reach = REACHES.find((each) => each === row["reach"]) ?? "late";
  return {
    no: numberOf(row, "node_no"),
    name: textOf(row, "name"),
    uuid: textOf(row, "uuid"),
    session: textOf(row, "session"),
    version: textOf(row, "version"),
    labels: jsonOf(row, "labels"),
    providers: jsonOf(row, "providers"),
    projects: jsonOf(row, "projects"),
    capacity: numberOf(row, "capacity"),
    acceptCalls: row["accept_calls"] === true,
    publicKey: textOf(row, "public_key"),
    keys: jsonOf(row, "keys"),
    draining: row["draining"] === true,
    reach,
    seenAt: timeOf(row, "seen_at"),
    busy: numberOf(row, "busy"),
    ready: row["ready"] === true,
    lag: numberOrNull(row, "lag"),
    vouched: row["vouched"] === true,
    restored: row["restored"] === true,
    settling: row["settling"] === true,
  };
}

/** A draining node takes nothing from the pool; what it has goes on. */
export async function setDraining(ask: Ask, name: string, draining: boolean): Promise<FleetNode> {
  const node = await getNode(ask, name);
  await ask("SELECT ~drain_node($1, $2)", node.no, draining);
  return { ...node, draining };
}

/** Frees the name of one that is gone for good, and forgets what it mirrored. Throws NODE_LIVES. */
export async function removeNode(ask: Ask, name: string): Promise<void> {
  const node = await getNode(ask, name);
  const [row] = await ask("SELECT ~remove_node($1) AS done", node.no);
  if (row?.["done"] !== true)
    throw new HarnessError(
      "NODE_LIVES",
      `node "${name}" was seen at ${node.seenAt}: stop its daemon, and wait until it is lost`,
    );
}
