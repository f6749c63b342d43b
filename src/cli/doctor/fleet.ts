/** The fleet, where one is configured: does its database answer, are its tables as we know them, may we write. */
import type { HarnessConfig } from "../../config/harness.ts";
import { systemClock } from "../../lib/clock.ts";
import { errorText } from "../../lib/errors.ts";
import { createLogger } from "../../lib/log.ts";
import { duration } from "../figures.ts";
import type { Check } from "./check.ts";
import { fail, ok, warn } from "./check.ts";

const CLOCK_MS = 60_000;

export async function checkFleet({ fleet }: HarnessConfig): Promise<readonly Check[]> {
  if (fleet === undefined) return [];
  const [{ createDatabase }, { SCHEMA, readMeta }] = await Promise.all([
    import("../../fleet/database.ts"),
    import("../../fleet/schema.ts"),
  ]);
  const silent = createLogger({ level: "error", write: () => undefined, clock: systemClock });
  const database = createDatabase({ config: fleet, clock: systemClock, log: silent, random: Math.random });
  const checks: Check[] = [];
  try {
    const [server] = await database.ask(
      "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS num, clock_timestamp() AS now, current_user AS role",
    );
    const now = server?.["now"];
    const off = now instanceof Date ? Math.abs(Date.now() - now.getTime()) : 0;
    const version = String(server?.["version"]);
    checks.push(
      Number(server?.["num"]) >= 130_000
        ? ok("fleet", `PostgreSQL ${version}`)
        : fail("fleet", `PostgreSQL ${version}`, "use 13 or newer"),
      // Nothing depends on it: every time of a fleet is the database's.
      off > CLOCK_MS ? ok("fleet clock", `${duration(off)} apart; no harm`) : ok("fleet clock", "agrees with ours"),
    );
    const meta = await readMeta(database.ask, fleet.schema);
    if (meta === null || meta.schema < SCHEMA) {
      const stands = meta === null ? "there are no tables yet" : `tables of version ${meta.schema}, we need ${SCHEMA}`;
      checks.push(warn("fleet tables", stands, "agent-harness fleet migrate, as their owner"));
      return checks;
    }
    checks.push(
      meta.minReader > SCHEMA
        ? fail("fleet tables", `they want programs that know version ${meta.minReader}`, "install the newer program")
        : ok("fleet tables", `${fleet.schema}, version ${meta.schema}`),
    );
    const [rights] = await database.ask(
      "SELECT bool_and(has_table_privilege(c.oid, 'INSERT,UPDATE,DELETE')) AS good FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relname <> 'meta'",
      fleet.schema,
    );
    const role = String(server?.["role"]);
    checks.push(
      rights?.["good"] === true
        ? ok("fleet rights", role)
        : fail("fleet rights", `${role} may not write all tables of ${fleet.schema}`, "GRANT them (README, A fleet)"),
    );
  } catch (error) {
    checks.push(fail("fleet", errorText(error), "start the database, or mend fleet.url"));
  } finally {
    await database.close();
  }
  return checks;
}
