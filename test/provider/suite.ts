/**
 * One suite for every provider: what the API promises about an agent, whatever program is behind it. The program is a
 * scripted fake in the provider's real wire shapes; the daemon, its processes, FIFOs and store are the real ones.
 */
import { afterAll, beforeAll, describe, setDefaultTimeout } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import { storedEvents } from "../support/events.ts";
import type { TestDaemon } from "../support/daemon.ts";
import { testDaemon } from "../support/daemon.ts";
import type { Abilities } from "./abilities.ts";
import { budgetCases } from "./suite-budget.ts";
import { conversationCases } from "./suite-conversation.ts";
import { deliveryCases } from "./suite-delivery.ts";
import { failureCases } from "./suite-failures.ts";
import { limitCases } from "./suite-limits.ts";
import { permissionCases } from "./suite-permissions.ts";
import { upgradeCases } from "./suite-upgrade.ts";
import { usageCases } from "./suite-usage.ts";

export interface UnderTest {
  /** Also the provider's name in the config. */
  readonly name: string;
  readonly settings: Record<string, unknown>;
  readonly can: Abilities;
  /** Environment of the daemon (what the provider's passEnv lets through). */
  readonly env?: Record<string, string>;
}

export interface Case {
  readonly daemon: () => TestDaemon;
  readonly under: UnderTest;
  /** Makes an agent with this script (or plain text) as its task; returns its path. */
  start(task: Script, more?: Record<string, unknown>): Promise<Agent>;
  /** A file that holds a script back until it is opened. */
  gate(): Gate;
}

export type Script = string | readonly Record<string, unknown>[];

export interface Gate {
  readonly path: string;
  open(): void;
}

export interface Agent {
  readonly path: string;
  readonly id: string;
  view(): Promise<Json>;
  send(task: Script, more?: Record<string, unknown>): Promise<Json>;
  /** Waits until the agent has one of these statuses. */
  reaches(...statuses: string[]): Promise<Json>;
  /** Waits for the end of a turn by its number. */
  turnEnds(n: number): Promise<Json>;
  /** What the agent itself said, message by message. */
  said(): Promise<string[]>;
  messages(): Promise<Json[]>;
  permissions(state?: string): Promise<Json[]>;
  answer(id: string, body: Record<string, unknown>): Promise<{ status: number; body: Json }>;
  events(type?: string): Promise<Json[]>;
}

export function scriptText(task: Script): string {
  return typeof task === "string" ? task : `SCRIPT ${JSON.stringify(task)}`;
}

setDefaultTimeout(40_000);

export function providerSuite(under: UnderTest): void {
  describe(`provider ${under.name}`, () => {
    let daemon: TestDaemon;
    let gates = 0;
    beforeAll(async () => {
      daemon = await testDaemon({ providers: { [under.name]: under.settings } }, under.env);
      await daemon.api().post("/projects", { name: "p", cwd: daemon.cwd });
    });
    afterAll(() => daemon.close());

    const context: Case = {
      daemon: () => daemon,
      under,
      gate() {
        gates += 1;
        const path = join(daemon.dir, `gate-${gates}`);
        return { path, open: () => writeFileSync(path, "") };
      },
      async start(task, more = {}) {
        const made = await daemon
          .api()
          .post("/projects/p/agents", { provider: under.name, task: scriptText(task), ...more });
        return agentAt(() => daemon, String(made["agent"]?.["id"]));
      },
    };

    conversationCases(context);
    permissionCases(context);
    failureCases(context);
    deliveryCases(context);
    upgradeCases(context);
    usageCases(context);
    limitCases(context);
    budgetCases(context);
  });
}

export function agentAt(daemon: () => TestDaemon, id: string): Agent {
  const path = `/projects/p/agents/${id}`;
  const api = () => daemon().api();
  const self: Agent = {
    path,
    id,
    view: async () => (await api().get(path))["agent"] as Json,
    send: async (task, more = {}) => api().post(`${path}/input`, { text: scriptText(task), ...more }),
    async reaches(...statuses) {
      const body = await api().get(`${path}/wait?until=${statuses.join(",")}&timeout=30`);
      if ((body["reached"] as unknown) !== true) {
        const debug = await api().get(`${path}/debug`);
        throw new Error(
          `the agent is ${body["agent"]?.["status"]}, not ${statuses.join(" or ")}: ${JSON.stringify(body)}\n${JSON.stringify(debug, null, 1)}`,
        );
      }
      return body["agent"] as Json;
    },
    async turnEnds(n) {
      return eventually(`turn ${n} of ${id} to end`, async () => {
        const ended = await self.events("turn_ended");
        return ended.map((each) => each["data"]?.["turn"] as Json).find((turn) => String(turn["id"]) === `${id}-${n}`);
      });
    },
    async said() {
      const all = await self.messages();
      return all
        .filter(
          (each) =>
            String(each["role"]) === "assistant" && each["subagent"] === undefined && String(each["text"]) !== "",
        )
        .map((each) => String(each["text"]));
    },
    messages: async () => [...((await api().get(`${path}/messages?limit=1000&after=0`))["messages"] as Json)],
    permissions: async (state) => [
      ...((await api().get(`${path}/permissions${state === undefined ? "" : `?state=${state}`}`))[
        "permissions"
      ] as Json),
    ],
    answer: (pid, body) => api().call("POST", `${path}/permissions/${pid}`, body),
    async events(type) {
      const all = await storedEvents(api(), path);
      return type === undefined ? all : all.filter((each) => String(each["type"]) === type);
    },
  };
  return self;
}
