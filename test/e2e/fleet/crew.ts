/**
 * A fleet under fault: an asker that takes nothing from the pool, and compiled boxes whose agents write down themselves
 * that they ran. What a box promised without a fleet can be asked of each at any moment.
 */
import { expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import type { Box } from "../../support/binary.ts";
import { makeBox } from "../../support/binary.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { findings } from "./checker.ts";

export interface Crew {
  readonly fleet: TestFleet;
  readonly asker: TestDaemon;
  readonly boxes: Readonly<Record<string, Box>>;
  box(name: string): Box;
  /** Puts a task into the pool. Its word is what its agent writes down. */
  put(more?: Record<string, unknown>): Promise<PutTask>;
  ends(id: string, state?: string): Promise<Json>;
  /** Each is done, and its agent wrote its word down once. */
  ranOnce(tasks: readonly PutTask[]): Promise<void>;
  times(word: string): number;
  /** These are nodes that live and have the project. */
  lives(...names: string[]): Promise<unknown>;
  /** Makes agents of the box's own and hears them out: the fleet has no part in it. Gives how long the slowest took. */
  ownAgents(name: string, count: number, bytes?: number): Promise<number>;
  /** What the independent checker finds is nothing. */
  allIsWell(): Promise<void>;
  close(): Promise<void>;
}

export interface PutTask {
  readonly id: string;
  readonly word: string;
}

export interface CrewBox {
  readonly url: string;
  readonly fleet?: Readonly<Record<string, unknown>>;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Beside those that every box has. */
  readonly providers?: Readonly<Record<string, unknown>>;
  readonly binary?: string;
  readonly token?: string;
}

/** `members`: the boxes by name, each with its own way to the database. */
export async function makeCrew(postgres: Postgres, members: Readonly<Record<string, CrewBox>>): Promise<Crew> {
  const dir = mkdtempSync(join(tmpdir(), "ah-crew-"));
  const journal = join(dir, "journal");
  writeFileSync(journal, "");
  const fleet = await testFleet(postgres);
  const asker = await fleet.node("asker", { capacity: 0 });
  const writes = { kind: "command", command: ["sh", "-c", `read line; echo "$line" >> ${journal}; echo "$line"`] };
  // At work for longer than it takes to say so.
  const lasts = { kind: "command", command: ["sh", "-c", `read line; echo "$line" >> ${journal}; sleep 1`] };
  // Whatever has to be done first: one that has ended before it was marked as started is never marked so.
  const longer = { kind: "command", command: ["sh", "-c", `read line; echo "$line" >> ${journal}; sleep 5`] };
  const echo = { kind: "command", command: ["cat"] };
  const boxes: Record<string, Box> = {};
  for (const [name, { url, fleet: more, config, providers, binary, token }] of Object.entries(members)) {
    const joins = { url, schema: fleet.schema, node: name, capacity: 4, ...more };
    const box = await makeBox(
      { providers: { writes, lasts, longer, echo, ...providers }, fleet: joins, ...config },
      {},
      token,
    );
    boxes[name] = box;
    await (await box.start({}, binary)).post("/projects", { name: "shop", cwd: box.cwd });
  }
  let words = 0;
  const box = (name: string): Box => {
    const found = boxes[name];
    if (found === undefined) throw new Error(`there is no box ${name}`);
    return found;
  };
  const times = (word: string): number =>
    readFileSync(journal, "utf8")
      .split("\n")
      .filter((line) => line === word).length;
  const ends = (id: string, state = "done"): Promise<Json> =>
    eventually(
      `the task is ${state}`,
      async () => {
        const { status, body } = await asker.api().call("GET", `/fleet/tasks/${id}`);
        return status === 200 && String(body["task"]?.["state"]) === state && (body["task"] ?? null);
      },
      60_000,
    );
  const crew: Crew = {
    ...{ fleet, asker, boxes, box, times, ends },
    lives: (...names) =>
      eventually(
        `${names.join(" and ")} live, with their project`,
        async () => {
          const { status, body } = await asker.api().call("GET", "/fleet/nodes");
          const good = [...(status === 200 ? (body["nodes"] ?? []) : [])].filter(
            (node) => String(node["reach"]) === "live" && JSON.stringify(node["projects"]).includes("shop"),
          );
          return names.every((name) => good.some((node) => String(node["name"]) === name));
        },
        60_000,
      ),
    async put(more = {}) {
      const word = `word-${++words}`;
      const { task } = await asker
        .api()
        .post("/fleet/tasks", { project: "shop", provider: "writes", task: word, ...more });
      return { id: String(task?.["id"]), word };
    },
    async ranOnce(tasks) {
      for (const { id, word } of tasks) {
        await ends(id);
        expect([word, times(word)]).toEqual([word, 1]);
      }
    },
    async ownAgents(name, count, bytes = 16) {
      let slowest = 0;
      for (let i = 0; i < count; i++) {
        const began = performance.now();
        const said = Buffer.from(crypto.getRandomValues(new Uint8Array(bytes >> 1))).toString("hex");
        const api = box(name).api();
        const { agent } = await api.post("/projects/shop/agents", { provider: "echo", task: said });
        const at = `/projects/shop/agents/${String(agent?.["id"])}`;
        expect((await api.get(`${at}/wait?until=idle&timeout=20`))["reached"] as unknown).toBe(true);
        expect(String((await api.get(`${at}/messages/last`))["message"]?.["text"]).trim()).toBe(said);
        slowest = Math.max(slowest, performance.now() - began);
      }
      return slowest;
    },
    async allIsWell() {
      let last: string[] = ["nobody looked"];
      const evidence = {
        ...{ journal, sql: postgres.sql, schema: fleet.schema },
        boxes: Object.fromEntries(Object.entries(boxes).map(([name, { stateDir }]) => [name, stateDir])),
      };
      await eventually("nothing is found", async () => (last = await findings(evidence)).length === 0, 30_000).catch(
        () => undefined, // what was found is what fails
      );
      expect(last).toEqual([]);
    },
    async close() {
      for (const each of Object.values(boxes)) await each.close();
      await fleet.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await crew.lives(...Object.keys(members));
  return crew;
}
