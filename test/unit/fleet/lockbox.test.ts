/** Secrets of a task while it waits in the pool: seen by nobody without the key, and good for that task alone. */
import { expect, test } from "bun:test";
import { keyId, lockSecrets, unlockSecrets } from "../../../src/fleet/lockbox.ts";

const [one = "", two = ""] = ["1", "2"].map((each) => btoa(each.repeat(32)));
const body = {
  task: "say it",
  env: { TOKEN: "hidden-word" },
  webhook: { url: "http://127.0.0.1/x", token: "hidden-too" },
  attachments: [{ name: "a", data: "aGlkZGVu" }],
};

test("env, webhook and attachments are sealed, the rest can be read, and the key brings all of it back", async () => {
  const { body: locked, key } = await lockSecrets([one, two], "t1", body);
  expect([Object.keys(locked), key]).toEqual([["task", "sealed"], keyId(one)]);
  expect(JSON.stringify(locked)).not.toMatch(/hidden|aGlkZGVu|TOKEN/);
  for (const keys of [[one], [two, one]])
    expect(JSON.parse(await unlockSecrets(keys, "t1", JSON.stringify(locked)))).toEqual(body);
  const again = await lockSecrets([one], "t1", body);
  expect(again.body["sealed"]).not.toBe(locked["sealed"] ?? "");
});

test("neither another key nor another task opens them, nor does a changed text", async () => {
  const { body: locked } = await lockSecrets([one], "t1", body);
  const text = JSON.stringify(locked);
  await expect(unlockSecrets([two], "t1", text)).rejects.toThrow(`with the fleet.key of this box (${keyId(two)})`);
  await expect(unlockSecrets([], "t1", text)).rejects.toThrow("this box has no fleet.key");
  await expect(unlockSecrets([one], "t2", text)).rejects.toThrow("cannot be opened");
  const bytes = Buffer.from(String(locked["sealed"]), "base64");
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  const changed = JSON.stringify({ ...locked, sealed: bytes.toString("base64") });
  await expect(unlockSecrets([one], "t1", changed)).rejects.toThrow("cannot be opened");
});

test("without a key a task with variables or a token is refused, and one without secrets is not", async () => {
  const refused = { name: "HarnessError", code: "FLEET_KEY" };
  await expect(lockSecrets([], "t", { task: "x", env: { A: "b" } })).rejects.toMatchObject(refused);
  await expect(lockSecrets([], "t", { task: "x", webhook: { url: "http://h/", token: "x" } })).rejects.toMatchObject(refused);
  const open = { task: "x", env: {}, webhook: { url: "http://h/" }, attachments: [{ name: "a", data: "eA==" }] };
  expect(await lockSecrets([], "t", open)).toEqual({ body: open, key: null });
  expect(await lockSecrets([one], "t", { task: "x", env: {} })).toEqual({ body: { task: "x", env: {} }, key: null });
});
