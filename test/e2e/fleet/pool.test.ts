/** A task without a box runs exactly once, wherever there is room. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import { BINARY } from "../../support/binary.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";

setDefaultTimeout(90_000);

describe.skipIf(POSTGRES === null)("the pool", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  let nodes: TestDaemon[];
  let journal: string;
  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    journal = join((await fleet.node("asks", { capacity: 0 })).dir, "journal");
    writeFileSync(journal, "");
    // Each agent writes down that it ran, itself: whatever the stores say is compared with it.
    const providers = {
      writes: { kind: "command", command: ["sh", "-c", `read line; echo "$line" >> ${journal}; echo "done $line"`] },
      lasts: { kind: "command", command: ["sh", "-c", `read line; echo "$line" >> ${journal}; sleep 1`] },
      fails: { kind: "command", command: ["sh", "-c", "exit 3"] },
      slow: { kind: "command", command: ["sleep", "60"] },
    };
    const first = await fleet.node("one", { capacity: 2, labels: { gpu: "1" } }, { providers });
    const second = await fleet.node("two", { capacity: 2 }, { providers });
    nodes = [first, second];
    for (const daemon of nodes) {
      await fleet.joined(daemon);
      await daemon.api().post("/projects", { name: "shop", cwd: daemon.cwd });
    }
    await eventually("their projects are known", async () => {
      const { nodes: known } = await first.api().get("/fleet/nodes");
      return [...(known ?? [])].filter((node) => JSON.stringify(node["projects"]).includes("shop")).length === 2;
    });
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
  });

  const one = (): TestDaemon => nodes[0] ?? fail("there is no node");
  const put = async (body: Record<string, unknown>): Promise<string> => {
    const { task } = await one()
      .api()
      .post("/fleet/tasks", { project: "shop", provider: "writes", ...body });
    return String(task?.["id"]);
  };
  const look = async (id: string): Promise<Json> => {
    const { task } = await one().api().get(`/fleet/tasks/${id}`);
    return task ?? fail("there is no task");
  };
  const reaches = (id: string, state: string): Promise<Json> =>
    eventually(
      `the task is ${state}`,
      async () => {
        const task = await look(id);
        return String(task["state"]) === state && task;
      },
      40_000,
    );
  const ran = (): string[] =>
    readFileSync(journal, "utf8")
      .trim()
      .split("\n")
      .filter((line) => line !== "");

  test("runs every task once, on both boxes, never more at once than there is room", async () => {
    // Each is at work long enough for a box that is full to leave the next ones to the other.
    const jobs = Array.from({ length: 16 }, (_, i) => ({ provider: "lasts", task: `job-${i}` }));
    const ids = await Promise.all(jobs.map(put));
    const done = await Promise.all(ids.map((id) => reaches(id, "done")));
    expect(ran().sort()).toEqual(ids.map((_, i) => `job-${i}`).sort());
    expect(new Set(done.map((task) => String(task["holder"])))).toEqual(new Set(["one", "two"]));
    const { agents } = await one()
      .api()
      .get(`/nodes/${String(done[0]?.["holder"])}/agents`);
    expect([...(agents ?? [])].map((agent) => String(agent["id"]))).toContain(String(done[0]?.["agent"]));
  });

  test("gives a task only to a box that has what it wants", async () => {
    const id = await put({ task: "on-the-gpu", requires: { labels: { gpu: "1" } } });
    expect(String((await reaches(id, "done"))["holder"])).toBe("one");
    const named = await put({ task: "on-two", requires: { node: "two" } });
    expect(String((await reaches(named, "done"))["holder"])).toBe("two");
  });

  test("says why nobody takes a task, and gives it up when its time in the queue is over", async () => {
    const blocked = async (body: Record<string, unknown>): Promise<string> =>
      String((await look(await put({ task: "t", ...body })))["blockedBy"]);
    expect(await blocked({ requires: { labels: { gpu: "9" } } })).toBe("no node that is live has the label gpu=9");
    expect(await blocked({ provider: "nothing" })).toBe('no node that fits has the provider "nothing"');
    expect(await blocked({ project: "nowhere" })).toBe('no node that fits has a project "nowhere"');
    expect(await blocked({ requires: { node: "three" } })).toBe('node "three" is not live');
    const id = await put({ task: "t", requires: { labels: { gpu: "9" } }, queueTtlMs: 1000 });
    expect(String((await reaches(id, "failed"))["error"])).toContain("queueTtlMs");
  });

  test("tells how a task ended, and why", async () => {
    const task = await reaches(await put({ task: "t", provider: "fails" }), "failed");
    expect(String(task["error"])).toContain("3");
  });

  test("is put under a key once", async () => {
    const ask = () =>
      one()
        .api()
        .call(
          "POST",
          "/fleet/tasks",
          { project: "shop", provider: "writes", task: "keyed" },
          { "Idempotency-Key": "k" },
        );
    const [first, second] = [await ask(), await ask()];
    expect([first.status, second.status, second.headers.get("idempotency-replayed")]).toEqual([202, 202, "true"]);
    expect(second.body["task"]?.["id"]).toEqual(first.body["task"]?.["id"] as never);
    const other = await one()
      .api()
      .call("POST", "/fleet/tasks", { project: "shop", task: "other" }, { "Idempotency-Key": "k" });
    expect([other.status, String(other.body["error"])]).toEqual([422, "IDEMPOTENCY_MISMATCH"]);
    await reaches(String(first.body["task"]?.["id"]), "done");
    expect(ran().filter((line) => line === "keyed")).toHaveLength(1);
  });

  test("ends a task that is cancelled, whether it waits or runs", async () => {
    const waits = await put({ task: "t", requires: { labels: { gpu: "9" } } });
    expect(String((await one().api().post(`/fleet/tasks/${waits}/cancel`))["task"]?.["state"])).toBe("cancelled");
    const runs = await put({ task: "t", provider: "slow" });
    await reaches(runs, "started");
    await one().api().post(`/fleet/tasks/${runs}/cancel`);
    await reaches(runs, "cancelled");
  });

  test("a draining box takes nothing more", async () => {
    await one().api().post("/fleet/nodes/two/drain");
    const ids = await Promise.all(Array.from({ length: 4 }, (_, i) => put({ task: `drained-${i}` })));
    for (const id of ids) expect(String((await reaches(id, "done"))["holder"])).toBe("one");
    await one().api().post("/fleet/nodes/two/undrain");
  });

  test("a task that cannot be begun on a box goes to another, and says so where there is none", async () => {
    const id = await put({ task: "t", permissions: "ask", name: "taken", requires: { node: "one" } });
    await reaches(id, "done");
    const again = await put({ task: "t", name: "taken", requires: { node: "one" } }); // its name is taken there
    const blocked = await eventually("it comes back", async () => {
      const task = await look(again);
      return task["blockedBy"] !== undefined && String(task["blockedBy"]).includes("gave it back") && task;
    });
    expect(String(blocked["blockedBy"])).toContain("NAME_TAKEN");
    await one().api().post(`/fleet/tasks/${again}/cancel`);
  });

  test("a box that dies with a task keeps it: nobody else runs it, and it goes on when the box is back", async () => {
    const id = await put({ task: "t", provider: "slow", requires: { node: "two" } });
    await reaches(id, "started");
    const two = nodes[1];
    await two?.restart(async () => {
      await eventually("its box is lost", async () => String((await look(id))["reach"]) === "lost");
      expect(String((await look(id))["state"])).toBe("started");
    });
    await one().api().post(`/fleet/tasks/${id}/cancel`);
    await reaches(id, "cancelled"); // by the box itself, which knows it still
  });

  test("a person may give it to another box: whoever comes back with it is told, and stops", async () => {
    const id = await put({ task: "t", provider: "slow", requires: { labels: {} } });
    const first = await reaches(id, "started");
    const [holder, other] = String(first["holder"]) === "one" ? nodes : nodes.toReversed();
    if (holder === undefined || other === undefined) throw new Error("there are two nodes");
    await holder.restart(async () => {
      await eventually("it is lost", async () => {
        const { task } = await other.api().get(`/fleet/tasks/${id}`);
        return String(task?.["reach"]) === "lost";
      });
      await other.api().post(`/fleet/tasks/${id}/reassign`);
      await eventually("the other has it", async () => {
        const { task } = await other.api().get(`/fleet/tasks/${id}`);
        return String(task?.["state"]) === "started" && task?.["holder"] !== first["holder"];
      });
    });
    const agent = `/projects/shop/agents/${String(first["agent"])}`;
    await eventually("the old one is interrupted", async () => {
      const { agent: now } = await holder.api().get(agent);
      return String(now?.["status"]) === "idle" && String(now?.["turn"]?.["outcome"]) === "interrupted";
    });
    expect(holder.logs.some((line) => line.includes("was given to another box"))).toBe(true);
    const said = await eventually("the task says so", async () => (await look(id))["superseded"] ?? null);
    const began = { node: String(first["holder"]), agent: String(first["agent"]), outcome: "interrupted" };
    expect(said as unknown).toEqual([{ claim: Number(first["claim"]), ...began }]);
    expect(String((await look(id))["holder"])).not.toBe(began.node);
    await eventually("whoever watches the agent hears it, on whatever box", async () => {
      const rows: readonly { data: string }[] = await fleet.sql.unsafe(
        `SELECT data FROM ${fleet.table("events")} WHERE type = 'note' AND agent = '${began.agent}'`,
      );
      return rows.filter(({ data }) => String((JSON.parse(data) as Json)["code"]) === "superseded").length === 1;
    });
    const shown = Bun.spawn([BINARY, "tasks", "show", id, "--url", other.api().url], { env: { HOME: other.home } });
    expect(await new Response(shown.stdout).text()).toMatch(
      new RegExp(`superseded\\s+${began.node}, agent ${began.agent}: interrupted`),
    );
    const settled = await one().api().call("POST", `/fleet/tasks/${id}/reassign`);
    expect(settled.status).toBe(200);
    await one().api().post(`/fleet/tasks/${id}/cancel`);
  });

  test("no task was ever run twice", () => {
    const counts = new Map<string, number>();
    for (const line of ran()) counts.set(line, (counts.get(line) ?? 0) + 1);
    expect([...counts].filter(([line, count]) => line !== "t" && count > 1)).toEqual([]);
  });
});

function fail(message: string): never {
  throw new Error(message);
}
