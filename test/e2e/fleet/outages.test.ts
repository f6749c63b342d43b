/**
 * The database of a fleet takes nothing, is full, slow, still, cut off or gone: tasks run once when it is back, the
 * boxes' own agents do not notice, and what they have is mirrored in the end.
 *
 * file-timeout: 400 s
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chownSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { eventually } from "../../support/api.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import { seeded } from "../../support/random.ts";
import type { Wire } from "../../support/wire.ts";
import { ragged, wireTo } from "../../support/wire.ts";
import type { Crew } from "./crew.ts";
import { makeCrew } from "./crew.ts";

setDefaultTimeout(120_000);

/** What an agent of a box's own takes here, beside other tests, with room: a database that hangs would cost 5 s. */
const OWN_AGENT_MS = 4500;
const CONNECTIONS = 30;

describe.skipIf(POSTGRES === null)("a fleet whose database", () => {
  let postgres: Postgres;
  let crew: Crew;
  const wires: Record<string, Wire> = {};
  beforeAll(async () => {
    postgres = await startPostgres({ max_connections: String(CONNECTIONS) });
    for (const name of ["one", "two"]) wires[name] = await wireTo(postgres.url);
    crew = await makeCrew(
      postgres,
      Object.fromEntries(Object.entries(wires).map(([name, { url }]) => [name, { url }])),
    );
  });
  afterAll(async () => {
    await crew.close();
    for (const wire of Object.values(wires)) await wire.close();
    await postgres.close();
  });

  const all = async (be: (wire: Wire) => void): Promise<void> => Object.values(wires).forEach(be);
  const tasks = (count: number) => Promise.all(Array.from({ length: count }, () => crew.put()));
  /** What a box has said since. */
  const told = (name: string): (() => string) => {
    const from = crew.box(name).stderr().length;
    return () => crew.box(name).stderr().slice(from);
  };

  interface Fault {
    readonly begins: () => Promise<unknown>;
    /** What both boxes say of it: it was really there. */
    readonly why: RegExp;
    readonly ends: () => Promise<unknown>;
  }

  const survives = async ({ begins, why, ends }: Fault): Promise<void> => {
    await crew.lives("one", "two");
    const before = await tasks(5);
    const [one, two] = [told("one"), told("two")];
    await begins();
    try {
      const slowest = await Promise.all(["one", "two"].map((name) => crew.ownAgents(name, 2, 64_000)));
      expect(Math.max(...slowest)).toBeLessThan(OWN_AGENT_MS);
      await eventually("both boxes meet it", () => why.test(one()) && why.test(two()), 30_000);
      expect(Math.max(...(await Promise.all(["one", "two"].map((name) => crew.ownAgents(name, 1)))))).toBeLessThan(
        OWN_AGENT_MS,
      );
    } finally {
      await ends();
    }
    await crew.lives("one", "two");
    await crew.ranOnce([...before, ...(await tasks(2))]);
    await eventually("one box reads another", async () => {
      const { status } = await crew.box("one").api().call("GET", "/nodes/two/projects/shop");
      return status === 200;
    });
    await crew.allIsWell();
  };

  const readOnly = async (on: boolean): Promise<void> => {
    await postgres.sql.unsafe(`ALTER SYSTEM SET default_transaction_read_only = ${on ? "on" : "off"}`);
    await postgres.sql.unsafe("SELECT pg_reload_conf()");
  };

  test("is read-only for a while", () =>
    survives({ begins: () => readOnly(true), why: /read-only transaction/, ends: () => readOnly(false) }));

  test("has no room left on its disk", async () => {
    const disk = await smallDisk();
    if (disk === null) return console.log("skipped: no small disk can be mounted here");
    try {
      await postgres.sql.unsafe(`CREATE TABLESPACE small LOCATION '${disk.dir}'`);
      const tables = ["events_rest", "tasks", "messages"].map((name) => crew.fleet.table(name));
      for (const table of tables) await postgres.sql.unsafe(`ALTER TABLE ${table} SET TABLESPACE small`);
      await survives({
        begins: async () => disk.fill(),
        why: /No space left on device/,
        ends: async () => disk.empty(),
      });
      for (const table of tables) await postgres.sql.unsafe(`ALTER TABLE ${table} SET TABLESPACE pg_default`);
      await postgres.sql.unsafe("DROP TABLESPACE small");
    } finally {
      disk.remove();
    }
  });

  test("has no connection left", async () => {
    const hogs: SQL[] = [];
    const ours = new Set<number>();
    let hogging = true;
    const hog = async (): Promise<void> => {
      const sql = new SQL({ url: postgres.url, max: 1, connectionTimeout: 2 });
      try {
        ours.add(Number((await sql.unsafe("SELECT pg_backend_pid() AS pid"))[0]?.pid));
        hogs.push(sql);
      } catch {
        await sql.close({ timeout: 0 }); // there is none left
        await Bun.sleep(5);
      }
    };
    const lanes: Promise<void>[] = [];
    const refused = async (): Promise<void> => {
      const late = new SQL({ url: postgres.url, max: 1, connectionTimeout: 2 });
      expect(await late.unsafe("SELECT 1").catch((error: unknown) => String(error))).toContain("too many clients");
      await late.close({ timeout: 0 });
    };
    await survives({
      begins: async () => {
        for (let i = 0; i < 3; i++) lanes.push((async () => void (await repeat(() => hogging, hog)))());
        await eventually("all are taken", () => hogs.length >= CONNECTIONS - 15);
        await postgres.sql.unsafe(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND pid <> ALL ($1::int[])`,
          [`{${[...ours].join(",")}}`],
        );
      },
      why: /is away/,
      ends: async () => {
        await refused();
        hogging = false;
        await Promise.all(lanes);
        await Promise.all(hogs.map((sql) => sql.close({ timeout: 0 })));
      },
    });
  });

  test("has other tables for a while", async () => {
    const { schema } = crew.fleet;
    // Whoever makes tables waits for this: a box that is held up for a second does not make new ones meanwhile.
    const lock = `hashtext('agent-harness fleet ${schema}')`;
    await survives({
      begins: async () => {
        await postgres.sql.unsafe(`SELECT pg_advisory_lock(${lock})`);
        await postgres.sql.unsafe(`ALTER SCHEMA "${schema}" RENAME TO elsewhere`);
      },
      why: /does not exist/,
      ends: async () => {
        await postgres.sql.unsafe(`ALTER SCHEMA elsewhere RENAME TO "${schema}"`);
        await postgres.sql.unsafe(`SELECT pg_advisory_unlock(${lock})`);
      },
    });
  });

  test("is slow: everything goes on, slower", async () => {
    await all((wire) => wire.be({ type: "slow", ms: 60 }));
    try {
      await crew.ranOnce(await tasks(4));
      expect((await crew.box("one").api().call("GET", "/nodes/two/projects/shop")).status).toBe(200);
    } finally {
      await all((wire) => wire.be({ type: "open" }));
    }
    await crew.allIsWell();
  });

  test("is behind a wire that stands still, and hands over later what it took", () =>
    survives({
      begins: () => all((wire) => wire.be({ type: "still" })),
      why: /did not answer within|no answer within/,
      ends: () => all((wire) => wire.be({ type: "open" })),
    }));

  test("is behind a wire that is cut again and again, in the middle of whatever is said", async () => {
    const cutsBefore = Object.values(wires).map(({ cuts }) => cuts);
    const random = seeded(7);
    await survives({
      begins: () => all((wire) => wire.be({ type: "cut", bytes: ragged(random) })),
      why: /is away/,
      ends: async () => {
        await eventually(
          "each was cut often",
          () => Object.values(wires).every(({ cuts }, i) => cuts - (cutsBefore[i] ?? 0) >= 6),
          60_000,
        );
        await all((wire) => wire.be({ type: "open" }));
      },
    });
  });

  test("is out of reach of one box alone: the others go on, and it is heard of again when it is back", async () => {
    const mine = await crew.put({ requires: { node: "one" } });
    await crew.ranOnce([mine]);
    const seen = told("one");
    wires["one"]?.be({ type: "still" });
    try {
      await eventually("it is lost", async () => {
        const { nodes } = await crew.asker.api().get("/fleet/nodes");
        return [...(nodes ?? [])].some((node) => String(node["name"]) === "one" && String(node["reach"]) === "lost");
      });
      await crew.ranOnce(await tasks(4));
      expect(await crew.ownAgents("one", 3)).toBeLessThan(OWN_AGENT_MS);
      const stale = await crew.asker.api().call("GET", "/nodes/one/agents");
      expect([stale.status, stale.body["stale"]] as unknown).toEqual([200, true]);
      await eventually("it knows", () => /is away/.test(seen()));
    } finally {
      wires["one"]?.be({ type: "open" });
    }
    await crew.lives("one", "two");
    await crew.ranOnce([await crew.put({ requires: { node: "one" } })]);
    await crew.allIsWell();
  });

  test("is gone for a while: each box says so, and that it is back, once each time, whatever happened meanwhile", async () => {
    const [one, two] = [told("one"), told("two")];
    await survives({
      begins: async () => {
        await all((wire) => wire.be({ type: "gone" }));
        for (let i = 0; i < 4; i++) await Promise.all(["one", "two"].map((name) => crew.ownAgents(name, 3)));
      },
      why: /is away/,
      ends: () => all((wire) => wire.be({ type: "open" })),
    });
    for (const each of [one(), two()]) {
      // A box that is held up may take it for gone once more: what is said is taken back, never said again and again.
      const said = [...each.matchAll(/the fleet's database (is away|answers)/g)].map(([, word]) => word);
      expect(said.length).toBeWithin(2, 6);
      expect(said).toEqual(said.map((_, i) => (i % 2 === 0 ? "is away" : "answers")));
      expect(said.at(-1)).toBe("answers");
      expect(each).not.toContain('"level":"error"');
    }
  });
});

async function repeat(while_: () => boolean, deed: () => Promise<void>): Promise<void> {
  while (while_()) await deed();
}

interface Disk {
  readonly dir: string;
  fill(): void;
  empty(): void;
  remove(): void;
}

/** A file system of a few megabytes that the server may write to; null where none can be mounted. */
async function smallDisk(): Promise<Disk | null> {
  const dir = mkdtempSync(join(tmpdir(), "ah-small-"));
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", dir]);
  if (mounted.exitCode !== 0) {
    rmSync(dir, { recursive: true });
    return null;
  }
  const NOBODY = 65_534;
  chownSync(dir, NOBODY, NOBODY);
  const space = join(dir, "space");
  const filler = join(dir, "filler");
  Bun.spawnSync(["install", "-d", "-o", String(NOBODY), "-g", String(NOBODY), space]);
  return {
    dir: space,
    fill() {
      const { bavail, bsize } = statfsSync(dir);
      writeFileSync(filler, Buffer.alloc(bavail * bsize));
    },
    empty: () => rmSync(filler, { force: true }),
    remove() {
      Bun.spawnSync(["umount", "-l", dir]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
