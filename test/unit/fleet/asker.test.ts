/** An answer that comes at once is seen at once: its hint may come before anybody waits for it. */
import { expect, test } from "bun:test";
import { createAsker } from "../../../src/fleet/asker.ts";
import type { Ask, Database, Rows } from "../../../src/fleet/database.ts";
import type { Hints } from "../../../src/fleet/hints.ts";
import type { Member } from "../../../src/fleet/member.ts";
import type { FleetNode } from "../../../src/fleet/registry.ts";
import { fakeClock } from "../../../src/lib/clock.ts";

const pair = await crypto.subtle.generateKey({ name: "X25519" }, true, ["deriveBits"]);
if (!("publicKey" in pair)) throw new Error("the runtime made one key instead of two");
const open = pair.publicKey as CryptoKey; // X25519 makes two
const publicKey = Buffer.from(await crypto.subtle.exportKey("raw", open)).toString("base64");

test("an answer whose hint came before its question was known to stand is not waited for", async () => {
  const heard: (() => void)[] = [];
  const hints: Hints = {
    onHint: (it) => void heard.push(it),
    heard: true,
    begin: () => undefined,
    stop: () => undefined,
  };
  let done = false;
  const ask: Ask = async (statement, first) => {
    const part = Buffer.from("{}");
    const rows = !done
      ? []
      : /SELECT c.status, a.part/.test(statement)
        ? [{ status: 200, part }]
        : /SELECT id FROM ~calls WHERE id = ANY/.test(statement)
          ? [{ id: String(first).replaceAll(/[{}"]/g, "") }]
          : [];
    const answer: Rows = Object.assign(rows, { count: rows.length });
    return answer;
  };
  const database = {
    ask,
    async transact<T>(work: (inside: Ask) => Promise<T>): Promise<T> {
      const result = await work(ask);
      done = true; // the other box is that quick
      for (const each of heard) each();
      return result;
    },
  } as unknown as Database;
  const asker = createAsker({
    ...{ database, schema: "s", hints, clock: fakeClock(), newId: () => "1" },
    member: () => ({ no: 1, session: "s", name: "me" }) as unknown as Member,
  });
  const asking = asker.ask({
    node: { no: 2, name: "other", publicKey, seenAt: "" } as unknown as FleetNode,
    request: { method: "GET", path: "/", headers: {}, body: "" },
    ...{ shown: "/", ttlMs: 1000, patienceMs: 1000, signal: new AbortController().signal },
  });
  // No time passes by its clock.
  const answer = await Promise.race([asking, Bun.sleep(3000).then(() => null)]);
  expect(answer?.type).toBe("answered");
});
