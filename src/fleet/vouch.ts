/**
 * This node's word that the fleet's database has all that the node ever started, given once for each incarnation of the
 * database (`incarnation.ts`). What an older copy has forgotten is put right first, and that it is one is written there
 * before anything else: from then on nothing is handed out until everybody has given their word.
 */
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/database.ts";
import type { StartedTask } from "../store/fleet-started.ts";
import { findStarted } from "../store/fleet-started.ts";
import type { Ask } from "./database.ts";
import { DatabaseAway } from "./database.ts";
import { foundRestored, noteRestored, settleRestored } from "./identity.ts";
import { INCARNATION } from "./incarnation.ts";
import type { RemoteTask } from "./task-core.ts";
import { isForgotten } from "./task-core.ts";
import { reassert, unfinishedTasks } from "./task.ts";
import { numberOf, textOf } from "./values.ts";

export interface Voucher {
  readonly ask: Ask;
  readonly store: Store;
  readonly log: Logger;
}

const TELL = "UPDATE ~heartbeats SET restored_at = clock_timestamp() WHERE node_no = $1 AND session = $2";

const VOUCH = `
  UPDATE ~heartbeats SET vouched = $3 WHERE node_no = $1 AND session = $2 AND $3 = ${INCARNATION} RETURNING beat`;

/** The last beat that the database has. Throws DatabaseAway when it was started anew meanwhile: to be asked again. */
export async function vouch(
  { ask, store, log }: Voucher,
  me: { readonly no: number; readonly session: string },
): Promise<number> {
  const [now] = await ask(`SELECT ${INCARNATION} AS incarnation`);
  const incarnation = textOf(now, "incarnation");
  if (foundRestored(store)) await ask(TELL, me.no, me.session);
  let told = foundRestored(store);
  for await (const page of unfinishedTasks(ask))
    for (const remote of page) {
      const started = findStarted(store, remote.id);
      if (started === null || !knowsLess(remote, started, me.no)) continue;
      if (!told) {
        noteRestored(store);
        await ask(TELL, me.no, me.session);
        told = true;
      }
      log.warn("the fleet's database had forgotten what became of a task", { task: remote.id, state: remote.state });
      await reassert(ask, me, started);
    }
  const [row] = await ask(VOUCH, me.no, me.session, incarnation);
  if (row === undefined) throw new DatabaseAway("none", "the fleet's database was started anew meanwhile");
  if (told)
    log.warn("the fleet's database was brought back from a backup: no task is handed out until every node is heard of");
  const beat = numberOf(row, "beat");
  settleRestored(store, beat);
  return beat;
}

/** An end that was told and is no longer there is forgotten too: nobody else would tell it again. */
function knowsLess(remote: RemoteTask, started: StartedTask, no: number): boolean {
  if (isForgotten(remote, started.claim)) return true;
  const mine = remote.claim === started.claim && remote.claimedBy === no;
  return mine && started.ended !== null;
}
