/** What is sealed for one box can be opened by that box alone, and not be changed on the way. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identityOf } from "../../../src/fleet/identity.ts";
import { seal, unseal } from "../../../src/fleet/seal.ts";
import { openStore } from "../../../src/store/database.ts";

const dir = mkdtempSync(join(tmpdir(), "ah-seal-"));
const box = async (name: string) => {
  const store = openStore(join(dir, name));
  try {
    return await identityOf(store, () => crypto.randomUUID());
  } finally {
    store.close();
  }
};
const one = await box("one.db");
const other = await box("other.db");
const again = await box("one.db");
rmSync(dir, { recursive: true });
const plain = Buffer.from("what is said");

test("the box it is for opens it, also after a restart", async () => {
  expect(again).toEqual(one);
  const sealed = await seal(one.publicKey, plain);
  expect(Buffer.from(await unseal(again.privateKey, sealed)).toString()).toBe("what is said");
});

test("nobody else does", async () => {
  const sealed = await seal(one.publicKey, plain);
  expect(unseal(other.privateKey, sealed)).rejects.toThrow();
});

test("a changed byte is noticed, wherever it stands", async () => {
  const sealed = await seal(one.publicKey, plain);
  for (const at of [40, 50, sealed.length - 1]) {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(unseal(one.privateKey, changed)).rejects.toThrow();
  }
});

test("the same words twice look different", async () => {
  expect(await seal(one.publicKey, plain)).not.toEqual(await seal(one.publicKey, plain));
});
