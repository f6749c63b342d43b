/**
 * Tasks of the pool, and their statements. Every change is a compare-and-set on the claim: whoever comes late, however
 * late, changes nothing. Times are the database's.
 */
import type { Repo } from "./checkout.ts";
import { isObject } from "../lib/check.ts";
import type { StartedTask } from "../store/fleet-started.ts";
import type { Ask, Rows } from "./database.ts";
import { HELD, INCARNATION } from "./incarnation.ts";
import type { Member } from "./member.ts";
import type { Refusal } from "./blocked.ts";
import type { RemoteTask, TaskEnd, TaskState } from "./task-core.ts";
import { TASK_STATES } from "./task-core.ts";
import { textArray } from "./registry.ts";
import {
  jsonOf,
  numberOf,
  numberOrNull,
  safeJson,
  safeText,
  textOf,
  textOrNull,
  timeOf,
  timeOrNull,
} from "./values.ts";

export interface NewTask {
  readonly id: string;
  readonly project: string;
  readonly provider: string | null;
  readonly node: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly repo: Repo | null;
  /** Of the request that makes its agent. */
  readonly body: unknown;
  /** The key that its secrets are sealed with. */
  readonly sealedWith: string | null;
  readonly createdBy: string;
  readonly queueTtlMs: number | null;
}

export interface Task extends RemoteTask {
  readonly id: string;
  readonly seq: number;
  readonly project: string;
  readonly provider: string | null;
  readonly node: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly repo: Repo | null;
  readonly sealedWith: string | null;
  /** Who has it, by name. */
  readonly holder: string | null;
  readonly agent: string | null;
  readonly error: string | null;
  /** Why nodes that took it gave it back, by their number: those that will not be given it now. */
  readonly refused: Readonly<Record<string, Refusal>>;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly reach: string | null;
  /** Who began it before a person gave it to another. */
  readonly superseded: readonly Superseded[];
}

export interface Superseded {
  readonly claim: number;
  readonly node: string;
  readonly agent: string | null;
  /** `interrupted`: it was at work when its box heard of it; else how it had ended. */
  readonly outcome: string;
}

const INSERT = `
  INSERT INTO ~tasks (id, project, provider, node, labels, repo, body, sealed_with, created_by, expires_at)
  VALUES ($1, $2, $3, $4, $5::text::jsonb, $6, $7, $8, $9, clock_timestamp() + $10::bigint * interval '1 ms')`;

export async function insertTask(ask: Ask, task: NewTask): Promise<void> {
  const { id, project, provider, node, labels, repo, body, sealedWith, createdBy, queueTtlMs } = task;
  const fetched = repo === null ? null : safeJson(repo);
  const [wanted, what] = [safeJson(labels), safeJson(body)];
  await ask(INSERT, id, project, provider, node, wanted, fetched, what, sealedWith, createdBy, queueTtlMs);
}

/** Of one node: for good, or until a moment of the database's clock. */
const UNTIL = "coalesce((refusal ->> 'until')::float8, 'Infinity')";
const NOW_SECONDS = "extract(epoch FROM clock_timestamp())::float8";

/** What fits a node stands here alone: who takes, and who says why nobody does, ask the same. */
const FITS = `(t.node IS NULL OR t.node = n.name) AND n.labels @> t.labels
  AND (t.provider IS NULL OR n.providers ? t.provider) AND (n.projects ? t.project OR t.repo IS NOT NULL)
  AND (t.sealed_with IS NULL OR n.keys ? t.sealed_with) AND NOT (t.refused ? n.node_no::text AND EXISTS (
    SELECT 1 FROM jsonb_extract_path(t.refused, n.node_no::text) refusal WHERE ${UNTIL} > ${NOW_SECONDS}))`;

/** This node has vouched, and the database has every beat of it: it can be no older copy. */
const I_VOUCH = `EXISTS (SELECT 1 FROM ~heartbeats o
  WHERE o.node_no = $1 AND o.vouched = ${INCARNATION} AND o.beat >= $2::bigint)`;

