/**
 * A database that is brought back from a backup says that tasks wait which have long been run. Nothing in a backup can
 * say that it is one, so it is told from outside:
 *
 * - An *incarnation* is one start of the server with one making of the tables. No backup can hold the one that it will
 *   be restored into: neither of the server's files, nor of its tables, nor a standby that takes over.
 * - A node *vouches* for an incarnation when the database has all that the node ever started, after it has put right
 *   what is missing (`vouch.ts`). Tasks are claimed, let start, begun, given back or handed on by time only while all
 *   nodes have vouched; each of those statements looks itself, so that there is no moment before somebody notices.
 * - A node counts its beats. A database that has fewer than it had answered, or that lets wait what the node started,
 *   *was restored*. Whoever finds that says so in its own row before anything else.
 *
 * For whom is waited: for every node that is not lost; and where a restore was found, for lost ones too until they are
 * back or a person removes them, and for the time after which a node is lost, so that nodes come which the backup does
 * not know. A server that was only started again therefore holds nobody up for longer than one beat of each node.
 *
 * So a task is run twice by no restore, but for these: every node that the backup has forgotten something of stays away
 * until it counts as lost, and nobody else's beats are forgotten (all were away since the backup); a node that joined
 * after the backup stays away for so long; a box forgot its starts itself (restored from a backup as well, or longer
 * ago than it remembers); a snapshot of the server's memory was brought back, and a box that stood still since then
 * asks first.
 */
import { REACH } from "./reach.ts";

/** Truncating or making the tables anew is another one, without the server being started. */
export const INCARNATION = `
  ((extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text || '.' || '~tasks'::regclass::oid::text
    || '.' || pg_relation_filenode('~tasks'::regclass)::text)`;

/** Programs of before say nothing of it: whoever has them must not be waited for. */
export const UNTOLD_YET = `n.schema > 6 AND h.vouched IS DISTINCT FROM ${INCARNATION}`;

/** Something may have been run that the database does not know. */
export const HELD = `
  (EXISTS (SELECT 1 FROM ~nodes n JOIN ~heartbeats h USING (node_no) CROSS JOIN ~meta m
     WHERE n.deleted_at IS NULL AND ${UNTOLD_YET}
       AND (EXISTS (SELECT 1 FROM ~heartbeats b WHERE b.restored_at IS NOT NULL) OR ${REACH} <> 'lost'))
   OR EXISTS (SELECT 1 FROM ~heartbeats b, ~meta m WHERE b.restored_at > clock_timestamp() - m.lost_ms * interval '1 ms'))`;
