/**
 * Who may write what in the fleet's tables, as a step of the schema. Each node's rows are its role's: where every box
 * logs in as a role of its own, none can write as another, nor read what others ask each other; where all share one
 * role, all rows are everybody's. What one box does about another's rows (drain it, cancel its task, see that it is
 * lost) it does by functions of the owner, which do that and nothing else. The owner of the tables is not held by it.
 */

/** Of the nodes of who asks. A row without a role is taken by whoever joins as that node. */
const MINE = "(SELECT n.node_no FROM ~nodes n WHERE n.role IS NULL OR n.role = current_user)";

/** What a role with the right on the table sees and writes of its rows. */
const policies = (
  table: string,
  rules: { readonly sees: string; readonly writes: string; readonly checks?: string },
) => [
  `ALTER TABLE ~${table} ENABLE ROW LEVEL SECURITY`,
  `CREATE POLICY sees ON ~${table} FOR SELECT USING (${rules.sees})`,
  `CREATE POLICY adds ON ~${table} FOR INSERT WITH CHECK (${rules.checks ?? rules.writes})`,
  `CREATE POLICY changes ON ~${table} FOR UPDATE USING (${rules.writes}) WITH CHECK (${rules.checks ?? rules.writes})`,
  `CREATE POLICY removes ON ~${table} FOR DELETE USING (${rules.writes})`,
];

const OWN = { sees: "true", writes: `node_no IN ${MINE}` };
const BETWEEN = `node_no IN ${MINE} OR asker IN ${MINE}`;
const OF_A_CALL = "EXISTS (SELECT 1 FROM ~calls c WHERE c.id = call)"; // of those that who asks may see
const NOBODY_ELSES = `claimed_by IS NULL OR claimed_by IN ${MINE}`;

/** Led by no search path: a function of the owner must not be made to touch another's tables. */
export const deed = (name: string, takes: string, gives: string, ...steps: readonly string[]) => [
  `CREATE OR REPLACE FUNCTION ~${name}(${takes}) RETURNS ${gives} LANGUAGE plpgsql SECURITY DEFINER
   SET search_path = pg_catalog, pg_temp AS $body$ BEGIN ${steps.map((step) => `${step};`).join("\n")} END $body$`,
  `REVOKE ALL ON FUNCTION ~${name} FROM PUBLIC`,
];

/** A node that was not heard of for so long has run nothing of what it only claimed; what began is never handed on. */
export const REQUEUE = `
  UPDATE ~tasks t SET state = 'queued', claim = claim + 1, claimed_by = NULL, session = NULL
  FROM ~heartbeats h, ~meta m
  WHERE t.state = 'claimed' AND h.node_no = t.claimed_by AND t.claimed_at < clock_timestamp() - m.lost_ms * interval '1 ms'
    AND (h.session <> t.session OR h.seen_at < clock_timestamp() - m.lost_ms * interval '1 ms')`;

export const EXPIRE = `
  UPDATE ~tasks SET state = 'failed', error = 'nobody had room for it in time (queueTtlMs)', ended_at = clock_timestamp()
  WHERE state = 'queued' AND expires_at < clock_timestamp()`;

/** Not begun: it is over at once. Else whoever runs it is asked to end it. */
const CANCEL = `
  UPDATE ~tasks SET state = CASE WHEN state IN ('queued', 'claimed') THEN 'cancelled' ELSE state END, cancel = true,
    ended_at = CASE WHEN state IN ('queued', 'claimed') THEN clock_timestamp() ELSE ended_at END
  WHERE id = $1 AND state IN ('queued', 'claimed', 'starting', 'started')`;

/** A person says that whoever has it is gone. It may run twice when that one comes back. */
const REASSIGN = `
  UPDATE ~tasks SET state = 'queued', claim = claim + 1, claimed_by = NULL, session = NULL, agent = NULL,
    started_at = NULL, cancel = false
  WHERE id = $1 AND state IN ('claimed', 'starting', 'started')`;

/** By `now()`: no index can find what is older than a moment that moves while it is looked for. */
const TIDY_ANSWERS =
  "DELETE FROM ~call_answers a USING ~calls c WHERE c.id = a.call AND c.done_at < now() - interval '10 minutes'";

/** Nobody carries it out any more. */
const TIDY_BODIES = `
  DELETE FROM ~call_bodies b USING ~calls c
  WHERE c.id = b.call AND c.state IN ('queued', 'claimed') AND c.expires_at < now() - interval '10 minutes'`;

/** After what a person may still ask about. */
const TIDY_CALLS = `
  DELETE FROM ~calls WHERE created_at < now() - interval '1 day' AND expires_at < now()
    AND (state <> 'claimed' OR created_at < now() - interval '30 days')`;

