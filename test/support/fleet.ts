/** Daemons of one fleet, each with its own state, on a PostgreSQL of the test's own. */
import type { SQL } from "bun";
import type { TestDaemon } from "./daemon.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { testDaemon } from "./daemon.ts";
import { eventually } from "./api.ts";
import type { Postgres } from "./postgres.ts";

/** Quick enough for a test, slow enough for two busy cores. */
export const TIMES = { beat_ms: 200, late_ms: 1500, lost_ms: 3000 } as const;

let schemas = 0;

export interface TestFleet {
  readonly schema: string;
  /** A table of the fleet, for statements of the test. */
  table(name: string): string;
  readonly sql: SQL;
  node(
    name: string,
    fleet?: Record<string, unknown>,
    config?: Record<string, unknown>,
    clock?: Clock,
  ): Promise<TestDaemon>;
  joined(daemon: TestDaemon): Promise<void>;
  close(): Promise<void>;
}

/** `command` agents say back what they are told. */
export const ECHO = { echo: { kind: "command", command: ["sh", "-c", "cat"] } };

export async function testFleet(postgres: Postgres, url = postgres.url): Promise<TestFleet> {
  const schema = `fleet_${++schemas}`;
  const daemons: TestDaemon[] = [];
  const table = (name: string): string => `"${schema}".${name}`;
  const joined = async (daemon: TestDaemon): Promise<void> => {
    await eventually("the node joins", async () => String((await daemon.api().get("/fleet"))["joined"]) === "true");
  };
  let quick = false;
  return {
    schema,
    table,
    sql: postgres.sql,
    joined,
    async node(name, fleet = {}, config = {}, clock) {
      const joins = { url, schema, node: name, capacity: 4, ...fleet };
      const daemon = await testDaemon({ providers: ECHO, ...config, fleet: joins }, {}, clock);
      daemons.push(daemon);
      if (quick) return daemon;
      await joined(daemon);
      const set = Object.entries(TIMES).map(([key, ms]) => `${key} = ${ms}`);
      await postgres.sql.unsafe(`UPDATE ${table("meta")} SET ${set.join(", ")}`);
      quick = true;
      await daemon.restart(); // what it goes by is read when it joins
      await joined(daemon);
      return daemon;
    },
    async close() {
      await Promise.all(daemons.map((each) => each.close()));
    },
  };
}
