/**
 * "Forget it" must forget. Looked for the words of a deleted agent in every table and in the bytes of every file of the
 * store. Found: events, deliveries with their attempts, kept answers, free pages, the write-ahead log. The receiver's
 * inbox keeps what it was told for its own retention: it is another program's memory, and its pruning overwrites, too.
 */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "bun:sqlite";
import { initialState } from "../../../src/store/agent-state.ts";
import { fakeClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { deleteAgent, insertAgent } from "../../../src/store/agents.ts";
import { openStore } from "../../../src/store/database.ts";
import type { Store } from "../../../src/store/database.ts";
import { findDelivery, insertDelivery, recordAttempt } from "../../../src/store/deliveries.ts";
import { FORGOTTEN, startForgetting } from "../../../src/store/forget.ts";
import { createScope, inputScope, keepAnswer, keptAnswer } from "../../../src/store/idempotency.ts";
import { insertInput } from "../../../src/store/inputs.ts";
import { deleteProject, insertProject } from "../../../src/store/projects.ts";
import { eventually } from "../../support/api.ts";

const WORD = "squeamish-ossifrage";

function world(events = 3) {
  const dir = mkdtempSync(join(tmpdir(), "ah-forget-"));
  const path = join(dir, "harness.db");
  const store = openStore(path);
  store.transact(() => {
    insertProject(store, {
      name: "p",
      cwd: "/",
      trusted: null,
      webhook: null,
      defaults: {},
      budgetPerDay: null,
      createdAt: 1,
    });
    insertAgent(store, {
      id: "0000000a",
      project: "p",
      name: null,
      provider: "x",
      uuid: "u",
      state: initialState(1),
      settings: {
        model: null,
        permissions: null,
        systemPrompt: WORD,
        env: { TOKEN: WORD },
        webhook: null,
        metadata: {},
      },
      createdAt: 1,
      updatedAt: 1,
    });
    for (let i = 0; i < events; i++)
      store.run(
        "INSERT INTO events (project, agent, type, data, at) VALUES ('p', '0000000a', 'message', ?, 1)",
        JSON.stringify({ text: WORD }),
      );
    insertInput(store, { agent: "0000000a", key: "k", text: WORD, raw: false, mode: "queue", origin: "user" }, 1);
    for (const id of ["settled", "pending"]) {
      const body = JSON.stringify({ lastMessage: WORD });
      const about = { project: "p", agent: "0000000a", event: "agent_completed", url: "http://x/", own: true };
      insertDelivery(store, { id, ...about, token: WORD, body }, 1);
    }
    settle(store, "settled");
    for (const scope of [createScope("p"), inputScope("0000000a")])
      keepAnswer(
        store,
        {
          ...{ scope, key: "key", hash: "hash", status: 201, input: null, agent: "0000000a" },
          answer: JSON.stringify({ agent: { id: "0000000a", systemPrompt: WORD, env: [WORD] } }),
        },
        1,
      );
  });
  const holds = (): string[] =>
    readdirSync(dir).filter((name) => readFileSync(join(dir, name)).includes(Buffer.from(WORD)));
  const clock = fakeClock();
  const forgetting = startForgetting({ store, path, clock, log: silentLogger });
  return { dir, path, store, clock, forgetting, holds };
}

function settle(store: Store, id: string): void {
  const attempt = { at: 1, durationMs: 1, status: 200, error: null, response: WORD };
  const end = {
    state: "delivered" as const,
    nextAt: null,
    refusals: 0,
    delayMs: 0,
    waitedMs: 0,
    absentMs: 0,
    sinceAge: null,
    lastError: WORD,
  };
  recordAttempt(store, id, attempt, end, 2);
}

const remove = (store: Store): void => store.transact(() => deleteAgent(store, "0000000a"));

describe("a deleted agent", () => {
  test("leaves nothing it said in any file, once its last webhook is settled", () => {
    const { store, clock, forgetting, holds } = world();
    expect(holds()).not.toEqual([]);
    remove(store);
    expect(findDelivery(store, "pending")?.body).toContain(WORD);
    store.transact(() => settle(store, "pending"));
    forgetting.wake();
    clock.advance(5000);
    expect(holds()).toEqual([]);
    expect(findDelivery(store, "pending")).toMatchObject({ body: FORGOTTEN, state: "delivered", token: null });
  });

  test("keeps the numbers and kinds of its events, and its key still answers what was made", () => {
    const { store } = world();
    remove(store);
    expect(store.all("SELECT id, type, data FROM events")).toEqual(
      [1, 2, 3].map((id) => ({ id, type: "message", data: FORGOTTEN })),
    );
    expect(keptAnswer(store, createScope("p"), "key", "hash")?.answer).toContain("0000000a");
    expect(keptAnswer(store, inputScope("0000000a"), "key", "hash")).toBeNull();
    store.transact(() => deleteProject(store, "p"));
    expect(keptAnswer(store, createScope("p"), "key", "hash")).toBeNull();
  });

  test("with thousands of events is forgotten in batches, and by the next daemon when this one dies", () => {
    const { path, store, clock, forgetting } = world(1700);
    remove(store);
    const left = (each: Store) =>
      each.get<{ n: number }>("SELECT count(*) AS n FROM events WHERE data <> ?", FORGOTTEN)?.n;
    expect(left(store)).toBe(1200);
    clock.advance(25);
    expect(left(store)).toBe(700);
    forgetting.stop();
    store.close();
    const next = openStore(path);
    startForgetting({ store: next, path, clock, log: silentLogger });
    clock.advance(5000);
    expect(left(next)).toBe(0);
    expect(next.all("SELECT * FROM forgetting")).toEqual([]);
  });
});

describe("the file", () => {
  test("of a new store shrinks when much was deleted, without being written anew", () => {
    const { path, store, clock, forgetting } = world(20_000);
    store.transact(() => store.run("UPDATE events SET data = ?", JSON.stringify({ text: WORD.repeat(50) })));
    forgetting.wake();
    clock.advance(5000);
    const before = statSync(path).size;
    remove(store);
    forgetting.wake();
    clock.advance(60_000);
    expect(statSync(path).size).toBeLessThan(before / 4);
    expect(statSync(`${path}-wal`).size).toBe(0);
  });

  test("of an earlier version is written anew in a quiet minute, and then shrinks like others", async () => {
    const dir = mkdtempSync(join(tmpdir(), "ah-forget-"));
    const path = join(dir, "harness.db");
    const old = new Database(path, { create: true });
    old.exec("PRAGMA journal_mode = WAL; CREATE TABLE leftover (text TEXT)");
    old.exec(`INSERT INTO leftover VALUES ('${WORD}'); DELETE FROM leftover; DROP TABLE leftover`);
    old.close();
    const store = openStore(path);
    const mode = () => store.db.query("PRAGMA auto_vacuum").values()[0]?.[0];
    expect(mode()).toBe(0);
    const clock = fakeClock();
    const forgetting = startForgetting({ store, path, clock, log: silentLogger });
    forgetting.quiet();
    await eventually("the mode of new ones", () => mode() === 2);
    expect(readFileSync(path).includes(Buffer.from(WORD))).toBe(false);
    store.close();
  });
});
