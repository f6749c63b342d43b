/** Somebody is told once of agents at work on a box that is lost; and every notice of a fleet names its box. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../../support/api.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { TIMES, testFleet } from "../../support/fleet.ts";
import type { Hook } from "../../support/hook.ts";
import { startHook } from "../../support/hook.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import { readEvent } from "../../../src/receiver/event.ts";

setDefaultTimeout(60_000);

describe.skipIf(POSTGRES === null)("a box that is lost", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  let hook: Hook;
  let busy: TestDaemon;
  let agent: string;
  beforeAll(async () => {
    [postgres, hook] = [await startPostgres(), await startHook()];
    fleet = await testFleet(postgres);
    const tells = { webhook: { url: hook.url() } };
    const providers = {
      slow: { kind: "command", command: ["sleep", "600"] },
      echo: { kind: "command", command: ["cat"] },
    };
    await fleet.node("tells-1", {}, tells);
    await fleet.joined(await fleet.node("tells-2", {}, tells));
    // Those that have nobody to tell, or are not to tell this, leave it to others.
    await fleet.joined(await fleet.node("mute"));
    await fleet.joined(
      await fleet.node("picks", {}, { webhook: { url: hook.url("/picks"), events: ["agent_error"] } }),
    );
    busy = await fleet.node("busy", {}, { providers, webhook: { url: hook.url("/own") } });
    await fleet.joined(busy);
    await busy.api().post("/projects", { name: "shop", cwd: busy.cwd });
    const made = { provider: "slow", task: "t", name: "worker", metadata: { ticket: "7" } };
    agent = String((await busy.api().post("/projects/shop/agents", made))["agent"]?.["id"]);
    await busy.api().post("/projects/shop/agents", { provider: "echo", task: "hi", name: "done" });
    await eventually("both are mirrored as they are", async () => {
      const { agents } = await busy.api().get("/fleet/agents?node=busy");
      const statuses = [...(agents ?? [])].map((each) => String(each["agent"]?.["status"]));
      return statuses.sort().join() === "idle,processing";
    });
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
    await hook.down();
  });
  const told = () => hook.seen.filter(({ body }) => String(body["event"]) === "agent_unreachable");

  test("is told of once for each agent that was at work, by one of those that live and have a webhook", async () => {
    await busy.restart(async () => {
      await eventually("it is told", () => told().length > 0);
      await Bun.sleep(2 * TIMES.late_ms); // both that may tell have looked again
      expect(told()).toHaveLength(1);
      const [{ body, raw } = { body: null, raw: "" }] = told();
      expect(Object.keys(JSON.parse(raw))).toEqual([
        ...["event", "project", "agentId", "provider", "status", "lastMessage", "timestamp"],
        ...["error", "turnId", "name", "node", "asOf", "metadata"],
      ]);
      expect(JSON.parse(raw)).toMatchObject({
        ...{ project: "shop", agentId: agent, provider: "slow", status: "processing", lastMessage: null },
        ...{ name: "worker", node: "busy", metadata: { ticket: "7" } },
        error: { code: "NODE_LOST", message: expect.stringContaining(String(body?.["asOf"])) },
      });
      expect(readEvent(JSON.parse(raw)).ok).toBe(true);
    });
  });

  test("is no news when it is back, and told anew when it is lost again", async () => {
    await fleet.joined(busy);
    await Bun.sleep(TIMES.late_ms);
    expect(told()).toHaveLength(1);
    await busy.restart(async () => {
      await eventually("it is told again", () => told().length === 2);
      const [first, second] = told();
      expect(second?.id).not.toBe(first?.id ?? "");
      expect(second?.body["asOf"]).not.toEqual(first?.body["asOf"] as never);
    });
    expect(hook.seen.filter(({ path }) => path === "/picks")).toEqual([]);
  });

  test("every notice of a box names it, tests too", async () => {
    await busy.api().post("/webhook/test");
    const seen = await eventually("its own notices come", () => {
      const own = hook.seen.filter(({ path }) => path === "/own").map(({ body }) => body);
      return own.some((body) => String(body["event"]) === "test") && own;
    });
    expect(new Set(seen.map((body) => `${String(body["event"])} ${String(body["node"])}`))).toEqual(
      new Set(["agent_completed busy", "test busy"]),
    );
  });
});
