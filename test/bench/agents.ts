/** The daemon with cheap agents: its config, and what a measurement does with it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Api } from "../support/api.ts";
import { createApi, eventually } from "../support/api.ts";
import type { Served, World } from "./world.ts";

export interface Harness {
  readonly api: Api;
  readonly served: Served;
}

export const PROJECT = "/projects/bench";
const AGENT = join(import.meta.dir, "agent.sh");

export function hasBash(): boolean {
  return Bun.which("bash") !== null;
}

/** Starts the compiled daemon on a state directory. `shell` runs the agents. */
export async function startHarness(
  world: World,
  stateDir: string,
  config: Record<string, unknown> = {},
  shell = "/bin/sh",
): Promise<Harness> {
  const file = join(stateDir, "harness.json");
  const providers = { bench: { kind: "claude-code", command: [shell, AGENT] } };
  writeFileSync(file, JSON.stringify({ port: 0, stateDir, logLevel: "error", providers, ...config }));
  const served = await world.serve([world.harness, "serve", "--config", file]);
  const api = createApi(served.url);
  await eventually("the daemon to be ready", async () => (await fetch(`${served.url}/readyz`)).status === 200);
  return { api, served };
}

export async function makeProject(api: Api, cwd: string): Promise<void> {
  await api.post("/projects", { name: "bench", cwd });
}

/** Makes agents that have done one turn and live on. */
export async function makeAgents(api: Api, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const { agent } = await api.post(`${PROJECT}/agents`, { provider: "bench", task: "begin" });
    ids.push(String(agent?.["id"]));
  }
  await Promise.all(ids.map((id) => api.get(`${PROJECT}/agents/${id}/wait?until=idle&timeout=60`)));
  return ids;
}

/** How many agents are so, as the list shows them. */
export async function countAgents(api: Api, key: string, value: string): Promise<number> {
  const { agents } = await api.get("/agents?limit=1000");
  return [...(agents ?? [])].filter((agent) => String(agent[key]) === value).length;
}

/** Ends every agent and the daemon. */
export async function endHarness({ api, served }: Harness): Promise<void> {
  const { agents } = await api.get("/agents?limit=1000");
  await Promise.all([...(agents ?? [])].map((agent) => api.call("DELETE", `${PROJECT}/agents/${agent["id"]}`)));
  await served.kill("SIGTERM");
}
