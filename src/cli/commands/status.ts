/** `status`: the state of the box at a glance. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { asJson } from "../print.ts";
import { printFacts } from "../table.ts";
import { duration } from "../figures.ts";

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

export async function run(context: Context): Promise<number> {
  const client = context.client();
  const answer = await client.call("/api/v1/status");
  // The daemon checked the shape when it made it.
  if (!asJson(context, answer)) printFacts(context.io.out, factsOf(answer as Overview, client.where, Date.now()));
  return EXIT.ok;
}

function factsOf(
  { version, uptime, projects, agents, oldestPermission, providers, deliveries }: Overview,
  url: string,
  now: number,
): readonly (readonly [string, string])[] {
  const counts = Object.entries(agents)
    .filter(([name]) => name !== "total")
    .map(([name, n]) => `${n} ${name}`);
  const waiting =
    oldestPermission === null
      ? "none"
      : `${oldestPermission.project}/${oldestPermission.agent}: ${oldestPermission.title} (${duration(now - Date.parse(oldestPermission.createdAt))})`;
  return [
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
  ];
}
