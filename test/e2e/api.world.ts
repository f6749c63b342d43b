/** The daemon, project and agents that the tests of the API share, and short words for what they do with them. */
import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Api, Json } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";

export let box: Box;
export let api: Api;

/** For `beforeAll`. */
export async function open(): Promise<void> {
  box = await makeBox({
    providers: {
      "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
      sh: { kind: "command", command: [process.execPath, join(FAKES, "command.ts")] },
      off: { kind: "command", command: ["/bin/true"], enabled: false },
    },
    limits: { maxAgents: 12 },
  });
  api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
}

/** After its death. */
export async function startAgain(): Promise<void> {
  api = await box.start();
}

export const list = (value: Json | undefined): Json[] => [...(value ?? [])];
export const strings = (items: readonly Json[], key: string): string[] => items.map((each) => String(each[key]));
/** JSON as plain values, for matching. */
export const plain = (value: unknown): Record<string, unknown> => value as Record<string, unknown>;
export const script = (...steps: unknown[]): string => `SCRIPT ${JSON.stringify(steps)}`;
export const gateAt = (name: string): { path: string; open(): void } => {
  const path = join(box.dir, `gate-${name}`);
  return { path, open: () => writeFileSync(path, "") };
};

export async function make(name: string, task?: string, more: Record<string, unknown> = {}): Promise<string> {
  await api.post("/projects/p/agents", {
    provider: "claude-code",
    name,
    ...(task === undefined ? {} : { task }),
    ...more,
  });
  return `/projects/p/agents/${name}`;
}
export const idle = (path: string): Promise<Json> => api.get(`${path}/wait?until=idle`);
export const remove = async (...paths: string[]): Promise<void> => {
  for (const path of paths) expect((await api.call("DELETE", path)).status).toBe(204);
};
