/**
 * The database of a fleet is brought back from a backup in which tasks wait that were run since: none of them is run
 * again, whoever is there and whoever is not, unless a person says that a box is gone for good.
 *
 * file-timeout: 300 s
 */
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import type { Crew, PutTask } from "./crew.ts";
import { makeCrew } from "./crew.ts";

setDefaultTimeout(120_000);

const SLOW = { kind: "command", command: ["sleep", "600"] };

describe.skipIf(POSTGRES === null)("a fleet whose database was started again, or brought back from a backup", () => {
  let postgres: Postgres;
  let crew: Crew;
  beforeAll(async () => {
    postgres = await startPostgres();
    const { url } = postgres;
    const more = { url, providers: { slow: SLOW } };
    crew = await makeCrew(postgres, { one: more, two: more });
  });
  afterAll(async () => {
    await crew.close();
    await postgres.close();
  });
  beforeEach(() => crew.lives("one", "two"));

  const drain = async (names: readonly string[], how: "drain" | "undrain" = "drain"): Promise<void> => {
    for (const name of names)
      await eventually(`it can be told to ${how}`, async () => {
        const { status } = await crew.asker.api().call("POST", `/fleet/nodes/${name}/${how}`);
        return status === 200;
      });
  };
  /** A box that finds the database to be an older one is out of the fleet for a moment. */
  const put = (more: Record<string, unknown> = {}): Promise<PutTask> =>
    eventually("a task can be put", () => crew.put(more).catch(() => null), 30_000);
  /** Tasks that wait in the backup, because nobody takes any. */
  const waiting = async (count: number, more: Record<string, unknown> = {}): Promise<PutTask[]> => {
    await drain(["one", "two"]);
    return await Promise.all(Array.from({ length: count }, () => put(more)));
  };
  const look = async (id: string): Promise<Json | null> => {
    const { status, body } = await crew.asker.api().call("GET", `/fleet/tasks/${id}`);
    return status === 200 ? (body["task"] ?? null) : null;
  };
  const blocked = (id: string, why: RegExp): Promise<unknown> =>
    eventually(`it says ${why}`, async () => why.test(String((await look(id))?.["blockedBy"])), 30_000);

  test("holds nothing up when the server was only started again, though a box has been lost for long", async () => {
    await drain(["one", "two"], "undrain");
    await crew.box("one").kill();
    await eventually("it is lost", async () => {
      const { nodes } = await crew.asker.api().get("/fleet/nodes");
      return [...(nodes ?? [])].some((node) => String(node["name"]) === "one" && String(node["reach"]) === "lost");
    });
    postgres.signal("SIGKILL");
    await postgres.start();
    await crew.ranOnce([await put()]);
    await crew.box("one").start();
  });

  test("runs nothing again that was run, keeps what runs, and runs what is left", async () => {
    const tasks = await waiting(6);
    const long = await put({ provider: "slow", requires: { node: "two" } });
    const putBack = postgres.backup();
    await crew.box("one").kill(); // the daemon that comes back is not the one that the backup knows
    await crew.box("one").start();
    await crew.lives("one", "two");
    await drain(["one", "two"], "undrain");
    await crew.ranOnce(tasks);
    const agent = String((await crew.ends(long.id, "started"))["agent"]);
    await putBack();
    await drain(["one", "two"], "undrain");
    await crew.ranOnce([...tasks, await put({ requires: { node: "one" } })]);
    expect(String((await crew.ends(long.id, "started"))["agent"])).toBe(agent);
    await crew.asker.api().post(`/fleet/tasks/${long.id}/cancel`);
    await crew.ends(long.id, "cancelled"); // by its own box, which has it still
    await crew.allIsWell();
  });

  test("waits for a box that ran something and is away, however long, unless a person removes it", async () => {
    const tasks = await waiting(2);
    const [{ id }] = tasks as [PutTask, PutTask];
    const putBack = postgres.backup();
    await drain(["one"], "undrain");
    await crew.ranOnce(tasks);
    const restored = async (): Promise<void> => {
      await crew.box("one").kill();
      await putBack();
      await drain(["two"], "undrain");
      await blocked(id, /brought back from a backup: node "one" has to say what it ran since/);
      await eventually("it is lost", async () => {
        const { nodes } = await crew.asker.api().get("/fleet/nodes");
        return [...(nodes ?? [])].some((node) => String(node["name"]) === "one" && String(node["reach"]) === "lost");
      });
      await blocked(id, /node "one" has to say/); // lost or not
    };
    await restored();
    await crew.box("one").start();
    await crew.ranOnce([...tasks, await put()]);
    expect(String((await look(id))?.["holder"])).toBe("one");
    await crew.allIsWell();

    await restored();
    expect((await crew.asker.api().call("DELETE", "/fleet/nodes/one")).status).toBe(204);
    for (const task of tasks) expect(String((await crew.ends(task.id))["holder"])).toBe("two");
    expect(tasks.map(({ word }) => crew.times(word))).toEqual([2, 2]); // as was said when it was removed
    await crew.box("one").start();
    await crew.lives("one");
    await drain(["one"], "undrain");
    await crew.ranOnce([await put({ requires: { node: "one" } })]);
  });

  test("finds its tables brought back under a server that went on", async () => {
    const bin = POSTGRES ?? "";
    const { schema } = crew.fleet;
    const tasks = await waiting(3);
    const args = ["-n", schema, "-f", "-", postgres.url];
    // The asker lives in this process: it must be able to go on while these wait for it.
    const tool = async (argv: readonly string[], stdin: string): Promise<{ out: string; err: string }> => {
      const child = Bun.spawn([...argv], { stdin: Buffer.from(stdin), stdout: "pipe", stderr: "pipe" });
      const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      await child.exited;
      return { out, err };
    };
    const dump = await tool([`${bin}/pg_dump`, ...args], "");
    expect(dump.err).toBe("");
    await drain(["one", "two"], "undrain");
    await crew.ranOnce(tasks);
    const script = `BEGIN; DROP SCHEMA "${schema}" CASCADE;\n${dump.out}\nCOMMIT;`;
    const restore = () => tool([`${bin}/psql`, "-q", "-v", "ON_ERROR_STOP=1", postgres.url], script);
    let restored = await restore();
    // Boxes work on meanwhile: whoever brings a backup under them may have to try again.
    for (let n = 0; n < 10 && restored.err.includes("deadlock detected"); n++) restored = await restore();
    expect(restored.err).not.toContain("ERROR");
    await crew.lives("one", "two");
    await drain(["one", "two"], "undrain");
    await crew.ranOnce([...tasks, await put()]);
  });
});
