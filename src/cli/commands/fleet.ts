/** `fleet`: how this box stands in its fleet. `fleet migrate` makes its tables, without a daemon. */
import { loadHarnessConfig } from "../../config/harness.ts";
import { formatProblems } from "../../config/load.ts";
import { isObject } from "../../lib/check.ts";
import { systemClock } from "../../lib/clock.ts";
import { HarnessError, errorText } from "../../lib/errors.ts";
import { createLogger } from "../../lib/log.ts";
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import type { Context } from "../command.ts";
import { asJson, printJson } from "../print.ts";
import { printFacts } from "../table.ts";
import { given } from "../../lib/given.ts";

export async function run(context: Context): Promise<number> {
  const answer = await context.client().call("/api/v1/fleet");
  if (asJson(context, answer)) return EXIT.ok;
  const facts = isObject(answer) ? answer : {};
  const nodes = isObject(facts["nodes"]) ? facts["nodes"] : null;
  const why = isObject(facts["why"]) ? String(facts["why"]["message"]) : "";
  printFacts(context.io.out, [
    ["node", String(facts["node"])],
    ["in the fleet", facts["joined"] === true ? "yes" : `no: ${why}`],
    ["database", String(facts["database"])],
    ["schema", String(facts["schema"])],
    [
      "nodes",
      nodes === null ? "?" : ["live", "late", "lost"].map((reach) => `${String(nodes[reach])} ${reach}`).join(", "),
    ],
    ["waits for a person", facts["permissions"] === null ? "?" : String(facts["permissions"])],
    [
      "tasks",
      isObject(facts["tasks"])
        ? `${String(facts["tasks"]["queued"])} queued, ${String(facts["tasks"]["held"])} taken`
        : "?",
    ],
    ["mirror behind", facts["lag"] === null ? "?" : `${String(facts["lag"])} events`],
  ]);
  if (typeof facts["mirrorStopped"] === "string") context.io.warn(`the mirror has stopped: ${facts["mirrorStopped"]}`);
  return EXIT.ok;
}

export async function call(context: Context): Promise<number> {
  const [id = ""] = context.args.words;
  const answer = await context.client().call(`/api/v1/calls/${encodeURIComponent(id)}`);
  if (asJson(context, answer)) return EXIT.ok;
  const found = isObject(answer) && isObject(answer["call"]) ? answer["call"] : {};
  printFacts(
    context.io.out,
    ["node", "method", "path", "state", "status", "createdAt"].map((key) => [key, String(found[key] ?? "-")] as const),
  );
  if (found["answer"] !== undefined) printJson(context.io.out, found["answer"]);
  return EXIT.ok;
}

export async function migrate({ args, env, io }: Context): Promise<number> {
  const path = args.value("config");
  const loaded = loadHarnessConfig({ env, ...given({ path }) });
  if (!loaded.ok) throw usage(formatProblems(loaded.problems, loaded.source));
  const { fleet } = loaded.value;
  if (fleet === undefined) throw usage("the config has no fleet: set fleet.url, fleet.urlFile or AH_FLEET_URL");
  const [{ createDatabase }, { migrateFleet }] = await Promise.all([
    import("../../fleet/database.ts"),
    import("../../fleet/schema.ts"),
  ]);
  const silent = createLogger({ level: "error", write: () => undefined, clock: systemClock });
  const database = createDatabase({ config: fleet, clock: systemClock, log: silent, random: Math.random });
  try {
    const { from, to } = await migrateFleet(database, fleet.schema);
    if (args.has("json")) printJson(io.out, { schema: fleet.schema, from, to });
    else io.say(from === to ? `${fleet.schema} is up to date (${to})` : `${fleet.schema}: ${from} → ${to}`);
    return EXIT.ok;
  } catch (error) {
    throw new HarnessError("FLEET_AWAY", `the fleet's tables cannot be made: ${errorText(error)}`, { cause: error });
  } finally {
    await database.close();
  }
}
