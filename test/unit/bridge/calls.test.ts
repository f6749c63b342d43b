/**
 * What is read of a turn. OpenCode gives the newest messages by their ids, which are times of its clock: looked for
 * where a set clock hides something (the looking up of an input reads all of them in doubt already).
 */
import { expect, test } from "bun:test";
import type { Client } from "../../../src/bridge/client.ts";
import { createCalls } from "../../../src/bridge/calls.ts";
import type { CoreInput } from "../../../src/bridge/core-io.ts";
import { systemClock } from "../../../src/lib/clock.ts";

const ROOT = "ses_root";
const id = (n: number): string => `msg_${String(n).padStart(12, "0")}x`;
const user = (n: number) => ({ info: { id: id(n), sessionID: ROOT, role: "user", time: { created: 1 } }, parts: [] });
const answer = (n: number, to: number, finish = "stop") => ({
  info: { ...user(n).info, role: "assistant", parentID: id(to), finish, time: { created: 1, completed: 2 } },
  parts: [],
});

/** Resolves with the ids that were read, and by how many requests. */
function readTurn(stored: readonly { info: { id: string } }[], anchor: number): Promise<readonly [string[], number]> {
  const ordered = stored.toSorted((a, b) => (a.info.id < b.info.id ? -1 : 1));
  let pages = 0;
  const get: Client["get"] = async (path, query = {}) => {
    if (!path.endsWith("/message")) return { ok: true, status: 200, value: path.endsWith("/children") ? [] : {} };
    pages += 1;
    return { ok: true, status: 200, value: ordered.slice(-Number(query["limit"] ?? Infinity)) };
  };
  return new Promise((resolve) => {
    const onInput = (incoming: CoreInput): void => {
      if (incoming.h !== "turn_read") throw new Error(`read ${incoming.h}`);
      resolve([incoming.truth.messages.map(({ info }) => info.id), pages]);
    };
    const never = async (): Promise<never> => Promise.reject(new Error("nothing is sent"));
    const client = { get, post: never, stream: never };
    const options = { session: ROOT, model: null, system: null, clock: systemClock, onInput };
    createCalls({ ...options, client })({ do: "read_turn", anchor: id(anchor) });
  });
}

const before = (from: number) => Array.from({ length: 60 }, (_, n) => answer(from + n, from));

test("of a long session, the page that holds the turn is enough", async () => {
  const [found, pages] = await readTurn([...before(100), user(500), answer(501, 500)], 500);
  expect(found).toContain(id(501));
  expect(pages).toBe(1);
});

// The answer stood far before the newest: the turn was told as failed, without an answer.
test("an answer of after the clock was set back is found behind all that was made before it", async () => {
  const [found] = await readTurn([...before(10_000), user(10_500), answer(300, 10_500)], 10_500);
  expect(found).toContain(id(300));
});

test("a step that calls tools does not end the turn: the next one may be of after the clock was set back", async () => {
  const steps = [user(10_500), answer(10_501, 10_500, "tool-calls"), answer(300, 10_500)];
  const [found] = await readTurn([...before(10_000), ...steps], 10_500);
  expect(found).toContain(id(300));
});
