/** What becomes of tasks that are over, in the schema. */
import { deed, granting } from "./roles.ts";

/**
 * Those that this node ran, or that were put here and never taken; and those of nodes that are none any more. By
 * `now()`: no index can find what is older than a moment that moves while it is looked for.
 */
const PRUNE = `
  DELETE FROM ~tasks WHERE id = ANY (ARRAY(
    SELECT t.id FROM ~tasks t
    WHERE t.state IN ('done', 'failed', 'cancelled') AND t.ended_at < now() - $2 * interval '1 day'
      AND EXISTS (SELECT 1 FROM ~nodes me WHERE me.node_no = $1 AND (me.role IS NULL OR me.role = session_user))
      AND (t.claimed_by = $1 OR t.claimed_by IN (SELECT g.node_no FROM ~nodes g WHERE g.deleted_at IS NOT NULL)
        OR t.claimed_by IS NULL AND NOT EXISTS (
          SELECT 1 FROM ~nodes o WHERE o.name = t.created_by AND o.deleted_at IS NULL AND o.node_no <> $1))
    ORDER BY t.ended_at LIMIT 1000))`;

export const OVER_STEP: readonly string[] = [
  "CREATE INDEX tasks_over ON ~tasks (ended_at) WHERE state IN ('done', 'failed', 'cancelled')",
  ...deed("prune_tasks", "int, int", "boolean", PRUNE, "RETURN FOUND"),
  ...granting("prune_tasks(int, int)"),
];
