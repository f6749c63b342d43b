/** What changes folders and branches does it once under one key: a client that asks again gets what it missed. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Answer, Json } from "../support/api.ts";
import { picture, user } from "../unit/workspaces/ground.ts";
import type { World } from "./workspaces.world.ts";
import { world } from "./workspaces.world.ts";

setDefaultTimeout(120_000);

let w: World;
afterEach(() => w.daemon.close());

const key = { "Idempotency-Key": "asked-once" };
const ask = (path: string, body?: unknown): Promise<Answer> => w.api().call("POST", path, body, key);
const replayed = ({ headers }: Answer): string | null => headers.get("idempotency-replayed");

/** The same from this daemon and from the next one; another body is refused, and does nothing. */
async function asksAgain(path: string, first: Answer, body: unknown, other: unknown): Promise<void> {
  expect([first.status, replayed(first)]).toEqual([200, null]);
  for (const again of [await ask(path, body), await w.daemon.restart().then(() => ask(path, body))])
    expect([again.status, again.body, replayed(again)]).toEqual([200, first.body, "true"]);
  const refused = await ask(path, other);
  expect([refused.status, String(refused.body["error"])]).toEqual([422, "IDEMPOTENCY_MISMATCH"]);
}

test("a folder is brought back once: what was written into it afterwards stays", async () => {
  w = await world();
  const worker = await w.agent("echo one > a");
  const path = `${worker.path}/snapshots/0/restore`;
  const first = await ask(path, {});
  const file = join(worker.folder, "a");
  expect(readFileSync(file, "utf8")).toBe("1\n");
  writeFileSync(file, "later\n");
  await asksAgain(path, first, {}, { paths: ["a"] });
  expect(readFileSync(file, "utf8")).toBe("later\n");
  const { snapshots } = await w.api().get(`${worker.path}/snapshots`);
  // A second one would have kept what it replaced.
  const before = String(first.body["before"]);
  expect([...(snapshots ?? [])].map((each) => String(each["id"]))).toEqual(["0", "1", before, `${before}-after`]);
});

test("asked for twice at once, it is brought back twice, one after the other, and what lay there stays kept", async () => {
  w = await world();
  const worker = await w.agent("for i in $(seq 50); do echo $i > f$i; done");
  writeFileSync(join(worker.folder, "mine"), "not kept yet\n");
  const there = picture(worker.folder, { without: [".git"] });
  const back = (name: string): Promise<Json> => w.api().post(`${worker.path}/snapshots/${name}/restore`, {});
  const both = await Promise.all([back("0"), back("1")]);
  expect(both.map(({ before }) => String(before)).sort()).toEqual(["r1", "r2"]);
  await back("r1");
  expect(picture(worker.folder, { without: [".git"] })).toEqual(there);
  await w.api().call("DELETE", `${worker.path}?discard=1`);
  const recover = (): Promise<Answer> => w.api().call("POST", `/workspaces/${worker.id}/recover`);
  const answers = await Promise.all([recover(), recover(), recover()]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(picture(worker.folder, { without: [".git"] })).toEqual(there);
});

test("a branch is moved once: what the agent did afterwards is not merged by the same question", async () => {
  w = await world();
  const worker = await w.agent("echo x > x");
  const path = `${worker.path}/merge`;
  const body = { into: "review" };
  const first = await ask(path, body);
  await worker.does("echo y > y");
  await asksAgain(path, first, body, { into: "other" });
  expect(user(w.cwd, ["rev-parse", "review"]).trim()).toBe(String(first.body["commit"]));
  expect(user(w.cwd, ["branch", "--list", "other"])).toBe("");
});

test("a merge that was refused is refused again under its key, also when it could be done by now", async () => {
  w = await world();
  const worker = await w.agent("echo x > x");
  const path = `${worker.path}/merge`;
  const before = user(w.cwd, ["rev-parse", "main"]);
  const first = await ask(path, {});
  expect([first.status, String(first.body["error"])]).toEqual([409, "BRANCH_IN_USE"]);
  user(w.cwd, ["checkout", "-q", "-b", "elsewhere"]);
  const again = await ask(path, {});
  expect([again.status, again.body, replayed(again)]).toEqual([409, first.body, "true"]);
  expect(user(w.cwd, ["rev-parse", "main"])).toBe(before);
});

test("the folder of an agent that is gone comes back once", async () => {
  w = await world();
  const worker = await w.agent("echo x > x");
  expect((await w.api().call("DELETE", `${worker.path}?discard=1`)).status).toBe(204);
  const path = `/workspaces/${worker.id}/recover`;
  const first = await ask(path);
  const file = join(worker.folder, "x");
  expect(readFileSync(file, "utf8")).toBe("x\n");
  writeFileSync(file, "later\n");
  await asksAgain(path, first, undefined, {});
  expect(readFileSync(file, "utf8")).toBe("later\n");
});
