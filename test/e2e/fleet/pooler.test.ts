/** Behind a pooler that gives a connection for one transaction only: nothing is heard, and everything works. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { eventually } from "../../support/api.ts";
import { installed } from "../../support/apt.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import type { Crew } from "./crew.ts";
import { makeCrew } from "./crew.ts";
import { quietPort } from "../../support/hook.ts";

setDefaultTimeout(90_000);

const PGBOUNCER = POSTGRES === null ? null : await installed("pgbouncer", "pgbouncer");
/** Connections that the pooler may have for all of its clients. */
const SHARED = 2;
const NOBODY = 65_534;

describe.skipIf(PGBOUNCER === null)("boxes behind a pooler of transactions", () => {
  let postgres: Postgres;
  let pooler: Pooler;
  let crew: Crew;
  beforeAll(async () => {
    postgres = await startPostgres();
    pooler = await startPooler(postgres);
    const behind = { url: pooler.url, fleet: { pooler: true } };
    crew = await makeCrew(postgres, { one: behind, two: behind });
  });
  afterAll(async () => {
    await crew.close();
    await pooler.close();
    await postgres.close();
  });
  const tasks = (count: number) => Promise.all(Array.from({ length: count }, () => crew.put()));

  test("share its few connections, run each task once, and ask each other", async () => {
    await crew.ranOnce(await tasks(12));
    for (const [from, to] of [
      ["one", "two"],
      ["two", "one"],
    ] as const) {
      const at = `/nodes/${to}/projects/shop/agents`;
      const made = await crew
        .box(from)
        .api()
        .call("POST", at, { provider: "echo", name: `of-${from}`, task: "far" });
      expect(made.status).toBe(201);
      expect(
        (await crew.box(from).api().get(`${at}/of-${from}/wait?until=idle&timeout=20`))["reached"] as unknown,
      ).toBe(true);
    }
    const [row] = await postgres.sql.unsafe(
      "SELECT count(DISTINCT client_port) AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND client_port = ANY ($1::int[])",
      [`{${pooler.ports().join(",")}}`],
    );
    expect(Number(row?.["n"])).toBeGreaterThan(0);
    expect(Number(row?.["n"])).toBeLessThanOrEqual(SHARED);
    await crew.allIsWell();
  });

  test("lose nothing when the pooler is killed while tasks run", async () => {
    const put = await tasks(8);
    await pooler.kill();
    expect(await crew.ownAgents("one", 2)).toBeLessThan(4500);
    await pooler.start();
    await crew.lives("one", "two");
    await crew.ranOnce(put);
    await crew.allIsWell();
  });
});

interface Pooler {
  readonly url: string;
  start(): Promise<void>;
  kill(): Promise<void>;
  /** Local ports of its connections to the database. */
  ports(): readonly number[];
  close(): Promise<void>;
}

async function startPooler(postgres: Postgres): Promise<Pooler> {
  const dir = mkdtempSync(join(tmpdir(), "ah-pooler-"));
  const port = await quietPort();
  const asNobody = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (process.getuid?.() === 0) chownSync(dir, NOBODY, NOBODY);
  const file = join(dir, "pooler.ini");
  const settings = {
    ...{ listen_addr: "127.0.0.1", listen_port: port, unix_socket_dir: "", auth_type: "any" },
    ...{ pool_mode: "transaction", default_pool_size: SHARED, max_client_conn: 100 },
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const target = `* = host=127.0.0.1 port=${postgres.port} user=ah`;
  writeFileSync(file, ["[databases]", target, "[pgbouncer]", ...lines, ""].join("\n"));
  const url = `postgres://ah@127.0.0.1:${port}/postgres`;
  let child: Bun.Subprocess | null = null;
  const start = async (): Promise<void> => {
    child = Bun.spawn([PGBOUNCER ?? "", "-q", file], { cwd: dir, stdio: ["ignore", "ignore", "ignore"], ...asNobody });
    await eventually("the pooler answers", async () => {
      const probe = new SQL({ url, max: 1, prepare: false, connectionTimeout: 2 });
      const good = await probe.unsafe("SELECT 1").then(
        () => true,
        () => false,
      );
      await probe.close({ timeout: 0 });
      return good;
    });
  };
  const kill = async (): Promise<void> => {
    child?.kill("SIGKILL");
    await child?.exited;
  };
  await start();
  return {
    url,
    start,
    kill,
    ports() {
      const listed = Bun.spawnSync(["ss", "-Htnp", "dst", `127.0.0.1:${postgres.port}`]).stdout.toString();
      return listed
        .split("\n")
        .filter((line) => line.includes(`pid=${child?.pid},`))
        .map((line) => Number(/127\.0\.0\.1:(\d+)\s+127\.0\.0\.1:/.exec(line)?.[1]));
    },
    async close() {
      await kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
