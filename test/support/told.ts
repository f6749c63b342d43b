/** Agents of a compiled daemon together with what their receiver was told about them. */
import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "./api.ts";
import { eventually } from "./api.ts";
import type { Box } from "./binary.ts";
import type { Hook, Seen } from "./hook.ts";

export type Script = string | readonly Record<string, unknown>[];

export interface ToldAgent {
  readonly id: string;
  readonly path: string;
  send(task: Script, more?: Record<string, unknown>): Promise<Json>;
  reaches(...statuses: string[]): Promise<Json>;
  permissions(): Promise<Json[]>;
  /** Its rows in the outbox, oldest first. */
  deliveries(): Promise<Json[]>;
  /** The stored notices, oldest first, once each of them has arrived; nothing else may have. */
  notices(): Promise<Seen[]>;
}

export const scriptText = (task: Script): string =>
  typeof task === "string" ? task : `SCRIPT ${JSON.stringify(task)}`;

export async function makeAgent(
  box: Box,
  hook: Hook,
  project: string,
  task: Script | null,
  more: Record<string, unknown> = {},
): Promise<ToldAgent> {
  const first = task === null ? {} : { task: scriptText(task) };
  const made = await box.api().post(`/projects/${project}/agents`, { provider: "claude-code", ...first, ...more });
  const id = String(made["agent"]?.["id"]);
  const path = `/projects/${project}/agents/${id}`;
  const deliveries = async (): Promise<Json[]> => {
    const listed = await box.api().get("/deliveries?limit=1000");
    return [...(listed["deliveries"] ?? [])].filter((each) => String(each["agentId"]) === id).reverse();
  };
  return {
    id,
    path,
    deliveries,
    send: (next, extra = {}) => box.api().post(`${path}/input`, { text: scriptText(next), ...extra }),
    async reaches(...statuses) {
      const answer = await box.api().get(`${path}/wait?until=${statuses.join(",")}&timeout=20`);
      if ((answer["reached"] as unknown) === true) return answer["agent"] as Json;
      throw new Error(`${JSON.stringify(answer)} ${JSON.stringify(await box.api().get(`${path}/debug`))}`);
    },
    permissions: async () => [...((await box.api().get(`${path}/permissions`))["permissions"] ?? [])],
    async notices() {
      const ids = (await deliveries()).map((each) => String(each["id"]));
      const arrived = (each: string): boolean => hook.seen.some((seen) => seen.id === each);
      await eventually(`${ids.length} notices of ${id}`, () => ids.every(arrived));
      const seen = hook.of(id);
      // What has arrived meanwhile is stored, too, behind those.
      const now = seen.length === ids.length ? ids : (await deliveries()).map((each) => String(each["id"]));
      expect(seen.map((each) => each.id)).toEqual(now.slice(0, Math.max(seen.length, ids.length)));
      return seen;
    },
  };
}

export const eventsOf = (notices: readonly Seen[]): string[] => notices.map((each) => String(each.body["event"]));

let gates = 0;

/** A file that holds a script back until it is opened. */
export function makeGate(box: Box): { path: string; open(): void } {
  const path = join(box.dir, `gate-${(gates += 1)}`);
  return { path, open: () => writeFileSync(path, "") };
}
