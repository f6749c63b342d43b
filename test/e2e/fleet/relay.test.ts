/** Any route of any box, from any other: as if it were asked there, and what it changes is changed at most once. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { eventually } from "../../support/api.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { ECHO, testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";

setDefaultTimeout(60_000);

describe.skipIf(POSTGRES === null)("a call", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  let asker: TestDaemon;
  let owner: TestDaemon;
  const slow = { slow: { kind: "command", command: ["sleep", "60"] } };
  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    asker = await fleet.node("asker");
    owner = await fleet.node("owner", {}, { providers: { ...ECHO, ...slow } });
    await fleet.joined(owner);
    await owner.api().post("/projects", { name: "shop", cwd: owner.cwd });
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
  });
  const calls = async (): Promise<number> => {
    const [row] = await fleet.sql.unsafe(`SELECT count(*) AS n FROM ${fleet.table("calls")}`);
    return Number(row?.["n"]);
  };

  test("makes an agent there, follows it to its end, reads what it said and deletes it", async () => {
    const at = "/nodes/owner/projects/shop/agents";
    const made = await asker.api().call("POST", at, { provider: "echo", name: "far", task: "say it there" });
    expect(made.status).toBe(201);
    const id = String(made.body["agent"]?.["id"]);
    expect((await asker.api().get(`${at}/far/wait?until=idle&timeout=20`))["reached"] as unknown).toBe(true);
    const last = await asker.api().get(`${at}/${id}/messages/last`);
    expect(String(last["message"]?.["text"])).toContain("say it there");
    expect((await owner.api().get(`/projects/shop/agents/${id}/messages/last`)) as unknown).toEqual(last);
    expect((await asker.api().call("DELETE", `${at}/${id}`)).status).toBe(204);
    expect((await owner.api().call("GET", `/projects/shop/agents/${id}`)).status).toBe(404);
  });

  test("gets the other box's own refusal, its headers and its lists", async () => {
    const missing = await asker.api().call("GET", "/nodes/owner/projects/nothing");
    expect([missing.status, String(missing.body["error"])]).toEqual([404, "PROJECT_NOT_FOUND"]);
    const listed = await asker.api().call("GET", "/nodes/owner/agents");
    expect(listed.headers.get("x-event-cursor")).not.toBeNull();
    const wrong = await asker.api().call("POST", "/nodes/owner/projects", { name: "no/slash", cwd: "/" });
    expect([wrong.status, String(wrong.body["error"])]).toEqual([400, "INVALID_REQUEST"]);
    expect((await asker.api().call("GET", "/nodes/owner/agents?limit=none")).status).toBe(400);
  });

  test("names no node, goes to a box that takes none, or is of a kind that is not handed on", async () => {
    const closed = await fleet.node("closed", { acceptCalls: false });
    await fleet.joined(closed);
    const errors = await Promise.all(
      ["/nodes/nobody/agents", "/nodes/closed/agents", "/nodes/owner/events", "/nodes/owner/health"].map(async (path) =>
        String((await asker.api().call("GET", path)).body["error"]),
      ),
    );
    expect(errors).toEqual(["NODE_NOT_FOUND", "NOT_RELAYED", "NOT_RELAYED", "NOT_RELAYED"]);
    expect((await asker.api().call("GET", "/nodes/owner/no-such-route")).status).toBe(404);
  });

  test("reads the events of another box in pages, though no stream is handed on", async () => {
    const pages = { Accept: "application/json" };
    const { status, body } = await asker.api().call("GET", "/nodes/owner/events?limit=5", undefined, pages);
    expect([status, body] as unknown).toEqual([
      200,
      (await owner.api().call("GET", "/events?limit=5", undefined, pages)).body,
    ]);
    expect([...(body["events"] ?? [])].length).toBeGreaterThan(0);
  });

  test("holds nothing in the tables that can be read there, and leaves nothing behind that was read", async () => {
    const secret = "the-environment-of-an-agent";
    const before = await calls();
    const seen: string[] = [];
    const watch = setInterval(async () => {
      const rows = await fleet.sql.unsafe(`SELECT sealed FROM ${fleet.table("call_bodies")}`).catch(() => []);
      for (const row of rows) seen.push(Buffer.from(row.sealed).toString("latin1"));
    }, 1);
    const made = await asker.api().call("POST", "/nodes/owner/projects/shop/agents", {
      ...{ provider: "echo", task: "t", env: { SECRET_OF_MINE: secret } },
    });
    clearInterval(watch);
    expect(made.status).toBe(201);
    expect(seen.join()).not.toContain(secret);
    expect(seen.join()).not.toContain("SECRET_OF_MINE");
    const [left] = await fleet.sql.unsafe(
      `SELECT (SELECT count(*) FROM ${fleet.table("call_bodies")}) + (SELECT count(*) FROM ${fleet.table("call_answers")}) AS n`,
    );
    expect(Number(left?.["n"])).toBe(0);
    await asker.api().get("/nodes/owner/agents");
    expect(await calls()).toBe(before + 1); // of the change a row without its words, of the question none
  });

  test("carries an answer of megabytes, in parts", async () => {
    const big = "x".repeat(1024 * 1024);
    const made = await asker.api().call("POST", "/nodes/owner/projects/shop/agents", { provider: "echo", task: big });
    const id = String(made.body["agent"]?.["id"]);
    await asker.api().get(`/nodes/owner/projects/shop/agents/${id}/wait?until=idle&timeout=30`);
    const { messages } = await asker.api().get(`/nodes/owner/projects/shop/agents/${id}/messages`);
    expect([...(messages ?? [])].map((each) => String(each["text"]).length)).toEqual([big.length, big.length]);
  });

  test("under a client's key is done once, however often it is asked", async () => {
    const key = { "Idempotency-Key": "once-over-the-fleet" };
    const ask = () =>
      asker
        .api()
        .call("POST", "/nodes/owner/projects/shop/agents", { provider: "echo", name: "keyed", task: "t" }, key);
    const [first, second] = [await ask(), await ask()];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body["agent"]?.["id"]).toEqual(first.body["agent"]?.["id"] as never);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
  });

  test("that was done before its answer could be told is answered from the store, and not done again", async () => {
    // The row as it stands when the box dies between its commit and its answer.
    const made = await asker.api().call("POST", "/nodes/owner/projects/shop/agents", { provider: "echo", name: "one" });
    const [row] = await fleet.sql.unsafe(`SELECT id FROM ${fleet.table("calls")} ORDER BY created_at DESC LIMIT 1`);
    const id = String(row?.["id"]);
    await owner.restart(async () => {
      await fleet.sql.unsafe(
        `UPDATE ${fleet.table("calls")} SET state = 'claimed', status = NULL, done_at = NULL, read_at = NULL WHERE id = $1`,
        [id],
      );
    });
    const call = await eventually("it is answered again", async () => {
      const found = (await asker.api().get(`/calls/${id}`))["call"];
      return String(found?.["state"]) === "done" && found;
    });
    expect([call["status"], call["answer"]] as unknown).toEqual([201, made.body]);
    const { agents } = await owner.api().get("/agents?name=one");
    expect([...(agents ?? [])]).toHaveLength(1);
  });

  test("that may have been done outside of the store is never done again", async () => {
    const { agent } = await owner.api().post("/projects/shop/agents", { provider: "slow", task: "t" });
    const at = `/nodes/owner/projects/shop/agents/${String(agent?.["id"])}`;
    expect((await asker.api().call("POST", `${at}/abort`)).status).toBe(200);
    const [row] = await fleet.sql.unsafe(`SELECT id FROM ${fleet.table("calls")} ORDER BY created_at DESC LIMIT 1`);
    const id = String(row?.["id"]);
    await owner.restart(async () => {
      await fleet.sql.unsafe(
        `UPDATE ${fleet.table("calls")} SET state = 'claimed', status = NULL, done_at = NULL WHERE id = $1`,
        [id],
      );
      const db = new Database(join(owner.dir, "state", "harness.db"));
      db.query("UPDATE fleet_calls SET state = 'left', status = NULL, answer = NULL WHERE id = ?").run(id);
      db.close();
    });
    const call = await eventually("it is answered", async () => {
      const found = (await asker.api().get(`/calls/${id}`))["call"];
      return String(found?.["state"]) === "done" && found;
    });
    expect([call["status"], call["answer"]?.["error"]] as unknown).toEqual([409, "OUTCOME_UNKNOWN"]);
  });

  test("is soon answered: hints are heard", async () => {
    await asker.api().get("/nodes/owner/projects/shop");
    const times: number[] = [];
    for (let i = 0; i < 30; i++) {
      const began = performance.now();
      await asker.api().get("/nodes/owner/projects/shop");
      times.push(performance.now() - began);
    }
    const quick = times.sort((a, b) => a - b)[7] ?? 0;
    console.log(`a relayed GET: ${quick.toFixed(1)} ms`);
    expect(quick).toBeLessThan(150); // without hints each would be nearly a quarter of a second
  });

  test("works without any hint, as behind a pooler", async () => {
    const polls = await fleet.node("polls", { pooler: true });
    await fleet.joined(polls);
    await polls.api().post("/projects", { name: "there", cwd: polls.cwd });
    expect((await asker.api().call("GET", "/nodes/polls/projects/there")).status).toBe(200);
    expect((await polls.api().call("GET", "/nodes/owner/projects/shop")).status).toBe(200);
  });

  test("to a box that is lost gets what was known of it, marked, and else says when it was heard of", async () => {
    const dying = await fleet.node("dying");
    await fleet.joined(dying);
    await dying.api().post("/projects", { name: "last", cwd: dying.cwd });
    const { agent } = await dying
      .api()
      .post("/projects/last/agents", { provider: "echo", name: "will", task: "last words" });
    const path = `/projects/last/agents/${String(agent?.["id"])}`;
    await dying.api().get(`${path}/wait?until=idle&timeout=20`);
    await eventually("what became of it is mirrored", async () => {
      const { agents } = await asker.api().get("/fleet/agents?node=dying&status=idle");
      return [...(agents ?? [])].length === 1;
    });
    await dying.restart(async () => {
      await eventually("it is lost", async () => {
        const { nodes } = await asker.api().get("/fleet/nodes");
        return [...(nodes ?? [])].some((node) => String(node["name"]) === "dying" && String(node["reach"]) === "lost");
      });
      const stale = await asker.api().call("GET", `/nodes/dying${path.replace(/[^/]*$/, "will")}`);
      expect([stale.status, stale.body["stale"], stale.body["agent"]?.["status"]] as unknown).toEqual([
        200,
        true,
        "idle",
      ]);
      const said = await asker.api().get(`/nodes/dying${path}/messages`);
      expect([...(said["messages"] ?? [])].map((each) => String(each["text"])).join()).toContain("last words");
      const refused = await asker.api().call("POST", `/nodes/dying${path}/input`, { text: "are you there" });
      expect([refused.status, String(refused.body["error"])]).toEqual([502, "NODE_LOST"]);
      expect((await asker.api().call("GET", `/nodes/dying${path}/debug`)).status).toBe(502);
    });
  });

  test("tells nobody a secret in a log", () => {
    const logs = [asker, owner].flatMap(({ logs: lines }) => lines).join();
    expect(logs).not.toContain("the-environment-of-an-agent");
  });
});
