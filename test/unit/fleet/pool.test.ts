/** A task is given back only when nothing of it was stored here, whatever the making of its agent answered. */
import { expect, test } from "bun:test";
import type { ApiDeps } from "../../../src/api/deps.ts";
import { answerOnce } from "../../../src/api/idempotent.ts";
import type { Database, Rows } from "../../../src/fleet/database.ts";
import type { Hints } from "../../../src/fleet/hints.ts";
import type { Member } from "../../../src/fleet/member.ts";
import { createPool } from "../../../src/fleet/pool.ts";
import { createTurns } from "../../../src/fleet/turns.ts";
import type { App } from "../../../src/http/router.ts";
import { fakeClock } from "../../../src/lib/clock.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { openStore } from "../../../src/store/database.ts";
import { findFleetTask, holdTask } from "../../../src/store/fleet-tasks.ts";

const GIVEN_BACK = /SET state = 'queued'[^]*refused = CASE/;

/** A node that was let start the one task it holds; gives what it asks of the database then. */
async function asked(made: boolean, status: number): Promise<{ statements: readonly string[]; step: string }> {
  const clock = fakeClock();
  const store = openStore(":memory:");
  const statements: string[] = [];
  const row = {
    id: "t",
    claim: 1,
    project: "p",
    body: "{}",
    state: "starting",
    claimed_by: 1,
    session: "s",
    trusted: true,
  };
  const ask = async (statement: string): Promise<Rows> => {
    statements.push(statement);
    const rows = /claimed_by = \$1 AND state IN/.test(statement) ? [{ ...row, cancel: false, sealed_with: null }] : [];
    return Object.assign(rows, { count: rows.length });
  };
  const api = {
    store,
    clock,
    config: { stateDir: "/nowhere" },
    supervisor: { ready: false, find: () => null },
  } as unknown as ApiDeps;
  store.transact(() => holdTask(store, { task: "t", claim: 1, project: "p", body: "{}" }));
  const pool = createPool({
    api,
    database: { ask } as unknown as Database,
    member: () => ({ no: 1, session: "s" }) as unknown as Member,
    hints: {} as unknown as Hints,
    app: {
      fetch: async (req: Request) => {
        const answer = { status: 201, body: { agent: { id: "made" } } };
        const keep = (kept: (it: typeof answer) => void) => store.transact(() => (kept(answer), answer));
        if (made) answerOnce(api, { scope: "make", req, bodyBytes: new Uint8Array() }, keep);
        return new Response('{"error":"INTERNAL","message":"it went wrong"}', { status });
      },
    } as unknown as App,
    ...{ capacity: 1, keys: [], turns: createTurns(), seam: () => undefined },
    log: createLogger({ level: "error", write: () => undefined, clock }),
  });
  pool.wake();
  for (let i = 0; i < 20; i++) {
    clock.advance(100);
    await Bun.sleep(0);
  }
  pool.stop();
  const step = findFleetTask(store, "t")?.step ?? "none";
  store.close();
  return { statements, step };
}

test("a task whose agent was made is not given back, though a failure was answered", async () => {
  const { statements, step } = await asked(true, 500);
  expect(step).toBe("running");
  expect(statements.filter((each) => GIVEN_BACK.test(each))).toEqual([]);
});

test("a task whose agent was refused is given back", async () => {
  const { statements, step } = await asked(false, 409);
  expect(step).toBe("held");
  expect(statements.some((each) => GIVEN_BACK.test(each))).toBe(true);
});
