/** Every route that changes something does it once under one key, and answers what it answered, over a restart too. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isKeyed } from "../../src/api/answers/route.ts";
import type { Answer } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import { FAKES } from "../support/binary.ts";
import { script } from "../support/cli.ts";
import type { TestDaemon } from "../support/daemon.ts";
import { testDaemon } from "../support/daemon.ts";
import { apiTable } from "../support/described.ts";

setDefaultTimeout(30_000);

let daemon: TestDaemon;
const dir = mkdtempSync(join(tmpdir(), "ah-keyed-"));
/** Where webhooks go and nobody takes them. */
const webhook = { url: "http://127.0.0.1:1/" };
beforeAll(async () => {
  const claude = { kind: "claude-code", command: [process.execPath, join(FAKES, "claude.ts")] };
  const providers = {
    slow: { kind: "command", command: ["sleep", "60"] },
    asker: { ...claude, account: "asker" },
    limited: { ...claude, account: "limited", env: { FAKE_LIMIT: join(dir, "limit") } },
  };
  daemon = await testDaemon({ providers, webhook });
  await daemon.api().post("/projects", { name: "p", cwd: daemon.cwd });
});
afterAll(async () => {
  await daemon.close();
  rmSync(dir, { recursive: true });
});

const AGENT = "/projects/p/agents";
const make = async (): Promise<string> => {
  const { agent } = await daemon.api().post(AGENT, { provider: "slow", task: "wait" });
  const path = `${AGENT}/${String(agent?.["id"])}`;
  // What its start tells is told before anything is counted.
  await eventually("its program to have its input", async () => {
    const { inputs } = await daemon.api().get(`${path}/inputs`);
    return String(inputs?.[0]?.["state"]) === "accepted";
  });
  return path;
};
const project = async (name: string): Promise<string> => {
  await daemon.api().post("/projects", { name, cwd: daemon.cwd });
  return `/projects/${name}`;
};
const delivery = async (): Promise<string> => {
  const answer = await daemon.api().post("/webhook/test");
  return `/deliveries/${String(answer["delivery"]?.["id"])}`;
};

/** How each is asked; what it is asked about is made before. */
const ASKED: Readonly<Record<string, () => Promise<readonly [string, unknown?]>>> = {
  "POST /api/v1/projects": async () => ["/projects", { name: "q", cwd: daemon.cwd }],
  "PATCH /api/v1/projects/:name": async () => [await project(`r-${++keys}`), { defaults: { model: "m" } }],
  "DELETE /api/v1/projects/:name": async () => [await project(`s-${++keys}`)],
  "POST /api/v1/projects/:name/agents": async () => [AGENT, { provider: "slow", name: "made" }],
  "PATCH /api/v1/projects/:name/agents/:id": async () => [await make(), { name: "renamed" }],
  "DELETE /api/v1/projects/:name/agents/:id": async () => [await make()],
  "POST /api/v1/projects/:name/agents/:id/input": async () => [`${await make()}/input`, { text: "more" }],
  "DELETE /api/v1/projects/:name/agents/:id/inputs/:n": async () => {
    const agent = await make();
    const { input } = await daemon.api().post(`${agent}/input`, { text: "more" });
    return [`${agent}/inputs/${String(input?.["n"])}`];
  },
  "POST /api/v1/projects/:name/agents/:id/inputs/release": async () => [`${await make()}/inputs/release`],
  "POST /api/v1/projects/:name/agents/:id/abort": async () => [`${await make()}/abort`],
  "POST /api/v1/projects/:name/agents/:id/stop": async () => [`${await make()}/stop`],
  "POST /api/v1/projects/:name/agents/:id/resume": async () => [`${await make()}/resume`],
  "POST /api/v1/accounts/:account/retry": async () => {
    await make();
    const name = await eventually("an account", async () => {
      const accounts = (await daemon.api().get("/accounts"))["accounts"];
      return accounts?.[0]?.["name"];
    });
    return [`/accounts/${encodeURIComponent(String(name))}/retry`];
  },
  "POST /api/v1/deliveries/:id/redeliver": async () => [`${await delivery()}/redeliver?fresh=1`],
  "POST /api/v1/webhook/test": async () => ["/webhook/test"],
};
/** What these are asked about takes more to make: they have tests of their own, of the same kind. */
const ELSEWHERE: Readonly<Record<string, "workspaces-keyed.test.ts" | "below">> = {
  "POST /api/v1/projects/:name/agents/:id/snapshots/:snapshot/restore": "workspaces-keyed.test.ts",
  "POST /api/v1/projects/:name/agents/:id/merge": "workspaces-keyed.test.ts",
  "POST /api/v1/workspaces/:workspace/recover": "workspaces-keyed.test.ts",
  "POST /api/v1/projects/:name/agents/:id/permissions/:pid": "below",
  "POST /api/v1/projects/:name/agents/:id/limit/skip": "below",
};

let keys = 0;
const newKey = () => ({ "Idempotency-Key": `key-${++keys}` });
const eventCount = async (): Promise<number> => {
  const db = new Database(join(daemon.dir, "state", "harness.db"), { readonly: true });
  const row = db
    .query<{ n: number }, []>("SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM deliveries) AS n")
    .get();
  db.close();
  return row?.n ?? 0;
};

test("every keyed route of the table is asked here", () => {
  const keyed = apiTable
    .filter(({ method, path }) => isKeyed(method, path))
    .map(({ method, path }) => `${method} ${path}`);
  expect([...Object.keys(ASKED), ...Object.keys(ELSEWHERE)].sort()).toEqual(keyed.sort());
});

