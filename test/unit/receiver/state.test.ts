/**
 * The receiver's state directory and its store in bad times. Kinds looked for: (a) a folder that was there before,
 * readable by others (found: the folder, `inbox.db`, `lock.db`, the folder `openclaw`); (b) a full disk (found: 503
 * with a cause that nobody sees; the boot that ended); (c) a foreign lock that blocks the event loop (found: 5 s a try,
 * and once for each of a group of webhooks).
 */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { createReceiverApp } from "../../../src/receiver/app.ts";
import { openStateDir, type StateDir } from "../../../src/receiver/state.ts";

let dir: string;
let state: StateDir | null;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ah-receiver-state-"));
  state = null;
});
afterEach(() => {
  state?.release();
  rmSync(dir, { recursive: true, force: true });
});

const open = async (log = silentLogger): Promise<StateDir> =>
  (state = await openStateDir(join(dir, "state"), ["discord"], { clock: systemClock, log }));

const event = {
  event: "agent_completed",
  project: "p",
  agentId: "a",
  provider: "x",
  status: "idle",
  lastMessage: null,
  timestamp: "2026-01-01T00:00:00Z",
};

function poster({ inbox }: StateDir): (id: string) => Promise<Response> {
  const app = createReceiverApp({
    inbox,
    workers: new Map(),
    token: null,
    signingKey: null,
    ownNames: [],
    allowedHosts: [],
    clock: systemClock,
    log: silentLogger,
  });
  return async (id) =>
    await app.fetch(
      new Request("http://127.0.0.1/harness-webhook", {
        method: "POST",
        headers: { "content-type": "application/json", "webhook-id": id },
        body: JSON.stringify(event),
      }),
    );
}

test("a folder that others could read is closed, with what lies in it, and that is said", async () => {
  const folder = join(dir, "state");
  mkdirSync(join(folder, "openclaw"), { recursive: true });
  writeFileSync(join(folder, "inbox.db"), "");
  for (const path of [folder, join(folder, "openclaw"), join(folder, "inbox.db")]) chmodSync(path, 0o755);
  const warned: string[] = [];
  await open({ ...silentLogger, warn: (_, fields) => void warned.push(JSON.stringify(fields)) });
  for (const path of [folder, join(folder, "openclaw"), join(folder, "inbox.db")])
    expect(statSync(path).mode & 0o077).toBe(0);
  expect(warned).toHaveLength(1);
  expect(warned[0]).toContain(join(folder, "inbox.db"));
});

test("a lock of somebody else is waited for at the start", async () => {
  (await open()).release();
  const foreign = new Database(join(dir, "state", "inbox.db"));
  foreign.exec("BEGIN EXCLUSIVE");
  const waited: string[] = [];
  const opening = open({ ...silentLogger, warn: (msg) => void waited.push(msg) });
  await Bun.sleep(50);
  foreign.exec("ROLLBACK");
  foreign.close();
  await opening;
  expect(waited).toContain("cannot start yet, will try again until it can");
});

test("a lock of somebody else delays a webhook, and blocks nobody meanwhile", async () => {
  const post = poster(await open());
  const foreign = new Database(join(dir, "state", "inbox.db"));
  foreign.exec("BEGIN IMMEDIATE");
  const answers = Promise.all(Array.from({ length: 100 }, (_, n) => post(`m${n}`)));
  let longest = 0;
  for (let n = 0; n < 30; n++) {
    const before = performance.now();
    await Bun.sleep(10);
    longest = Math.max(longest, performance.now() - before);
  }
  foreign.exec("ROLLBACK");
  foreign.close();
  expect((await answers).map(({ status }) => status)).toEqual(Array(100).fill(202));
  // One try blocks for 50 ms; a hundred would take five seconds.
  expect(longest).toBeLessThan(4000);
});

test("a lock that stays is 503 with a time to come back, and nothing is claimed", async () => {
  const post = poster(await open());
  const foreign = new Database(join(dir, "state", "inbox.db"));
  foreign.exec("BEGIN IMMEDIATE");
  const answer = await post("m1");
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "30"]);
  foreign.exec("ROLLBACK");
  foreign.close();
  expect((await post("m1")).status).toBe(202);
});

test("a full disk is 507 with a time to come back, and the same webhook passes later", async () => {
  const opened = await open();
  const post = poster(opened);
  const { page_count } = opened.inbox.store.db.query("PRAGMA page_count").get() as { page_count: number };
  opened.inbox.store.db.exec(`PRAGMA max_page_count = ${page_count}`);
  const answers = await Promise.all(Array.from({ length: 60 }, (_, n) => post(`m${n}`)));
  const full = answers.filter(({ status }) => status === 507);
  expect(full.length).toBeGreaterThan(0);
  expect(full[0]?.headers.get("retry-after")).toBe("30");
  opened.inbox.store.db.exec("PRAGMA max_page_count = 1000000");
  expect((await post("m59")).status).toBe(202);
});

test("a lock file that somebody else has by now displaces us", async () => {
  const opened = await open();
  rmSync(join(dir, "state", "lock.db"));
  const other = new Database(join(dir, "state", "lock.db"), { create: true });
  other.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
  expect((await opened.displaced).code).toBe("LOCKED");
  other.close();
});