/** Only one that is lost: its name is free. */
const REMOVE = `
  UPDATE ~nodes n SET deleted_at = clock_timestamp() FROM ~heartbeats h, ~meta m
  WHERE n.node_no = $1 AND h.node_no = n.node_no AND n.deleted_at IS NULL
    AND h.seen_at < clock_timestamp() - m.lost_ms * interval '1 ms'`;

/** Of another cluster, where numbers of transactions were higher: they lie before everything that comes. */
const OLD_NUMBERS = `
  UPDATE ~events SET xid = '3' WHERE (node_no, epoch, id, day) IN (
    SELECT node_no, epoch, id, day FROM ~events WHERE xid >= pg_snapshot_xmax(pg_current_snapshot()) LIMIT 20000)`;
const GENERATION = "UPDATE ~meta SET generation = gen_random_uuid()::text";

const MIRRORED = ["agents", "permissions", "messages", "events", "cursors"] as const;
const DRAIN = "UPDATE ~nodes SET draining = $2 WHERE node_no = $1";
const TELL = "UPDATE ~nodes SET told_lost = $2 WHERE node_no = $1";

const FIRST_DEEDS = [
  "drain_node(int, boolean)",
  "remove_node(int)",
  "tell_loss(int, text)",
  "tidy_tasks()",
  "cancel_task(text)",
  "reassign_task(text)",
  "tidy_calls()",
  "renumber()",
] as const;

/** Of all steps together. */
export const DEEDS = [
  ...FIRST_DEEDS,
  "reassert_task(text, int, int, text, text, text, text)",
  "prune_tasks(int, int)",
  "supersede_task(text, int, int, text, text)",
] as const;

/** Whoever could write before can go on. */
export const granting = (...deeds: readonly string[]): readonly string[] => [
  `DO $body$ DECLARE who text; BEGIN
     FOR who IN SELECT DISTINCT a.grantee::regrole::text FROM pg_class c, aclexplode(c.relacl) a
       WHERE c.oid = '~tasks'::regclass AND a.privilege_type = 'INSERT' AND a.grantee <> 0 AND a.grantee <> c.relowner LOOP
       EXECUTE 'GRANT EXECUTE ON FUNCTION ${deeds.map((each) => `~${each}`).join(", ")} TO ' || who;
     END LOOP; END $body$`,
];

export const ROLE_STEP: readonly string[] = [
  "ALTER TABLE ~nodes ADD COLUMN role text",
  "ALTER TABLE ~nodes ALTER COLUMN role SET DEFAULT current_user",
  ...policies("nodes", {
    sees: "true",
    writes: "role IS NULL OR role = current_user",
    checks: "role = current_user",
  }),
  ...["heartbeats", "cursors", "events", "agents", "permissions", "messages"].flatMap((table) => policies(table, OWN)),
  // A partition by its own name is nobody's: only through the whole do the rules above hold.
  "ALTER TABLE ~events_rest ENABLE ROW LEVEL SECURITY",
  `DO $body$ DECLARE part regclass; BEGIN
     FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = '~events'::regclass LOOP
       EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', part);
     END LOOP; END $body$`,
  ...policies("calls", { sees: BETWEEN, writes: BETWEEN, checks: BETWEEN }),
  ...policies("call_bodies", { sees: OF_A_CALL, writes: OF_A_CALL }),
  ...policies("call_answers", { sees: OF_A_CALL, writes: OF_A_CALL }),
  ...policies("tasks", { sees: "true", writes: NOBODY_ELSES }),
  ...policies("task_keys", { sees: "true", writes: "true" }),
  ...deed("drain_node", "int, boolean", "void", DRAIN),
  ...deed(
    "remove_node",
    "int",
    "boolean",
    REMOVE,
    "IF NOT FOUND THEN RETURN false; END IF",
    ...MIRRORED.map((table) => `DELETE FROM ~${table} WHERE node_no = $1`),
    "RETURN true",
  ),
  ...deed("tell_loss", "int, text", "void", TELL),
  ...deed("tidy_tasks", "", "void", REQUEUE, EXPIRE),
  ...deed("cancel_task", "text", "void", CANCEL),
  ...deed("reassign_task", "text", "boolean", REASSIGN, "RETURN FOUND"),
  ...deed("tidy_calls", "", "void", TIDY_ANSWERS, TIDY_CALLS),
  // true: there may be more. Cursors of before are good for nothing when the last is done.
  ...deed(
    "renumber",
    "",
    "boolean",
    "IF NOT EXISTS (SELECT 1 FROM ~events WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())) THEN RETURN false; END IF",
    OLD_NUMBERS,
    GENERATION,
    "RETURN true",
  ),
  ...granting(...FIRST_DEEDS),
];

/** What was asked and never begun goes, too. */
export const BODIES_STEP: readonly string[] = deed(
  "tidy_calls",
  "",
  "void",
  TIDY_ANSWERS,
  TIDY_BODIES,
  TIDY_CALLS,
).slice(0, 1);
