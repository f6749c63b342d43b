/** What the schema needs so that a database brought back from a backup makes no task run twice (`incarnation.ts`). */
import { HELD } from "./incarnation.ts";
import { EXPIRE, REQUEUE, deed, granting } from "./roles.ts";

/**
 * A node's word on what it started, over whatever an older copy of the database says. Only for a node of who asks; a
 * later claim stands.
 */
const REASSERT = `
  UPDATE ~tasks SET claim = $2, claimed_by = $3, session = $4, state = $5, agent = coalesce($6, agent), error = $7,
    started_at = coalesce(started_at, clock_timestamp()),
    ended_at = CASE WHEN $5 = 'started' THEN NULL ELSE clock_timestamp() END
  WHERE id = $1 AND $5 IN ('started', 'done', 'failed', 'cancelled') AND EXISTS (
      SELECT 1 FROM ~nodes n WHERE n.node_no = $3 AND n.session = $4 AND (n.role IS NULL OR n.role = session_user))
    AND (claim < $2 OR claim = $2 AND (state IN ('queued', 'claimed')
      OR claimed_by = $3 AND state IN ('starting', 'started') AND $5 <> 'started'))`;

/** Everybody has said what it ran. */
const SETTLE = `UPDATE ~heartbeats SET restored_at = NULL WHERE restored_at IS NOT NULL AND NOT ${HELD}`;

/** Every node asks every few seconds, and most often there is nothing: whether it may be is looked at after that. */
const TO_TIDY = `
  (EXISTS (SELECT 1 FROM ~tasks WHERE state = 'claimed')
   OR EXISTS (SELECT 1 FROM ~tasks WHERE state = 'queued' AND expires_at < clock_timestamp())
   OR EXISTS (SELECT 1 FROM ~heartbeats WHERE restored_at IS NOT NULL))`;

export const RESTORE_STEP: readonly string[] = [
  "ALTER TABLE ~heartbeats ADD COLUMN beat bigint NOT NULL DEFAULT 0",
  "ALTER TABLE ~heartbeats ADD COLUMN vouched text",
  "ALTER TABLE ~heartbeats ADD COLUMN restored_at timestamptz",
  ...deed("reassert_task", "text, int, int, text, text, text, text", "boolean", REASSERT, "RETURN FOUND"),
  ...granting("reassert_task(text, int, int, text, text, text, text)"),
  ...deed(
    "tidy_tasks",
    "",
    "void",
    `IF NOT ${TO_TIDY} THEN RETURN; END IF`,
    SETTLE,
    `${REQUEUE} AND NOT ${HELD}`,
    `${EXPIRE} AND NOT ${HELD}`,
  ).slice(0, 1),
];
