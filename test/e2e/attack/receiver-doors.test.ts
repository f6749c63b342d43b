/**
 * Attack table: who may come into the receiver; against the compiled program, byte by byte. Every form of a wrong
 * credential, of a foreign `Host` and of a foreign `Origin` that is tried on the daemon's routes, and HTTP that two
 * readers would read differently. Whatever is refused is stored nowhere.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { FOREIGN_HOSTS, foreignOrigins, wrongCredentials } from "../../support/doors.ts";
import { rawRequest } from "../../support/raw.ts";
import { makeBox, postEvent, until } from "../receiver-helpers.ts";
import type { Door } from "./receiver-door.ts";
import { BODY, SECRET, TOKEN, openDoor, refusal } from "./receiver-door.ts";

let door: Door;
let storedBefore = 0;

beforeAll(async () => void (door = await openDoor()), 120_000);
afterAll(() => door.close());
beforeEach(async () => void (storedBefore = await door.stored()));

const ROUTES = [
  ["POST", "/harness-webhook"],
  ["GET", "/deliveries"],
  ["GET", "/deliveries/x"],
  ["POST", "/deliveries/x/redeliver"],
  ["GET", "/metrics"],
  ["GET", "/nothing/there"],
] as const;

test("the right one comes in, and its repeat is a repeat", async () => {
  const { headers } = door.right();
  expect((await door.ask("POST", "/harness-webhook", headers, BODY)).status).toBe(202);
  expect((await door.ask("POST", "/harness-webhook", headers, BODY)).status).toBe(200);
  expect(await door.stored()).toBe(storedBefore + 1);
});

describe("without the right token nothing is told or taken", () => {
  test.each(wrongCredentials(TOKEN).map((form) => [form.what, form] as const))("%s", async (_what, form) => {
    const { authorization: _, ...rest } = door.right().headers;
    for (const [method, path] of ROUTES) {
      const answer = await door.ask(method, `${path}${form.query ?? ""}`, { ...rest, ...form.headers }, BODY);
      // Wrong ones are slowed down together.
      expect([path, [401, 429].includes(answer.status), refusal(answer)[1]]).toEqual([
        path,
        true,
        answer.status === 429 ? "TOO_MANY_ATTEMPTS" : "UNAUTHORIZED",
      ]);
    }
    expect(await door.stored()).toBe(storedBefore);
  });

  test("and after all of these the right one does not wait", async () =>
    expect((await door.webhook()).status).toBe(202));
});

describe("under a name that may be an attacker's nothing is told or taken, though all else is right", () => {
  test.each([...FOREIGN_HOSTS])("Host: %s", async (host) => {
    for (const [method, path] of [...ROUTES, ["GET", "/health"] as const]) {
      const answer = await door.ask(method, path, { ...door.right().headers, Host: host }, BODY);
      expect([path, ...refusal(answer)]).toEqual([path, 403, "FORBIDDEN_HOST"]);
    }
    expect(await door.stored()).toBe(storedBefore);
  });
});

test("for a page of another site nothing is told or taken, though all else is right", async () => {
  for (const origin of foreignOrigins(door.port)) {
    for (const [method, path] of [...ROUTES, ["GET", "/health"] as const]) {
      const answer = await door.ask(method, path, { ...door.right().headers, Origin: origin }, BODY);
      expect([origin, path, ...refusal(answer)]).toEqual([origin, path, 403, "FORBIDDEN_ORIGIN"]);
    }
  }
  expect(await door.stored()).toBe(storedBefore);
});

describe("HTTP that two readers would read differently is not taken", () => {
  const head = (): string =>
    `POST /harness-webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\n`;
  const smuggled = `GET /deliveries HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`;
  const rows: readonly (readonly [string, string])[] = [
    ["a length and chunks", `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ["two lengths", `Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`],
    ["a list of lengths", `Content-Length: 0, ${smuggled.length}\r\n\r\n${smuggled}`],
    ["a length with a sign", `Content-Length: +0\r\n\r\n${smuggled}`],
    ["a length in hex", `Content-Length: 0x0\r\n\r\n${smuggled}`],
    ["chunks with a space before the colon", `Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ["chunks twice", `Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ["chunks in another word", `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ["a chunk of negative size", `Transfer-Encoding: chunked\r\n\r\n-1\r\n${smuggled}`],
    ["a chunk of more than all", `Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n${smuggled}`],
    ["a header line that is folded", `X: a\r\n Content-Length: 0\r\n\r\n${smuggled}`],
    ["a bare CR in a header", `X: a\rContent-Length: 0\r\n\r\n${smuggled}`],
  ];
  test.each(rows)("%s", async (_what, rest) => {
    const answer = await rawRequest(door.port, `${head()}${rest}`);
    expect([0, 400, 401, 411, 413, 415, 501]).toContain(answer.status);
    expect(answer.body).not.toContain("deliveries");
    expect(await door.stored()).toBe(storedBefore);
  });
});

test("a receiver with a secret alone takes only what is signed, and says at its start what stays open", async () => {
  const box = makeBox();
  try {
    box.configure({ secret: SECRET });
    const { url, log } = await box.start();
    expect((await postEvent(url, {}, { id: "a" })).status).toBe(401);
    expect((await postEvent(url, {}, { id: "a", secret: SECRET })).status).toBe(202);
    await until("the warning", () => log().includes("every user of this machine can read what was posted"));
  } finally {
    await box.close();
  }
});

test("nothing of all this was an error of ours, no secret is in the log, and it ends in order", async () => {
  const log = door.receiver.log();
  expect(log.split("\n").filter((line) => line.includes('"level":"error"'))).toEqual([]);
  for (const secret of [TOKEN, SECRET, SECRET.slice("whsec_".length)]) expect(log).not.toContain(secret);
  expect(await door.receiver.end("SIGTERM")).toBe(0);
});
