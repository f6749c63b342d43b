/** `status`: the state of the box at a glance. Exit 0 running, 3 not running, 7 not authorised. */
import { HarnessError } from "../lib/errors.ts";
import { parseArgs } from "./args.ts";
import { createClient } from "./client.ts";
import { EXIT } from "./exit.ts";
import type { Environment } from "./main.ts";
import { duration, table } from "./print.ts";

interface Overview {
  readonly version: string;
  readonly uptime: number;
  readonly projects: number;
  readonly agents: Readonly<Record<string, number>>;
  readonly oldestPermission: {
    readonly project: string;
    readonly agent: string;
    readonly title: string;
    readonly createdAt: string;
  } | null;
  readonly providers: readonly {
    readonly name: string;
    readonly available: boolean;
    readonly version: string | null;
    readonly reason: string | null;
  }[];
  readonly deliveries: Readonly<Record<string, number>>;
}

export async function status(argv: readonly string[], env: Environment): Promise<number> {
  const args = parseArgs(argv, { json: "flag", url: "value", config: "value" });
  const client = createClient(args, env);
  try {
    // The daemon checked the shape when it made it.
    const overview = (await client.get("/api/v1/status")) as Overview;
    console.log(args.flags.has("json") ? JSON.stringify(overview, null, 2) : render(overview, client.url, Date.now()));
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    if (error.code === "UNREACHABLE") return fail(args.flags.has("json"), error, EXIT.unreachable);
    if (error.code === "UNAUTHORIZED") return fail(args.flags.has("json"), error, EXIT.unauthorized);
    throw error;
  }
}

function fail(asJson: boolean, error: HarnessError, code: number): number {
  if (asJson) console.log(JSON.stringify({ error: error.code, message: error.message }));
  console.error(`agent-harness: ${error.message}`);
  return code;
}

function render(
  { version, uptime, projects, agents, oldestPermission, providers, deliveries }: Overview,
  url: string,
  now: number,
): string {
  const counts = Object.entries(agents)
    .filter(([name]) => name !== "total")
    .map(([name, n]) => `${n} ${name}`);
  const waiting =
    oldestPermission === null
      ? "none"
      : `${oldestPermission.project}/${oldestPermission.agent}: ${oldestPermission.title} (${duration(now - Date.parse(oldestPermission.createdAt))})`;
  return table([
    ["daemon", `${version} at ${url}, up ${duration(uptime * 1000)}`],
    ["projects", String(projects)],
    ["agents", `${agents["total"] ?? 0}${counts.length === 0 ? "" : ` (${counts.join(", ")})`}`],
    ["waits longest", waiting],
    ["webhooks", `${deliveries["pending"] ?? 0} on their way, ${deliveries["dead"] ?? 0} dead`],
    ...providers.map(
      (each) =>
        [
          `provider ${each.name}`,
          each.available ? `ready${each.version === null ? "" : ` (${each.version})`}` : `no: ${each.reason ?? "?"}`,
        ] as const,
    ),
  ]);
}
