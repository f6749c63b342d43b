/** A daemon whose agents are shell scripts in folders of their own, and a project that is a repository. */
import { join } from "node:path";
import type { Clock } from "../../src/lib/clock.ts";
import type { Api, Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { TestDaemon } from "../support/daemon.ts";
import { testDaemon } from "../support/daemon.ts";
import { repository } from "../unit/workspaces/ground.ts";

export interface World {
  readonly daemon: TestDaemon;
  readonly cwd: string;
  api(): Api;
  /** Makes an agent with a script as its first task, and waits for the end of it. */
  agent(script: string, more?: Record<string, unknown>): Promise<Worker>;
  /** The agents that there are, with their paths. */
  worker(id: string): Worker;
}

export interface Worker {
  readonly id: string;
  readonly path: string;
  /** Its own folder. */
  readonly folder: string;
  /** One more script; waits for the end of it. */
  does(script: string): Promise<Json>;
  rested(): Promise<Json>;
}

export async function world(
  config: Record<string, unknown> = {},
  {
    project = {},
    files = { a: "1\n", b: "2\n" },
  }: { project?: Record<string, unknown>; files?: Record<string, string> } = {},
  clock?: Clock,
): Promise<World> {
  const providers = { sh: { kind: "command", command: ["/bin/sh"] } };
  const daemon = await testDaemon({ providers, ...config }, {}, clock);
  repository(daemon.cwd, files);
  await daemon.api().post("/projects", { name: "p", cwd: daemon.cwd, ...project });
  const worker = (id: string): Worker => {
    const path = `/projects/p/agents/${id}`;
    const rested = async (): Promise<Json> => {
      for (let tries = 0; tries < 4; tries++) {
        const { agent, reached } = await daemon.api().get(`${path}/wait?timeout=30`);
        if (agent === undefined || String(reached) !== "true") continue;
        await kept(daemon.api(), path);
        return agent;
      }
      throw new Error(`${id} does not come to rest`);
    };
    return {
      id,
      path,
      folder: join(daemon.dir, "state", "workspaces", "p", id),
      rested,
      async does(script) {
        await daemon.api().post(`${path}/input`, { text: script });
        return rested();
      },
    };
  };
  return {
    daemon,
    cwd: daemon.cwd,
    api: () => daemon.api(),
    worker,
    async agent(script, more = { workspace: { kind: "worktree" } }) {
      const { agent } = await daemon.api().post("/projects/p/agents", { provider: "sh", task: script, ...more });
      const made = worker(String(agent?.["id"]));
      await made.rested();
      return made;
    },
  };
}

/** What its last turn left is kept, also where that takes longer than the end of a turn waits for it. */
export const kept = (api: Api, path: string): Promise<true> =>
  eventually(
    "its work to be kept",
    async () => (await api.call("GET", `${path}/changes`)).body["pending"] === undefined,
    60_000,
  );

/** `git commit` as an agent does it, whatever the box's config. */
export const COMMIT = "git add -A && git -c user.name=agent -c user.email=agent@localhost commit -qm";
