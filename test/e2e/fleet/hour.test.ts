/**
 * The database of a fleet is away for an hour of the box's own time, which passes in seconds here: what the box
 * promised by itself holds, it asks now and then and no more, says so once, and brings everything when the database is
 * back.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Database } from "bun:sqlite";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../../src/lib/clock.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { eventually } from "../../support/api.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import type { Wire } from "../../support/wire.ts";
import { wireTo } from "../../support/wire.ts";
import { findings } from "./checker.ts";

setDefaultTimeout(90_000);

const HOUR_MS = 60 * 60 * 1000;
const HURRY = 500;
/** So that the last pause before it is asked again is short as well, and no statement's deadline. */
const HEALING = 2;

/** Time that can be told to hurry: all of it, and the timers that are set from then on. */
interface HurriedClock extends Clock {
  hurry(rate: number): void;
}
function hurriedClock(): HurriedClock {
  let rate = 1;
  let [since, passed] = [performance.now(), 0];
  const began = Date.now();
  const monotonic = (): number => passed + (performance.now() - since) * rate;
  return {
    monotonic,
    now: () => Math.floor(began + monotonic()),
    setTimer: (ms, fn) => systemClock.setTimer(ms / rate, fn),
    hurry(next) {
      passed = monotonic();
      since = performance.now();
      rate = next;
    },
  };
}

describe.skipIf(POSTGRES === null)("a box whose fleet's database is away for an hour", () => {
  const clock = hurriedClock();
  let postgres: Postgres;
  let fleet: TestFleet;
  let wire: Wire;
  let box: TestDaemon;
  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    await fleet.node("other", { capacity: 0 });
    wire = await wireTo(postgres.url);
    const cat = { kind: "command", command: ["cat"] };
    const limits = { maxAgents: 500 };
    box = await fleet.node("alone", { url: wire.url }, { providers: { cat }, limits }, clock);
    await fleet.joined(box);
    await box.api().post("/projects", { name: "shop", cwd: box.cwd });
  });
  afterAll(async () => {
    await fleet.close();
    await wire.close();
    await postgres.close();
  });

  test("does its own work as ever, asks now and then, says so once, and has everything mirrored afterwards", async () => {
    const lines = (text: string): number => box.logs.filter((line) => line.includes(text)).length;
    await eventually("it is mirrored so far", async () => Number((await box.api().get("/fleet"))["lag"]) === 0);
    const [answered, refused] = [lines("the fleet's database answers"), wire.refused];
    const began = clock.monotonic();
    wire.be({ type: "gone" });
    let made = 0;
    while (clock.monotonic() - began < HOUR_MS) {
      clock.hurry(1); // or a program would have 4 ms for what it has 2 s for
      const said = `said-${made++}`;
      const { agent } = await box.api().post("/projects/shop/agents", { provider: "cat", task: said });
      const at = `/projects/shop/agents/${String(agent?.["id"])}`;
      await eventually("its turn ends", async () => String((await box.api().get(at))["agent"]?.["status"]) === "idle");
      expect(String((await box.api().get(`${at}/messages/last`))["message"]?.["text"]).trim()).toBe(said);
      const refusal = await box.api().call("POST", "/fleet/tasks", { project: "shop", provider: "cat", task: "t" });
      expect([refusal.status, String(refusal.body["error"])]).toEqual([503, "FLEET_AWAY"]);
      clock.hurry(HURRY);
      await Bun.sleep(500);
    }
    clock.hurry(HEALING);
    expect(made).toBeGreaterThan(5);
    expect(lines("is away, this box goes on by itself")).toBe(1);
    expect(lines("the fleet's database answers")).toBe(answered);
    expect(box.logs.filter((line) => line.includes('"level":"error"'))).toEqual([]);
    const tries = wire.refused - refused;
    console.log(`an hour away: ${made} agents of its own, ${tries} connections tried`);
    expect(tries).toBeGreaterThan(20); // it has not given up
    expect(tries).toBeLessThan(500); // every 22 to 38 s, two connections each

    wire.be({ type: "open" });
    await eventually("it is back", async () => String((await box.api().get("/fleet"))["database"]) === "up", 45_000);
    clock.hurry(1);
    const { task } = await box.api().post("/fleet/tasks", { project: "shop", provider: "cat", task: "after" });
    await eventually("it takes tasks again", async () => {
      const now = await box.api().get(`/fleet/tasks/${String(task?.["id"])}`);
      return String(now["task"]?.["state"]) === "done";
    });
    expect(lines("the fleet's database answers")).toBe(answered + 1);
    const journal = join(box.dir, "journal");
    writeFileSync(journal, "after\n");
    let last = ["nobody looked"];
    const boxes = { alone: join(box.dir, "state") };
    await eventually("nothing is found", async () => {
      last = await findings({ journal, sql: postgres.sql, schema: fleet.schema, boxes });
      return last.length === 0;
    }).catch(() => undefined); // what was found is what fails
    expect(last).toEqual([]);
    const db = new Database(join(boxes.alone, "harness.db"), { readonly: true });
    const turns = db.query<{ n: number }, []>("SELECT count(*) AS n FROM events WHERE type = 'turn_ended'").get()?.n;
    db.close();
    expect(turns).toBe(made + 1);
  });
});