describe.each(Object.keys(ASKED))("%s", (named) => {
  test("does it once under one key, now and after a restart", async () => {
    const [path, body] = (await ASKED[named]?.()) ?? [""];
    const [method = ""] = named.split(" ");
    const key = newKey();
    const ask = (): Promise<Answer> => daemon.api().call(method, path, body, key);
    const first = await ask();
    expect(first.status).toBeLessThan(300);
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    // What follows by itself (a program that ends) is over before it is counted what a repetition adds.
    let before = -1;
    let looks = 0;
    await eventually("it is quiet", async () => {
      const now = await eventCount();
      looks = now === before ? looks + 1 : 0;
      before = now;
      return looks === 6;
    });
    const again = await ask();
    expect([again.status, again.body, again.headers.get("idempotency-replayed")]).toEqual([
      first.status,
      first.body,
      "true",
    ]);
    expect(await eventCount()).toBe(before);
    await daemon.restart();
    const later = await ask();
    expect([later.status, later.headers.get("idempotency-replayed")]).toEqual([first.status, "true"]);
  });

  test("refuses the key for another body", async () => {
    const [path, body] = (await ASKED[named]?.()) ?? [""];
    if (typeof body !== "object" || body === null) return;
    const [method = ""] = named.split(" ");
    const key = newKey();
    const unique = { ...body, ...("name" in body ? { name: `other-${keys}` } : {}) };
    expect((await daemon.api().call(method, path, unique, key)).status).toBeLessThan(300);
    const other = await daemon.api().call(method, path, { ...unique, metadata: {} }, key);
    expect([400, 422]).toContain(other.status); // where it takes no metadata, it is refused for that
  });
});

describe("of an agent that waits", () => {
  const replayed = ({ headers }: Answer): string | null => headers.get("idempotency-replayed");
  const waiting = async (provider: string, task: string, status: string): Promise<string> => {
    const { agent } = await daemon.api().post(AGENT, { provider, task });
    const path = `${AGENT}/${String(agent?.["id"])}`;
    await eventually(status, async () => String((await daemon.api().get(path))["agent"]?.["status"]) === status);
    return path;
  };
  const repeated = async (path: string, body: unknown, key: Record<string, string>, first: Answer): Promise<void> => {
    for (const again of [
      await daemon.api().call("POST", path, body, key),
      await daemon.restart().then(() => daemon.api().call("POST", path, body, key)),
    ])
      expect([again.status, again.body, replayed(again)]).toEqual([200, first.body, "true"]);
  };

  test("for an answer: it gets one, and the same key takes no other", async () => {
    const path = await waiting("asker", script({ ask: "Bash", input: { command: "ls" }, result: "" }), "waiting_input");
    const { permissions } = await daemon.api().get(`${path}/permissions`);
    const one = `${path}/permissions/${String([...(permissions ?? [])][0]?.["id"])}`;
    const key = newKey();
    const first = await daemon.api().call("POST", one, { decision: "allow" }, key);
    expect([first.status, replayed(first)]).toEqual([200, null]);
    const other = await daemon.api().call("POST", one, { decision: "deny" }, key);
    expect([other.status, String(other.body["error"])]).toEqual([422, "IDEMPOTENCY_MISMATCH"]);
    await daemon.api().get(`${path}/wait?timeout=30`);
    await repeated(one, { decision: "allow" }, key, first);
    const { permissions: after } = await daemon.api().get(`${path}/permissions`);
    expect([...(after ?? [])].map((each) => String(each["answer"]?.["decision"]))).toEqual(["allow"]);
  });

  test("for its account: it tries once, and is not asked again when it waits no longer", async () => {
    writeFileSync(join(dir, "limit"), String(Date.now() + 3_600_000));
    const path = await waiting("limited", "hello", "limited");
    rmSync(join(dir, "limit"));
    const key = newKey();
    const first = await daemon.api().call("POST", `${path}/limit/skip`, undefined, key);
    expect([first.status, replayed(first)]).toEqual([200, null]);
    await eventually("the turn to end", async () => {
      const { agent } = await daemon.api().get(path);
      return String(agent?.["status"]) === "idle";
    });
    expect((await daemon.api().call("POST", `${path}/limit/skip`)).status).toBe(409);
    await repeated(`${path}/limit/skip`, undefined, key, first);
  });
});

describe("what leaves the store", () => {
  test("is not done again when nobody knows whether it was done", async () => {
    const agent = await make();
    const key = newKey();
    expect((await daemon.api().call("POST", `${agent}/abort`, undefined, key)).status).toBe(200);
    await daemon.restart(() => {
      const db = new Database(join(daemon.dir, "state", "harness.db"));
      // As a daemon leaves it that was killed between the deed and its answer.
      db.query("UPDATE idempotency SET status = 0, answer = '' WHERE key = ?").run(key["Idempotency-Key"]);
      db.close();
    });
    await daemon.api().post(`${agent}/input`, { text: "another turn" });
    const again = await daemon.api().call("POST", `${agent}/abort`, undefined, key);
    expect([again.status, String(again.body["error"])]).toEqual([409, "OUTCOME_UNKNOWN"]);
    const { agent: now } = await daemon.api().get(agent);
    expect(["starting", "processing"]).toContain(String(now?.["status"])); // the other turn goes on
  });

  test("is done once when it is asked twice at the same time", async () => {
    const agent = await make();
    const key = newKey();
    const [one, two] = await Promise.all([1, 2].map(() => daemon.api().call("POST", `${agent}/stop`, undefined, key)));
    expect([one?.status, two?.status, two?.body]).toEqual([200, 200, one?.body]);
  });
});