/** Whether it may be is looked at only while somebody waits: most often nobody does. */
const CLAIM = `
  UPDATE ~tasks SET state = 'claimed', claim = claim + 1, claimed_by = $1, session = $3, claimed_at = clock_timestamp()
  WHERE id IN (
    SELECT t.id FROM ~tasks t, ~nodes n
    WHERE t.state = 'queued' AND n.node_no = $1 AND n.session = $3 AND NOT n.draining AND n.deleted_at IS NULL
      AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp()) AND ${FITS}
      AND CASE WHEN EXISTS (SELECT 1 FROM ~tasks q WHERE q.state = 'queued') THEN ${I_VOUCH} AND NOT ${HELD} END
    ORDER BY t.seq LIMIT $4 FOR UPDATE OF t SKIP LOCKED)
  RETURNING id, claim, project, repo, body`;

export interface TakenTask {
  readonly id: string;
  readonly claim: number;
  readonly project: string;
  /** Where its project can be had, on a box that lacks it. */
  readonly repo: Repo | null;
  readonly body: string;
}

/** The oldest that fit this node, and no more than it has room for. */
export async function claimTasks(ask: Ask, me: Member, room: number): Promise<readonly TakenTask[]> {
  return (await ask(CLAIM, me.no, me.mark, me.session, room)).map(takenOf);
}

const takenOf = (row: Readonly<Record<string, unknown>>): TakenTask => ({
  id: textOf(row, "id"),
  claim: numberOf(row, "claim"),
  project: textOf(row, "project"),
  repo: repoIn(row),
  body: textOf(row, "body"),
});

/** A text is one for good. */
function refusedIn(refusing: unknown): Record<string, Refusal> {
  const entries = Object.entries(isObject(refusing) ? refusing : {}).flatMap(([node, refusal]): [string, Refusal][] => {
    if (typeof refusal === "string") return [[node, { why: refusal, again: false }]];
    return isObject(refusal) ? [[node, { why: String(refusal["why"]), again: true }]] : [];
  });
  return Object.fromEntries(entries);
}

const repoIn = (row: Readonly<Record<string, unknown>>): Repo | null =>
  row["repo"] === null ? null : (jsonOf(row, "repo") as Repo); // checked when it came in

const TAKEN = `id, claim, project, repo, body, state, claimed_by, session, cancel,
  CASE WHEN state IN ('claimed', 'starting') THEN ${I_VOUCH} AND NOT ${HELD} ELSE false END AS trusted`;

/** `trusted`: all that was begun was known to the database when this was read. */
export type ReadTask = TakenTask & RemoteTask & { readonly trusted: boolean };

/** Those that the database says are this node's, and those of these names. */
export async function tasksOf(ask: Ask, { no, mark }: Member, ids: readonly string[]): Promise<readonly ReadTask[]> {
  const rows = await ask(
    `SELECT ${TAKEN} FROM ~tasks
     WHERE claimed_by = $1 AND state IN ('claimed', 'starting', 'started')
     UNION SELECT ${TAKEN} FROM ~tasks WHERE id = ANY ($3::text[])`,
    no,
    mark,
    textArray(ids),
  );
  return rows.map((row) => ({ ...takenOf(row), ...remoteOf(row), trusted: row["trusted"] === true }));
}

const PAGE = 5000;
const OF_ALL = "id, seq, claim, state, claimed_by, session, cancel";

/** All that are not over, a page at a time. */
export async function* unfinishedTasks(
  ask: Ask,
): AsyncGenerator<readonly (RemoteTask & { readonly id: string })[], void> {
  const read = (rows: Rows) => rows.map((row) => ({ id: textOf(row, "id"), ...remoteOf(row) }));
  yield read(await ask(`SELECT ${OF_ALL} FROM ~tasks WHERE state IN ('claimed', 'starting', 'started')`));
  for (let after = 0; ;) {
    const rows = await ask(
      `SELECT ${OF_ALL} FROM ~tasks WHERE state = 'queued' AND seq > $1::bigint ORDER BY seq LIMIT ${PAGE}`,
      after,
    );
    yield read(rows);
    if (rows.length < PAGE) return;
    after = numberOf(rows.at(-1), "seq");
  }
}

