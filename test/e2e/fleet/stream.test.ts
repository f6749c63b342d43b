/** The events of all boxes as one stream, from any box. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { SQL } from "bun";
import { eventually } from "../../support/api.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";

setDefaultTimeout(60_000);

interface Heard {
  readonly id: string;
  readonly event: string;
  readonly data: { readonly node?: string; readonly type?: string; readonly data?: Record<string, unknown> };
}

/** Everything that a stream has said, until it is closed. */
async function listen(daemon: TestDaemon, query = "", headers: Record<string, string> = {}) {
  const controller = new AbortController();
  const heard: Heard[] = [];
  const response = await fetch(`${daemon.api().url}/api/v1/fleet/events${query}`, {
    headers,
    signal: controller.signal,
  });
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  const read = async (): Promise<void> => {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
        if (field("event") !== undefined)
          heard.push({ id: field("id") ?? "", event: field("event") ?? "", data: JSON.parse(field("data") ?? "null") });
      }
    }
  };
  const done = read().catch(() => undefined);
  return { heard, close: async () => (controller.abort(), await done) };
}

describe.skipIf(POSTGRES === null)("the stream of a fleet", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  let one: TestDaemon;
  let two: TestDaemon;
  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    one = await fleet.node("one");
    two = await fleet.node("two");
    await fleet.joined(two);
    for (const daemon of [one, two]) await daemon.api().post("/projects", { name: "shop", cwd: daemon.cwd });
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
  });
  let made = 0;
  const makeProject = async (daemon: TestDaemon): Promise<string> => {
    const name = `made-${++made}`;
    await daemon.api().post("/projects", { name, cwd: daemon.cwd });
    return name;
  };
  const hears = (heard: readonly Heard[], name: string): Heard | undefined =>
    heard.find(({ data }) => JSON.stringify(data.data ?? {}).includes(`"${name}"`));

  test("brings what happens on one box to who listens on another, and a cursor of one is good on the other", async () => {
    const first = await listen(two);
    const name = await makeProject(one);
    const event = await eventually("it is heard", () => hears(first.heard, name));
    expect([event.event, event.data.node]).toEqual(["project_created", "one"]);
    await first.close();
    const next = await makeProject(two);
    const again = await listen(one, "", { "Last-Event-ID": event.id });
    await eventually("what came later is heard", () => hears(again.heard, next));
    expect(hears(again.heard, name)).toBeUndefined();
    await again.close();
  });

  test("loses nothing of a transaction that is committed late", async () => {
    const heard = await listen(one);
    const slow = new SQL({ url: postgres.url, max: 1 });
    const hold = Promise.withResolvers<void>();
    const numbered = Promise.withResolvers<void>();
    try {
      const late = slow.begin(async (tx) => {
        await tx.unsafe(`INSERT INTO ${fleet.table("events")} (node_no, epoch, id, type, at, data)
          SELECT node_no, 99, 1, 'note', now(), '{"late":"late-one"}' FROM ${fleet.table("nodes")} WHERE name = 'one'`);
        numbered.resolve();
        await hold.promise;
      });
      await Promise.race([numbered.promise, late]);
      const name = await makeProject(two);
      await Bun.sleep(600);
      expect(hears(heard.heard, name)).toBeUndefined(); // held back, or the late one would never be seen
      await eventually("it is counted", async () => {
        const page = await (await fetch(`${one.api().url}/metrics`)).text();
        return Number(/^agent_harness_fleet_stream_held_seconds (\S+)$/m.exec(page)?.[1]) > 0;
      });
      hold.resolve();
      await late;
      await eventually("both are heard", () => hears(heard.heard, name) && hears(heard.heard, "late-one"));
    } finally {
      hold.resolve();
      await slow.close();
      await heard.close();
    }
  });

  test("says reset for a cursor of another database, and refuses what is none", async () => {
    const other = await listen(one, "?since=00000000.5.5");
    await eventually("reset is said", () => other.heard.some(({ event }) => event === "reset"));
    await other.close();
    const future = await listen(one, "", {
      "Last-Event-ID": `${(other.heard[0]?.data as { newest?: string }).newest?.split(".")[0]}.999999999.1`,
    });
    await eventually("reset is said", () => future.heard.some(({ event }) => event === "reset"));
    await future.close();
    expect((await one.api().call("GET", "/fleet/events?since=nonsense")).status).toBe(400);
  });

  test("picks by node, type and project", async () => {
    const picked = await listen(one, "?node=two&types=project_created");
    const mine = await makeProject(one);
    const theirs = await makeProject(two);
    await eventually("the one is heard", () => hears(picked.heard, theirs));
    expect(hears(picked.heard, mine)).toBeUndefined();
    await picked.close();
  });

  test("begins anew in a database that was brought from another one, where numbers were higher", async () => {
    const before = await listen(one);
    const name = await makeProject(one);
    const { id } = await eventually("it is heard", () => hears(before.heard, name));
    await fleet.sql.unsafe(`UPDATE ${fleet.table("events")} SET xid = '99999999999'`);
    await two.restart();
    await eventually("the numbers are mended", async () => {
      const [row] = await fleet.sql.unsafe(
        `SELECT max(xid::text::numeric) < 99999999999 AS good FROM ${fleet.table("events")}`,
      );
      return row?.["good"] === true;
    });
    const after = await listen(two, "", { "Last-Event-ID": id });
    await eventually("reset is said", () => after.heard.some(({ event }) => event === "reset"));
    const next = await makeProject(one);
    await eventually("what is new is heard", () => hears(after.heard, next));
    await after.close();
    await before.close();
  });

  test("says reset to who was listening when the database came back as it had been before", async () => {
    const heard = await listen(one);
    const first = await makeProject(one);
    await eventually("it is heard", () => hears(heard.heard, first));
    // As after a restore: the listener has seen numbers that this database has not come to.
    const backend = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
    await fleet.sql.unsafe(`UPDATE ${fleet.table("meta")} SET generation = gen_random_uuid()`);
    await fleet.sql.unsafe(backend);
    await eventually("reset is said", () => heard.heard.some(({ event }) => event === "reset"));
    const next = await makeProject(two);
    await eventually("what is new is heard", () => hears(heard.heard, next));
    await heard.close();
  });

  test("goes on by itself when the database was away", async () => {
    const heard = await listen(one);
    postgres.signal("SIGKILL");
    const name = await makeProject(two);
    await postgres.start();
    await eventually("it is heard", () => hears(heard.heard, name));
    await heard.close();
  });
});
