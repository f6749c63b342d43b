/** No clock of a box is compared with another's: boxes whose clocks are hours apart, or are set, are one fleet. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../../src/lib/clock.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { eventually } from "../../support/api.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import { findings } from "./checker.ts";

setDefaultTimeout(60_000);

const HOUR_MS = 60 * 60 * 1000;

/** The time of a box, so far from the real one; it can be set. */
interface OffClock extends Clock {
  off: number;
}
function clockOff(hours: number): OffClock {
  const clock = { ...systemClock, off: hours * HOUR_MS, now: () => systemClock.now() + clock.off };
  return clock;
}

describe.skipIf(POSTGRES === null)("boxes whose clocks are hours apart", () => {
  const clocks = { behind: clockOff(-3), ahead: clockOff(5), set: clockOff(0) };
  const daemons: Record<string, TestDaemon> = {};
  let postgres: Postgres;
  let fleet: TestFleet;
  let journal: string;
  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    journal = join((await fleet.node("asks", { capacity: 0 })).dir, "journal");
    writeFileSync(journal, "");
    const command = ["sh", "-c", `read line; echo "$line" >> ${journal}; echo "$line"`];
    for (const [name, clock] of Object.entries(clocks)) {
      const daemon = await fleet.node(name, {}, { providers: { writes: { kind: "command", command } } }, clock);
      daemons[name] = daemon;
      await fleet.joined(daemon);
      await daemon.api().post("/projects", { name: "shop", cwd: daemon.cwd });
    }
    await lives();
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
  });

  const daemon = (name: string): TestDaemon => {
    const found = daemons[name];
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  };
  const lives = () =>
    eventually("all live, with their project", async () => {
      const { nodes } = await daemon("ahead").api().get("/fleet/nodes");
      const good = [...(nodes ?? [])].filter(
        (node) => String(node["reach"]) === "live" && JSON.stringify(node["projects"]).includes("shop"),
      );
      return good.length === Object.keys(clocks).length;
    });
  let words = 0;
  const put = async (by: string, more: Record<string, unknown> = {}) => {
    const word = `word-${++words}`;
    const body = { project: "shop", provider: "writes", task: word, ...more };
    const { task } = await daemon(by).api().post("/fleet/tasks", body);
    return { id: String(task?.["id"]), word };
  };
  const allRan = async (tasks: readonly { readonly id: string; readonly word: string }[]): Promise<void> => {
    for (const { id, word } of tasks) {
      await eventually("it is done", async () => {
        const { task } = await daemon("ahead").api().get(`/fleet/tasks/${id}`);
        return String(task?.["state"]) === "done";
      });
      const lines = readFileSync(journal, "utf8").split("\n");
      expect([word, lines.filter((line) => line === word).length]).toEqual([word, 1]);
    }
  };

  test("see each other live, whoever looks, and give out and run each task once", async () => {
    for (const each of Object.values(daemons)) {
      const { nodes } = await each.api().get("/fleet");
      expect(nodes as unknown).toEqual({ live: 4, late: 0, lost: 0 });
    }
    const names = Object.keys(clocks);
    // By every clock but the database's, some of these would be over before they are looked at.
    const tasks = await Promise.all(
      names.flatMap((by) => names.map((node) => put(by, { requires: { node }, queueTtlMs: 30_000 }))),
    );
    await allRan(tasks);
  });

  test("ask each other, and nothing that is asked is over before it is heard", async () => {
    for (const from of Object.keys(clocks))
      for (const to of Object.keys(clocks).filter((name) => name !== from)) {
        const { status } = await daemon(from).api().call("GET", `/nodes/${to}/projects/shop`);
        expect([from, to, status]).toEqual([from, to, 200]);
      }
  });

  test("hear each other's events in the order of their commits", async () => {
    const controller = new AbortController();
    const stream = await fetch(`${daemon("behind").api().url}/api/v1/fleet/events?types=project_updated`, {
      signal: controller.signal,
    });
    let text = "";
    const reading = (async () => {
      for await (const chunk of stream.body ?? []) text += new TextDecoder().decode(chunk);
    })().catch(() => undefined);
    for (const each of Object.values(daemons)) await each.api().post("/projects", { name: "heard", cwd: each.cwd });
    const order = ["ahead", "behind", "set", "ahead"];
    for (const [i, name] of order.entries()) {
      await daemon(name)
        .api()
        .call("PATCH", "/projects/heard", { defaults: { model: `m-${i}` } });
      await eventually("it is heard", () => text.split("event: project_updated").length === i + 2);
    }
    controller.abort();
    await reading;
    const heard = [...text.matchAll(/"node":"([a-z]+)"/g)].map(([, node]) => node ?? "");
    expect(heard).toEqual(order);
  });

  test("are set by hours while tasks run: each runs once, and nobody is taken for lost", async () => {
    const tasks = await Promise.all(Array.from({ length: 6 }, () => put("behind")));
    for (const hours of [2, -4, 0]) {
      clocks.set.off = hours * HOUR_MS;
      clocks.ahead.off -= hours * HOUR_MS;
      const { nodes } = await daemon("behind").api().get("/fleet");
      expect(Number(nodes?.["lost"])).toBe(0);
      tasks.push(await put("set"), await put("ahead"));
    }
    await allRan(tasks);
    await lives();
  });

  test("have everything mirrored, once", async () => {
    const boxes = Object.fromEntries(Object.entries(daemons).map(([name, { dir }]) => [name, join(dir, "state")]));
    let last = ["nobody looked"];
    await eventually("nothing is found", async () => {
      last = await findings({ journal, sql: postgres.sql, schema: fleet.schema, boxes });
      return last.length === 0;
    }).catch(() => undefined); // what was found is what fails
    expect(last).toEqual([]);
  });
});
