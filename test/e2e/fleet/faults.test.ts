/**
 * Faults of a fleet: the compiled daemons and the database are killed and stopped at the moments that matter, and a
 * checker that knows only the tables compares what the agents wrote down with what everybody says.
 *
 * file-timeout: 600 s
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
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
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import { findings } from "./checker.ts";

setDefaultTimeout(120_000);

describe.skipIf(POSTGRES === null)("a fleet survives", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  let asker: TestDaemon;
  const boxes: Record<string, Box> = {};
  const dir = mkdtempSync(join(tmpdir(), "ah-fleet-faults-"));
  const journal = join(dir, "journal");
  beforeAll(async () => {
    writeFileSync(journal, "");
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    asker = await fleet.node("asker", { capacity: 0 });
    // Works for a moment: who is over before it was marked as started is never marked so.
    const writes = {
      kind: "command",
      command: ["sh", "-c", `read line; echo "$line" >> ${journal}; echo "$line"; sleep 1`],
    };
    const longer = { kind: "command", command: ["sh", "-c", `read line; echo "$line" >> ${journal}; sleep 5`] };
    for (const name of ["one", "two"]) {
      const config = { url: postgres.url, schema: fleet.schema, node: name, capacity: 4 };
      const box = await makeBox({ providers: { writes, longer }, fleet: config });
      boxes[name] = box;
      await (await box.start()).post("/projects", { name: "shop", cwd: box.cwd });
    }
    await lives("one", "two");
  });
  afterAll(async () => {
    for (const box of Object.values(boxes)) await box.close();
    await fleet.close();
    await postgres.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const boxOf = (name: string): Box => {
    const box = boxes[name];
    if (box === undefined) throw new Error(`there is no box ${name}`);
    return box;
  };
  const lives = (...names: string[]): Promise<unknown> =>
    eventually(
      "the boxes live, with their project",
      async () => {
        const { nodes } = await asker.api().get("/fleet/nodes");
        const good = [...(nodes ?? [])].filter(
          (node) => String(node["reach"]) === "live" && JSON.stringify(node["projects"]).includes("shop"),
        );
        return names.every((name) => good.some((node) => String(node["name"]) === name));
      },
      40_000,
    );
  let words = 0;
  const put = async (more: Record<string, unknown> = {}): Promise<{ id: string; word: string }> => {
    const word = `word-${++words}`;
    const { task } = await asker
      .api()
      .post("/fleet/tasks", { project: "shop", provider: "writes", task: word, ...more });
    return { id: String(task?.["id"]), word };
  };
  /** It is to be at work still when it is marked as started. */
  const lasting = (seam: string) => (seam === "task-started" ? { provider: "longer" } : {});
  const ends = (id: string, state = "done"): Promise<Json> =>
    eventually(
      `the task is ${state}`,
      async () => {
        const answer = await asker.api().call("GET", `/fleet/tasks/${id}`);
        return (
          answer.status === 200 && String(answer.body["task"]?.["state"]) === state && (answer.body["task"] ?? null)
        );
      },
      60_000,
    );
  const times = (word: string): number =>
    readFileSync(journal, "utf8")
      .split("\n")
      .filter((line) => line === word).length;
  const allIsWell = async (): Promise<void> => {
    let last: string[] = [];
    const evidence = {
      ...{ journal, sql: postgres.sql, schema: fleet.schema },
      boxes: Object.fromEntries(Object.entries(boxes).map(([name, box]) => [name, box.stateDir])),
    };
    await eventually("nothing is found", async () => (last = await findings(evidence)).length === 0, 30_000).catch(
      () => undefined,
    );
    expect(last).toEqual([]);
  };

  // In `task-running` its agent is made, in the next two it was let start; before that it was only claimed or held.
  test.each(["task-claimed", "task-held", "task-starting", "task-running", "task-started"])(
    "a box that is killed at %s: its task is run once when it is back",
    async (seam) => {
      const box = boxOf("one");
      await box.kill();
      await box.start({ AH_TEST_SEAM: seam });
      await lives("one");
      const { id, word } = await put({ requires: { node: "one" }, ...lasting(seam) });
      await box.exited();
      await box.start();
      await ends(id);
      expect(times(word)).toBe(1);
      await allIsWell();
    },
  );

  test.each(["task-claimed", "task-held"])(
    "a box that stands still at %s for longer than a claim holds: another runs it, and it does not when it wakes",
    async (seam) => {
      const box = boxOf("one");
      await box.kill();
      await box.start({ AH_TEST_SEAM: `${seam}:SIGSTOP` });
      await lives("one");
      await asker.api().post("/fleet/nodes/two/drain"); // so that it is this one that takes it
      const { id, word } = await put();
      await eventually("it stands still", () => / T /.test(readFileSync(`/proc/${box.pid()}/stat`, "utf8")));
      await asker.api().post("/fleet/nodes/two/undrain");
      expect(String((await ends(id))["holder"])).toBe("two");
      process.kill(box.pid(), "SIGCONT");
      await lives("one");
      const later = await put({ requires: { node: "one" } });
      await ends(later.id); // it is at work again
      expect(times(word)).toBe(1);
      await allIsWell();
    },
  );

  test.each(["task-starting", "task-running", "task-started"])(
    "a box that stands still at %s: nobody else is given the task, and it runs once",
    async (seam) => {
      const box = boxOf("one");
      await box.kill();
      await box.start({ AH_TEST_SEAM: `${seam}:SIGSTOP` });
      await lives("one");
      await asker.api().post("/fleet/nodes/two/drain");
      const { id, word } = await put(lasting(seam));
      await eventually("it stands still", () => / T /.test(readFileSync(`/proc/${box.pid()}/stat`, "utf8")));
      await asker.api().post("/fleet/nodes/two/undrain");
      const state = seam === "task-started" ? "started" : "starting";
      await eventually("it is lost", async () => {
        const { task } = await asker.api().get(`/fleet/tasks/${id}`);
        return String(task?.["reach"]) === "lost" && String(task?.["state"]) === state;
      });
      // Its agent is a process of its own, which does not stand still.
      expect(times(word)).toBeLessThanOrEqual(seam === "task-starting" ? 0 : 1);
      process.kill(box.pid(), "SIGCONT");
      await ends(id);
      expect(times(word)).toBe(1);
      await allIsWell();
    },
  );

  test("a database that is killed while tasks run: each ran once", async () => {
    const tasks = await Promise.all(Array.from({ length: 12 }, () => put()));
    postgres.signal("SIGKILL");
    await Bun.sleep(300);
    await postgres.start();
    for (const { id, word } of tasks) {
      await ends(id);
      expect(times(word)).toBe(1);
    }
    await allIsWell();
  });

  test("a database that stands still while tasks run: each ran once, and the boxes answer meanwhile", async () => {
    const tasks = await Promise.all(Array.from({ length: 8 }, () => put()));
    postgres.signal("SIGSTOP");
    try {
      const began = performance.now();
      for (let i = 0; i < 10; i++) expect((await boxOf("one").api().call("GET", "/agents")).status).toBe(200);
      expect(performance.now() - began).toBeLessThan(5000);
      await Bun.sleep(6000); // longer than any statement may take
    } finally {
      postgres.signal("SIGCONT");
    }
    for (const { id, word } of tasks) {
      await ends(id);
      expect(times(word)).toBe(1);
    }
    await allIsWell();
  });

  test("boxes and their database that are killed again and again while tasks drain: none ran twice or is forgotten", async () => {
    const tasks = await Promise.all(Array.from({ length: 24 }, () => put()));
    for (let round = 0; round < 4; round++)
      for (const name of ["one", "two"]) {
        await Bun.sleep(400);
        if (round === 1) postgres.signal("SIGKILL"); // both at once
        await boxOf(name).kill();
        if (round === 1) await postgres.start();
        await boxOf(name).start();
      }
    for (const { id, word } of tasks) {
      const task = await eventually(
        "it is over",
        async () => {
          const answer = await asker.api().call("GET", `/fleet/tasks/${id}`);
          return ["done", "failed"].includes(String(answer.body["task"]?.["state"])) && answer.body["task"];
        },
        60_000,
      );
      // A program whose start was cut off by a kill is told as lost, not run again.
      expect(times(word)).toBe(String(task?.["state"]) === "done" ? 1 : Math.min(times(word), 1));
    }
    await allIsWell();
  });

  test("a box that is killed while others make agents on it: each call made one at most, and what was answered stands", async () => {
    let stop = false;
    const answers: { name: string; status: number }[] = [];
    const storm = Array.from({ length: 3 }, async (_, lane) => {
      for (let i = 0; !stop; i++) {
        const name = `call-${lane}-${i}`;
        const body = { provider: "writes", name };
        const { status } = await asker.api().call("POST", "/nodes/two/projects/shop/agents", body);
        answers.push({ name, status });
        await Bun.sleep(60); // a fast box would make as many as one may have (limits.maxAgents)
      }
    });
    for (let round = 0; round < 4; round++) {
      await Bun.sleep(500);
      await boxOf("two").kill();
      await boxOf("two").start();
    }
    stop = true;
    await Promise.all(storm);
    await eventually("no call is open", async () => {
      const rows = await postgres.sql.unsafe(
        `SELECT 1 FROM "${fleet.schema}".calls WHERE state IN ('queued', 'claimed') AND expires_at > clock_timestamp()`,
      );
      return rows.length === 0;
    });
    const { agents } = await boxOf("two").api().get("/agents?limit=1000");
    const made = [...(agents ?? [])].map((agent) => String(agent["name"])).filter((name) => name.startsWith("call-"));
    expect(new Set(made).size).toBe(made.length);
    const answered = answers.filter(({ status }) => status === 201).map(({ name }) => name);
    expect(answered.filter((name) => !made.includes(name))).toEqual([]);
    expect(answered.length).toBeGreaterThan(0);
    expect(answers.filter(({ status }) => ![201, 202].includes(status))).toEqual([]);
    await allIsWell();
  });
});
