/** What a box says of a task that it began and that others have by now, in the schema. */
import { deed, granting } from "./roles.ts";

/** By the claim that it was begun under: said twice it stands once. Only for a node of who asks. */
const SUPERSEDE = `
  UPDATE ~tasks SET superseded = superseded || jsonb_build_object($2::text, jsonb_build_object(
    'node', (SELECT n.name FROM ~nodes n WHERE n.node_no = $3), 'agent', $4::text, 'outcome', $5::text))
  WHERE id = $1 AND (claim > $2::int OR claim = $2::int AND claimed_by <> $3) AND EXISTS (
    SELECT 1 FROM ~nodes n WHERE n.node_no = $3 AND (n.role IS NULL OR n.role = session_user))`;

export const SUPERSEDED_STEP: readonly string[] = [
  "ALTER TABLE ~tasks ADD COLUMN superseded jsonb NOT NULL DEFAULT '{}'",
  ...deed("supersede_task", "text, int, int, text, text", "void", SUPERSEDE),
  ...granting("supersede_task(text, int, int, text, text)"),
];
