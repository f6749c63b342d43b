/** The fleet, where one is configured: does its database answer, are its tables as we know them, what may our role. */
import type { FleetConfig } from "../../config/fleet.ts";
import type { HarnessConfig } from "../../config/harness.ts";
import { systemClock } from "../../lib/clock.ts";
import { errorText } from "../../lib/errors.ts";
import { createLogger } from "../../lib/log.ts";
import type { Rights } from "../../fleet/rights.ts";
import { duration } from "../figures.ts";
import type { Check } from "./check.ts";
import { fail, ok, warn } from "./check.ts";

const CLOCK_MS = 60_000;

export async function checkFleet({ fleet }: HarnessConfig): Promise<readonly Check[]> {
  if (fleet === undefined) return [];
  const [{ createDatabase }, { SCHEMA, readMeta }, { mayUse, rightsOf }, { keyId }] = await Promise.all([
    import("../../fleet/database.ts"),
    import("../../fleet/schema.ts"),
    import("../../fleet/rights.ts"),
    import("../../fleet/lockbox.ts"),
  ]);
  const silent = createLogger({ level: "error", write: () => undefined, clock: systemClock });
  const database = createDatabase({ config: fleet, clock: systemClock, log: silent, random: Math.random });
  const checks: Check[] = [];
  const [seals, ...older] = fleet.keys.map(keyId);
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
    checks.push(
      seals === undefined
        ? ok("fleet key", "none (fleet.keyFile): tasks with env or a webhook's token are refused here")
        : ok("fleet key", [`seals with ${seals}`, ...older.map((each) => `opens ${each}`)].join(", ")),
    );
    if (!(await mayUse(database.ask, fleet.schema)).good)
      return [...checks, ...aboutRights(await rightsOf(database.ask, fleet.schema), fleet)];
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
    checks.push(...aboutRights(await rightsOf(database.ask, fleet.schema), fleet));
  } catch (error) {
    checks.push(fail("fleet", errorText(error), "start the database, or mend fleet.url"));
  } finally {
    await database.close();
  }
  return checks;
}

const SHOWN = 6;

function aboutRights({ role, missing, unbound, nodes }: Rights, { schema, roles }: FleetConfig): readonly Check[] {
  const name = "fleet rights";
  const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : "";
  if (missing.length > 0)
    return [
      fail(
        name,
        `${role} lacks in ${schema}: ${missing.slice(0, SHOWN).join(", ")}${more}`,
        "GRANT them (README, A fleet)",
      ),
    ];
  if (roles === "shared") return [ok(name, unbound ? `${role}, as the tables' owner` : role)];
  if (unbound)
    return [
      fail(name, `${role} may write as any node`, "log in as a role of its own that owns nothing (README, A fleet)"),
    ];
  if (nodes > 1)
    return [fail(name, `${nodes} nodes log in as ${role}`, "give each box a role of its own (README, A fleet)")];
  return [ok(name, `${role}, for this node alone`)];
}