/** What this node began, over an older copy of the database that does not know it. */
export async function reassert(
  ask: Ask,
  { no, session }: Pick<Member, "no" | "session">,
  { task, claim, agent, ended, error }: StartedTask,
): Promise<void> {
  const said = error === null ? null : safeText(error);
  await ask(
    "SELECT ~reassert_task($1, $2, $3, $4, $5, $6, $7)",
    task,
    claim,
    no,
    session,
    ended ?? "started",
    agent,
    said,
  );
}

const remoteOf = (row: Readonly<Record<string, unknown>>): RemoteTask => ({
  state: TASK_STATES.find((each) => each === row["state"]) ?? "queued",
  claim: numberOf(row, "claim"),
  claimedBy: numberOrNull(row, "claimed_by"),
  session: textOrNull(row, "session"),
  cancel: row["cancel"] === true,
});

const MINE = "id = $1 AND claim = $2 AND claimed_by = $3";

const START = `
  UPDATE ~tasks SET state = 'starting' WHERE claimed_by = $1 AND session = $3 AND id = $4 AND claim = $5
    AND state = 'claimed' AND ${I_VOUCH} AND NOT ${HELD}`;

/** Only who holds the claim, and in this very session, may start. The answer decides, and nothing else does. */
export async function askStart(ask: Ask, me: Member, id: string, claim: number): Promise<boolean> {
  return (await ask(START, me.no, me.mark, me.session, id, claim)).count === 1;
}

/** What an earlier daemon of this box held. Only for who is this node now. */
export async function takeOver(ask: Ask, { no, session }: Member, id: string, claim: number): Promise<void> {
  await ask(
    `UPDATE ~tasks SET session = $4 WHERE ${MINE} AND state IN ('claimed', 'starting')
       AND EXISTS (SELECT 1 FROM ~nodes WHERE node_no = $3 AND session = $4)`,
    id,
    claim,
    no,
    session,
  );
}

const FIRST_PAUSE_S = 5;
const LONGEST_PAUSE_S = 900;

const GIVE_BACK = `
  UPDATE ~tasks SET state = 'queued', claim = claim + 1, claimed_by = NULL, session = NULL,
    refused = CASE WHEN $4::text IS NULL THEN refused WHEN $5::boolean THEN refused || jsonb_build_object($3::text,
        jsonb_build_object('why', $4::text, 'tries', coalesce((refused -> $3::text ->> 'tries')::int, 0) + 1, 'until', ${NOW_SECONDS}
          + least(${LONGEST_PAUSE_S}, ${FIRST_PAUSE_S} * 2 ^ least(coalesce((refused -> $3::text ->> 'tries')::int, 0), 20))))
      ELSE refused || jsonb_build_object($3::text, $4::text) END
  WHERE id = $1 AND claim = $2 AND claimed_by = $3::int AND state IN ('claimed', 'starting')`;

/**
 * Back to the queue: it has run nothing. `refused`: this node will not be given it any more, or not for a while, which
 * is longer each time.
 */
export async function giveBack(
  ask: Ask,
  { no }: Member,
  id: string,
  claim: number,
  refused: { readonly why: string; readonly again: boolean } | null,
): Promise<void> {
  const { why = null, again = false } = refused ?? {};
  await ask(GIVE_BACK, id, claim, String(no), why === null ? null : safeText(why), again);
}

export async function markStarted(ask: Ask, { no }: Member, id: string, claim: number, agent: string): Promise<void> {
  await ask(
    `UPDATE ~tasks SET state = 'started', agent = $4, started_at = clock_timestamp() WHERE ${MINE} AND state = 'starting'`,
    id,
    claim,
    no,
    agent,
  );
}

export async function reportEnd(
  ask: Ask,
  { no }: Member,
  id: string,
  claim: number,
  { end, agent, error }: { readonly end: TaskEnd; readonly agent: string | null; readonly error: string | null },
): Promise<void> {
  await ask(
    `UPDATE ~tasks SET state = $4, agent = coalesce($5, agent), error = $6, ended_at = clock_timestamp(),
       started_at = coalesce(started_at, clock_timestamp())
     WHERE ${MINE} AND state IN ('starting', 'started')`,
    id,
    claim,
    no,
    end,
    agent,
    error === null ? null : safeText(error),
  );
}

