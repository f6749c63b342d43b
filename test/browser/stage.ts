/** A daemon with fake agents for the browser tests, and what they say in a line. */
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import type { ScriptStep } from "../fakes/script-steps.ts";

export interface Stage {
  readonly box: Box;
  /** Address of the page. */
  url(): string;
  project(name: string): Promise<void>;
  /** The id of a new agent of the fake Claude Code. */
  agent(project: string, name: string, steps: readonly ScriptStep[] | string | null): Promise<string>;
  get(project: string, agent: string): Promise<Json>;
  status(project: string, agent: string, status: string): Promise<void>;
  close(): Promise<void>;
}

export const script = (...steps: readonly ScriptStep[]): string => `SCRIPT ${JSON.stringify(steps)}`;

export async function openStage(
  config: Record<string, unknown> = {},
  { env = {}, token }: { env?: Record<string, string>; token?: string } = {},
): Promise<Stage> {
  const box = await makeBox(
    {
      providers: {
        "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
        codex: { enabled: false },
        opencode: { enabled: false },
        pi: { enabled: false },
      },
      ...config,
    },
    env,
    token,
  );
  await box.start();
  return {
    box,
    url: () => `${box.api().url}/inspect`,
    async project(name) {
      const cwd = join(box.cwd, name);
      await Bun.write(join(cwd, "README.md"), `# ${name}\n`);
      await box.api().post("/projects", { name, cwd });
    },
    async agent(project, name, task) {
      const text = typeof task === "string" ? task : task === null ? null : script(...task);
      const { agent } = await box.api().post(`/projects/${project}/agents`, {
        provider: "claude-code",
        name,
        ...(text === null ? {} : { task: text }),
      });
      return String(agent?.["id"]);
    },
    async get(project, agent) {
      const { agent: found } = await box.api().get(`/projects/${project}/agents/${agent}`);
      if (found === undefined) throw new Error(`no agent ${agent}`);
      return found;
    },
    async status(project, agent, status) {
      await eventually(`${agent} to be ${status}`, async () => {
        const { agent: found } = await box.api().get(`/projects/${project}/agents/${agent}`);
        return String(found?.["status"]) === status;
      });
    },
    close: () => box.close(),
  };
}
