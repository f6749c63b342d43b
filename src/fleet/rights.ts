/** What the role of this box may do in the fleet's tables, and what it lacks: asked of the database, guessed never. */
import type { Ask } from "./database.ts";
import { DEEDS } from "./roles.ts";
import { textArray } from "./registry.ts";
import { numberOf, textOf } from "./values.ts";

export interface Rights {
  readonly role: string;
  /** Each with what it is on, as a GRANT names it. */
  readonly missing: readonly string[];
  /** The rules about rows do not hold it: it owns the tables, or is above them. */
  readonly unbound: boolean;
  /** Nodes that log in as the same role. */
  readonly nodes: number;
}

/** What is asked of a row that is filtered out may be asked all the same: hence the CASE. */
const MISSING = `
  SELECT what FROM (
    SELECT 'USAGE on schema ' || $1::text AS what, has_schema_privilege($1::text, 'USAGE') AS good
    UNION ALL SELECT 'SELECT on meta', has_table_privilege('~meta', 'SELECT')
    UNION ALL SELECT p || ' on ' || c.relname, has_table_privilege(c.oid, p)
      FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p
      WHERE c.relnamespace = to_regnamespace($1::text) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'meta'
    UNION ALL SELECT 'USAGE on sequence ' || c.relname, CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'USAGE') END
      FROM pg_class c WHERE c.relnamespace = to_regnamespace($1::text) AND c.relkind = 'S'
    UNION ALL SELECT 'EXECUTE on function ' || d, has_function_privilege($1::text || '.' || d, 'EXECUTE')
      FROM unnest($2::text[]) d) needed
  WHERE NOT good ORDER BY what`;

const ROLE = `
  SELECT current_user AS role, (SELECT count(*) FROM ~nodes n WHERE n.role = current_user AND n.deleted_at IS NULL) AS nodes,
    (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.rolname = current_user)
      OR pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = '~nodes'::regclass), 'USAGE') AS unbound`;

/** Without it nothing else can be asked, not even whether there are tables. A schema that is not there is in no way. */
export async function mayUse(ask: Ask, schema: string): Promise<{ readonly role: string; readonly good: boolean }> {
  const [row] = await ask(
    `SELECT current_user AS role,
       CASE WHEN to_regnamespace($1::text) IS NULL THEN true ELSE has_schema_privilege($1::text, 'USAGE') END AS good`,
    schema,
  );
  return { role: textOf(row, "role"), good: row?.["good"] === true };
}

/** The tables are there. */
export async function rightsOf(ask: Ask, schema: string): Promise<Rights> {
  const { role, good } = await mayUse(ask, schema);
  const nothing = { role, unbound: false, nodes: 0 };
  if (!good) return { ...nothing, missing: [`USAGE on schema ${schema}`] };
  const missing = (await ask(MISSING, schema, textArray(DEEDS))).map((row) => textOf(row, "what"));
  if (missing.some((each) => each.endsWith(" on nodes"))) return { ...nothing, missing };
  const [row] = await ask(ROLE);
  return { role, missing, unbound: row?.["unbound"] === true, nodes: numberOf(row, "nodes") };
}