/** What nobody got to, and what nobody can be at any more. Any node may, whenever it likes. */
export async function sweepTasks(ask: Ask): Promise<void> {
  await ask("SELECT ~tidy_tasks()");
}

const TASK = `
  SELECT t.*, n.name AS holder, r.reach, CASE WHEN t.refused <> '{}' THEN (
      SELECT jsonb_object_agg(node, refusal) FROM jsonb_each(t.refused) each_of(node, refusal)
      WHERE ${UNTIL} > ${NOW_SECONDS}) END AS refusing
  FROM ~tasks t LEFT JOIN ~nodes n ON n.node_no = t.claimed_by
  LEFT JOIN LATERAL (SELECT CASE WHEN h.seen_at > clock_timestamp() - m.lost_ms * interval '1 ms' THEN 'live' ELSE 'lost' END AS reach
    FROM ~heartbeats h, ~meta m WHERE h.node_no = t.claimed_by) r ON true`;

/** By number. */
export async function findTask(ask: Ask, id: string): Promise<Task | null> {
  const [row] = await ask(`${TASK} WHERE t.id = $1`, id);
  return row === undefined ? null : taskOf(row);
}

/** Newest first. */
export async function listTasks(
  ask: Ask,
  {
    states,
    before,
    limit,
  }: { readonly states: readonly TaskState[] | null; readonly before: number; readonly limit: number },
): Promise<readonly Task[]> {
  const rows = await ask(
    `${TASK} WHERE t.seq < $1::bigint AND ($2::text[] IS NULL OR t.state = ANY ($2::text[])) ORDER BY t.seq DESC LIMIT $3`,
    before,
    states === null ? null : textArray(states),
    limit,
  );
  return rows.map(taskOf);
}

function taskOf(row: Readonly<Record<string, unknown>>): Task {
  return {
    ...remoteOf(row),
    id: textOf(row, "id"),
    seq: numberOf(row, "seq"),
    project: textOf(row, "project"),
    provider: textOrNull(row, "provider"),
    node: textOrNull(row, "node"),
    labels: jsonOf(row, "labels") as Record<string, string>, // checked when it came in
    repo: repoIn(row),
    sealedWith: textOrNull(row, "sealed_with"),
    holder: textOrNull(row, "holder"),
    agent: textOrNull(row, "agent"),
    error: textOrNull(row, "error"),
    refused: refusedIn(row["refusing"]),
    createdBy: textOf(row, "created_by"),
    createdAt: timeOf(row, "created_at"),
    startedAt: timeOrNull(row, "started_at"),
    endedAt: timeOrNull(row, "ended_at"),
    reach: textOrNull(row, "reach"),
    superseded: supersededIn(jsonOf(row, "superseded")),
  };
}

function supersededIn(stored: unknown): readonly Superseded[] {
  return Object.entries(isObject(stored) ? stored : {}).flatMap(([claim, said]) => {
    if (!isObject(said)) return [];
    const { node, agent, outcome } = said;
    const known = typeof agent === "string" ? agent : null;
    return [{ claim: Number(claim), node: String(node), agent: known, outcome: String(outcome) }];
  });
}

/** Not begun: it is over at once. Else whoever runs it is asked to end it. */
export async function cancelTask(ask: Ask, id: string): Promise<void> {
  await ask("SELECT ~cancel_task($1)", id);
}

/** It was begun here, and is another's by now. */
export async function saySuperseded(
  ask: Ask,
  { no }: Member,
  id: string,
  { claim, agent, outcome }: Omit<Superseded, "node">,
): Promise<void> {
  await ask("SELECT ~supersede_task($1, $2, $3, $4, $5)", id, claim, no, agent, outcome);
}

/** A person says that whoever has it is gone. It may run twice when that one comes back. */
export async function reassignTask(ask: Ask, id: string): Promise<boolean> {
  const [row] = await ask("SELECT ~reassign_task($1) AS done", id);
  return row?.["done"] === true;
}
