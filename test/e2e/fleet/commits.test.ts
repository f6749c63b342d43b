/**
 * The worst moment of every step: what a box asks of the database is done and nobody hears of it, or never arrives and
 * nobody knows; by a cut wire, and by a database that is killed right then.
 *
 * file-timeout: 300 s
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../../support/api.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import type { Trap, Wire } from "../../support/wire.ts";
import { wireTo } from "../../support/wire.ts";
import type { Crew } from "./crew.ts";
import { makeCrew } from "./crew.ts";

setDefaultTimeout(120_000);

type Moment = Omit<Trap, "type" | "how" | "sprung">;
/** The statements of a task's life, in their order. */
const OF_A_TASK: Readonly<Record<string, Moment>> = {
  claimed: { sees: /SET state = 'claimed', claim = claim \+ 1, claimed_by/ },
  "let start": { sees: /SET state = 'starting'/ },
  "said to be started": { sees: /SET state = 'started'/ },
  "said to be over": { sees: /ended_at = clock_timestamp\(\),\s+started_at = coalesce/ },
};

describe.skipIf(POSTGRES === null)("at the worst moment", () => {
  let postgres: Postgres;
  let crew: Crew;
  const wires: Record<string, Wire> = {};
  const wire = (name: string): Wire => wires[name] ?? fail(name);
  beforeAll(async () => {
    postgres = await startPostgres();
    for (const name of ["one", "two"]) wires[name] = await wireTo(postgres.url);
    // Without prepared statements each is seen on the wire as it is.
    crew = await makeCrew(
      postgres,
      Object.fromEntries(Object.entries(wires).map(([name, { url }]) => [name, { url, fleet: { pooler: true } }])),
    );
  });
  afterAll(async () => {
    await crew.close();
    for (const each of Object.values(wires)) await each.close();
    await postgres.close();
  });

  /** Springs one trap after the other, in the order of a task's life; gives which were. */
  const trapAll = (how: Trap["how"], deed: () => void): { readonly sprung: readonly string[] } => {
    const sprung: string[] = [];
    const rest = Object.entries(OF_A_TASK);
    const next = (): void => {
      const [name, moment] = rest.shift() ?? [];
      if (name === undefined || moment === undefined) return;
      const then = (): void => {
        sprung.push(name);
        deed();
        next();
      };
      wire("one").be({ type: "trap", ...moment, how, sprung: then });
    };
    next();
    return { sprung };
  };

  test.each([
    ["that its box never hears the answer of", "unheard"],
    ["that never arrives", "unsent"],
  ] as const)("a task runs once when each step of it is one %s", async (_, how) => {
    await crew.lives("one", "two");
    const traps = trapAll(how, () => undefined);
    const task = await crew.put({ provider: "longer", requires: { node: "one" } });
    await crew.ranOnce([task]);
    await eventually("all were sprung", () => traps.sprung.length === Object.keys(OF_A_TASK).length);
    expect(traps.sprung).toEqual(Object.keys(OF_A_TASK));
    await crew.lives("one", "two");
    await crew.ranOnce([await crew.put({ requires: { node: "one" } })]);
    await crew.allIsWell();
  });

  test("a task runs once when the database is killed in each step of it", async () => {
    await crew.lives("one", "two");
    const killed: Promise<void>[] = [];
    const traps = trapAll("unheard", () => {
      postgres.signal("SIGKILL");
      killed.push(postgres.start());
    });
    // A box that asks for tasks before this one is put springs the first trap: the database is away already.
    const task = await eventually("the task is put", () =>
      crew.put({ provider: "longer", requires: { node: "one" } }).catch(() => null),
    );
    await crew.ranOnce([task]);
    await eventually("all were sprung", () => traps.sprung.length === Object.keys(OF_A_TASK).length);
    expect(traps.sprung).toEqual(Object.keys(OF_A_TASK));
    await Promise.all(killed);
    await crew.lives("one", "two");
    await crew.allIsWell();
  });

  let agents = 0;
  /** Asks box one by box two to make an agent; gives how often one ran. */
  const madeOnce = async (trap: string, moment: Moment, how: Trap["how"]): Promise<number> => {
    for (const name of ["one", "two"])
      await eventually("it reaches the database", async () => {
        return (await crew.box(name).api().call("GET", "/fleet/nodes")).status === 200;
      });
    let sprung = false;
    wire(trap).be({ type: "trap", ...moment, how, sprung: () => (sprung = true) });
    const word = `far-${++agents}`;
    const body = { provider: "writes", task: word };
    const { status } = await crew.box("two").api().call("POST", "/nodes/one/projects/shop/agents", body);
    expect([201, 202]).toContain(status);
    await eventually(`it was ${how}`, () => sprung);
    await eventually("no call is open", async () => {
      const rows = await postgres.sql.unsafe(
        `SELECT 1 FROM ${crew.fleet.table("calls")} WHERE state IN ('queued', 'claimed')`,
      );
      return rows.length === 0;
    });
    const { agents: all } = await crew.box("one").api().get("/agents?limit=1000");
    const made = [...(all ?? [])].map((agent) => String(agent["id"]));
    for (const id of made) await crew.box("one").api().get(`/projects/shop/agents/${id}/wait?until=idle&timeout=20`);
    if (status === 201) expect(crew.times(word)).toBe(1);
    return crew.times(word);
  };

  test("a call is carried out once, whatever of it is not heard", async () => {
    const asked: Moment = { sees: /INSERT INTO "[a-z_0-9]+"\.calls/, commit: true };
    const claimed: Moment = { sees: /SET state = 'claimed', claim = claim \+ 1, session/ };
    const answered: Moment = { sees: /SET state = 'done', status/, commit: true };
    for (const how of ["unheard", "unsent"] as const) {
      expect(await madeOnce("two", asked, how)).toBe(how === "unheard" ? 1 : 0);
      expect(await madeOnce("one", claimed, how)).toBe(1);
      expect(await madeOnce("one", answered, how)).toBe(1);
    }
    await crew.lives("one", "two");
    await crew.allIsWell();
  });

  test("what a box has asked is done once, though that box dies at once", async () => {
    await eventually("it reaches the database", async () => {
      return (await crew.box("two").api().call("GET", "/fleet/nodes")).status === 200;
    });
    const word = `far-${++agents}`;
    const died = Promise.withResolvers<void>();
    wire("two").be({
      ...{ type: "trap", sees: /INSERT INTO "[a-z_0-9]+"\.calls/, commit: true, how: "unheard" },
      sprung: () =>
        void crew
          .box("two")
          .kill()
          .then(() => died.resolve()),
    });
    const body = { provider: "writes", task: word };
    // It may still say that it does not know.
    await crew
      .box("two")
      .api()
      .call("POST", "/nodes/one/projects/shop/agents", body)
      .catch(() => undefined);
    await died.promise;
    await eventually("it is done", () => crew.times(word) === 1);
    await crew.box("two").start();
    await crew.lives("one", "two");
    await eventually("no call is open", async () => {
      const rows = await postgres.sql.unsafe(
        `SELECT 1 FROM ${crew.fleet.table("calls")} WHERE state IN ('queued', 'claimed')`,
      );
      return rows.length === 0;
    });
    expect(crew.times(word)).toBe(1);
    await crew.allIsWell();
  });
});

function fail(name: string): never {
  throw new Error(`there is no wire of ${name}`);
}
