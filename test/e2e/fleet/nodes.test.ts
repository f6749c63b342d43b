/** Joining a fleet, beating in it, being missed, and serving one's own box whatever happens to the database. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../support/api.ts";
import { testDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { TIMES, testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";

setDefaultTimeout(60_000);

describe.skipIf(POSTGRES === null)("a fleet", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
  });

  test("the first node makes the schema, the others find it, and each sees all of them", async () => {
    const one = await fleet.node("one", { labels: { gpu: "1" } });
    const two = await fleet.node("two", { acceptCalls: false });
    await fleet.joined(two);
    for (const { api } of [one, two]) {
      const { nodes } = await api().get("/fleet/nodes");
      const seen = [...(nodes ?? [])].map((node) => [node["name"], node["reach"], node["acceptCalls"], node["labels"]]);
      expect(seen as unknown).toEqual([
        ["one", "live", true, { gpu: "1" }],
        ["two", "live", false, {}],
      ]);
      expect((await api().get("/fleet"))["nodes"] as unknown).toEqual({ live: 2, late: 0, lost: 0 });
    }
  });

  test("a restart joins at once, as the same node", async () => {
    const daemon = await fleet.node("three");
    const uuidOf = async () => {
      const { nodes } = await daemon.api().get("/fleet/nodes");
      return [...(nodes ?? [])].filter((node) => String(node["name"]) === "three").map((node) => String(node["uuid"]));
    };
    await fleet.joined(daemon);
    const before = await uuidOf();
    const lostMs = (value: number) => fleet.sql.unsafe(`UPDATE ${fleet.table("meta")} SET lost_ms = ${value}`);
    await lostMs(30_000);
    await daemon.restart();
    const began = performance.now();
    await fleet.joined(daemon);
    expect(performance.now() - began).toBeLessThan(15_000); // less than it takes to be lost
    expect(await uuidOf()).toEqual(before);
    await lostMs(TIMES.lost_ms);
  });

  test("a name that a node has is refused, and the refused one serves its own box", async () => {
    const again = await fleet.node("one");
    await eventually(
      "it is told why",
      async () => String((await again.api().get("/fleet"))["why"]?.["error"]) === "FLEET_REFUSED",
    );
    const refused = await again.api().call("GET", "/fleet/nodes");
    expect([refused.status, String(refused.body["error"])]).toEqual([503, "FLEET_REFUSED"]);
    expect(String(refused.body["message"])).toContain('named "one"');
    await again.api().post("/projects", { name: "own", cwd: again.cwd });
  });

  test("of two copies of one state folder one is the node, and the other serves its own box", async () => {
    const original = await fleet.node("copied");
    await fleet.joined(original);
    const state = join(original.dir, "copy");
    await original.restart(() => cpSync(join(original.dir, "state"), state, { recursive: true }));
    await fleet.joined(original);
    const copy = await fleet.node("copied", {}, { stateDir: state });
    const roles = async () =>
      await Promise.all(
        [original, copy].map(async ({ api }) => {
          const { joined, why } = await api().get("/fleet");
          return String(joined) === "true" ? "joined" : String(why?.["error"]);
        }),
      );
    await eventually("one of them is out", async () => (await roles()).sort().join() === "FLEET_REFUSED,joined");
    await Bun.sleep(1000); // two beats of each and more: they do not take turns
    expect((await roles()).sort()).toEqual(["FLEET_REFUSED", "joined"]);
    for (const { api } of [original, copy]) expect((await api().call("GET", "/health")).status).toBe(200);
  });

  test("a node that is gone is late, then lost; only then its name can be freed", async () => {
    const going = await fleet.node("going");
    await fleet.joined(going);
    const other = await fleet.node("looking");
    await fleet.joined(other);
    const reach = async () => {
      const { nodes } = await other.api().get("/fleet/nodes");
      return String([...(nodes ?? [])].find((node) => String(node["name"]) === "going")?.["reach"]);
    };
    const early = await other.api().call("DELETE", "/fleet/nodes/going");
    expect([early.status, String(early.body["error"])]).toEqual([409, "NODE_LIVES"]);
    const seen = new Set([await reach()]);
    await going.restart(async () => {
      await eventually("it is lost", async () => seen.add(await reach()).has("lost"));
      expect((await other.api().call("DELETE", "/fleet/nodes/going")).status).toBe(204);
      const { nodes } = await other.api().get("/fleet/nodes");
      expect([...(nodes ?? [])].map((node) => String(node["name"]))).not.toContain("going");
    });
    expect([...seen]).toEqual(["live", "late", "lost"]);
    await fleet.joined(going); // and it may come back
  });

  test("is counted for who scrapes", async () => {
    const one = await fleet.node("counted");
    await fleet.joined(one);
    const page = await (await fetch(`${one.api().url}/metrics`)).text();
    const value = (name: string) => new RegExp(`^agent_harness_fleet_${name} (\\d+)$`, "m").exec(page)?.[1];
    expect(["joined", "database_up", "mirror_stopped", "pool_busy", "pool_capacity"].map(value)).toEqual([
      ...["1", "1", "0", "0", "4"],
    ]);
  });

  test("draining is said by any node, and shown by all", async () => {
    const one = await fleet.node("drainer");
    await fleet.joined(one);
    expect((await one.api().post("/fleet/nodes/drainer/drain"))["node"]?.["draining"] as unknown).toBe(true);
    expect((await one.api().post("/fleet/nodes/drainer/undrain"))["node"]?.["draining"] as unknown).toBe(false);
    const unknown = await one.api().call("POST", "/fleet/nodes/nobody/drain");
    expect([unknown.status, String(unknown.body["error"])]).toEqual([404, "NODE_NOT_FOUND"]);
  });
});

describe.skipIf(POSTGRES === null)("while the database is away", () => {
  test("the box serves, says so in one line, and joins by itself when it is back; nobody is lost for it", async () => {
    const postgres = await startPostgres();
    const fleet = await testFleet(postgres);
    try {
      const one = await fleet.node("one");
      const two = await fleet.node("two");
      await fleet.joined(two);
      postgres.signal("SIGKILL");
      await eventually("it is noticed", async () => String((await one.api().get("/fleet"))["database"]) === "away");
      await one.api().post("/projects", { name: "own", cwd: one.cwd });
      const refused = await eventually("it is told", async () => {
        const answer = await one.api().call("GET", "/fleet/nodes");
        return answer.status === 503 && answer;
      });
      expect(String(refused.body["error"])).toBe("FLEET_AWAY");
      await Bun.sleep(4000); // longer than it takes to be lost
      await postgres.start();
      // The first box that is back tells: one that takes longer than that to come back may rightly be lost by then.
      const first = await eventually("the first is back", async () => {
        const answers = await Promise.all([one, two].map((box) => box.api().call("GET", "/fleet/nodes")));
        return answers.find(({ status }) => status === 200);
      });
      expect([...(first.body["nodes"] ?? [])].map((node) => String(node["reach"]))).not.toContain("lost");
      await eventually("it is back", async () => (await one.api().call("GET", "/fleet/nodes")).status === 200);
      const away = "the fleet's database is away, this box goes on by itself";
      const back = "the fleet's database answers";
      const changes = (): string[] => {
        const told = one.logs
          .map((line) => String(JSON.parse(line).msg))
          .filter((msg) => msg.startsWith("the fleet's"));
        return told.slice(told.indexOf(away));
      };
      await eventually("it is told", () => changes().includes(back));
      expect(changes()).toEqual([away, back]);
    } finally {
      await fleet.close();
      await postgres.close();
    }
  });

  test("a database that stands still holds nobody up", async () => {
    const postgres = await startPostgres();
    const fleet = await testFleet(postgres);
    try {
      const one = await fleet.node("one");
      postgres.signal("SIGSTOP");
      const began = performance.now();
      for (let i = 0; i < 20; i++) await one.api().get("/health");
      expect(performance.now() - began).toBeLessThan(4500);
      const asked = await one.api().call("GET", "/fleet/nodes"); // ends by our own deadline
      expect([asked.status, String(asked.body["error"])]).toEqual([503, "FLEET_AWAY"]);
      postgres.signal("SIGCONT");
      await eventually("it is back", async () => (await one.api().call("GET", "/fleet/nodes")).status === 200, 40_000);
    } finally {
      await fleet.close();
      await postgres.close();
    }
  });
});

test("a box without a fleet knows none of its routes", async () => {
  const daemon = await testDaemon();
  try {
    const answer = await fetch(`${daemon.api().url}/api/v1/fleet`);
    expect([answer.status, ((await answer.json()) as { error: string }).error]).toEqual([404, "ROUTE_NOT_FOUND"]);
  } finally {
    await daemon.close();
  }
});
