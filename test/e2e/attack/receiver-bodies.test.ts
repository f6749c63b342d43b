/**
 * Attack table: webhooks that are nearly right, against the compiled receiver: signatures of somebody who has seen
 * others but not the secret, and bodies, rightly signed, that are deep, long, broken or nearly webhooks. Whatever is
 * refused is refused within a moment, and stored nowhere.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { sign } from "../../../src/lib/signature.ts";
import { event } from "../receiver-helpers.ts";
import type { Door, Spoil } from "./receiver-door.ts";
import { BODY, KEY, SECRET, TOKEN, openDoor, refusal } from "./receiver-door.ts";

let door: Door;
let storedBefore = 0;

beforeAll(async () => void (door = await openDoor()), 120_000);
afterAll(() => door.close());
beforeEach(async () => void (storedBefore = await door.stored()));

const hex = (base64: string): string => Buffer.from(base64.slice("v1,".length), "base64").toString("hex");

describe("a signature that is nearly right is none", () => {
  const forms: readonly (readonly [string, Spoil, number?])[] = [
    ["none", ({ "webhook-signature": _, ...rest }) => rest],
    ["an empty one", (right) => ({ ...right, "webhook-signature": "" })],
    ["no id", ({ "webhook-id": _, ...rest }) => rest],
    ["no time", ({ "webhook-timestamp": _, ...rest }) => rest],
    ["that of another id", (right) => ({ ...right, "webhook-id": `${right["webhook-id"]}x` })],
    ["five minutes old", (right) => right, -310],
    ["five minutes ahead", (right) => right, 310],
    [
      "the time of another second",
      (right, { timestampSeconds }) => ({ ...right, "webhook-timestamp": String(timestampSeconds - 1) }),
    ],
    ["a time in ms", (right, { timestampSeconds }) => ({ ...right, "webhook-timestamp": `${timestampSeconds}000` })],
    [
      "a time with a zero before it",
      (right, { timestampSeconds }) => ({ ...right, "webhook-timestamp": `0${timestampSeconds}` }),
    ],
    [
      "a time with a sign",
      (right, { timestampSeconds }) => ({ ...right, "webhook-timestamp": `+${timestampSeconds}` }),
    ],
    [
      "a time with a fraction",
      (right, { timestampSeconds }) => ({ ...right, "webhook-timestamp": `${timestampSeconds}.0` }),
    ],
    [
      "a time as a power",
      (right, { timestampSeconds }) => ({ ...right, "webhook-timestamp": `${timestampSeconds}e0` }),
    ],
    ["a time in other digits", (right) => ({ ...right, "webhook-timestamp": "\u00b9\u00b2\u00b3" })],
    ["no time at all", (right) => ({ ...right, "webhook-timestamp": "NaN" })],
    ["without its version", (right) => ({ ...right, "webhook-signature": right["webhook-signature"]?.slice(3) ?? "" })],
    [
      "of another version",
      (right) => ({ ...right, "webhook-signature": `v2,${right["webhook-signature"]?.slice(3)}` }),
    ],
    ["in hex", (right) => ({ ...right, "webhook-signature": `v1,${hex(right["webhook-signature"] ?? "")}` })],
    [
      "without its padding",
      (right) => ({ ...right, "webhook-signature": right["webhook-signature"]?.replace(/=+$/, "") ?? "" }),
    ],
    ["with more behind it", (right) => ({ ...right, "webhook-signature": `${right["webhook-signature"]}A` })],
    [
      "in small letters",
      (right) => ({ ...right, "webhook-signature": right["webhook-signature"]?.toLowerCase() ?? "" }),
    ],
    ["behind a comma", (right) => ({ ...right, "webhook-signature": `v1,AAAA,${right["webhook-signature"]}` })],
    ["a thousand wrong ones", (right) => ({ ...right, "webhook-signature": "v1,AAAA ".repeat(1000).trim() })],
    [
      "made with no key",
      (right, parts) => ({ ...right, "webhook-signature": sign(new Uint8Array(), { ...parts, body: BODY }) }),
    ],
    [
      "made with the text of the key",
      (right, parts) => ({ ...right, "webhook-signature": sign(Buffer.from(SECRET), { ...parts, body: BODY }) }),
    ],
    ["of an empty body", (right, parts) => ({ ...right, "webhook-signature": sign(KEY, { ...parts, body: "" }) })],
    [
      "with the point at another place",
      (right, { id, timestampSeconds }) => ({
        ...right,
        "webhook-id": `${id}.${timestampSeconds}`,
        "webhook-timestamp": "1",
      }),
    ],
  ];
  test.each(forms)("%s", async (_what, change, at = 0) => {
    expect(refusal(await door.webhook(BODY, change, at))).toEqual([401, "BAD_SIGNATURE"]);
    expect(await door.stored()).toBe(storedBefore);
  });

  test("nor is the right one for a body that differs in one bit", async () => {
    const { headers } = door.right();
    for (const at of [0, 10, BODY.length - 1]) {
      const body = Buffer.from(BODY);
      body[at] = (body[at] ?? 0) ^ 1;
      expect(refusal(await door.ask("POST", "/harness-webhook", headers, body))).toEqual([401, "BAD_SIGNATURE"]);
    }
    expect(await door.stored()).toBe(storedBefore);
  });

  test("an id that cannot be one is refused before", async () => {
    for (const id of ["", "a b", "x".repeat(257), "\u00e9", "a\tb"])
      expect(refusal(await door.webhook(BODY, (right) => ({ ...right, "webhook-id": id })))[0]).toBeOneOf([400, 401]);
    expect(await door.stored()).toBe(storedBefore);
  });

  test("a right one among wrong ones is right: keys are changed that way", async () => {
    const among = (right: Record<string, string>) => ({
      ...right,
      "webhook-signature": `v1,AAAA ${right["webhook-signature"]} v2,x`,
    });
    expect((await door.webhook(BODY, among)).status).toBe(202);
  });
});

const text = (change: string): Buffer => Buffer.from(JSON.stringify(event).replace(/^\{/, `{${change}`));
const BIG = 256 * 1024;

describe("a body that is nearly one, signed as it should be, is refused within a moment", () => {
  const shapes: readonly (readonly [string, Uint8Array, number])[] = [
    ["nothing", Buffer.alloc(0), 400],
    ["null", Buffer.from("null"), 400],
    ["a list", Buffer.from("[]"), 400],
    ["a text", Buffer.from('"agent_completed"'), 400],
    ["a quarter of a megabyte of brackets", Buffer.from("[".repeat(BIG)), 400],
    ["a quarter of a megabyte of braces", Buffer.from('{"a":'.repeat(BIG / 5)), 400],
    ["closed brackets in a known key", text(`"metadata":${"[".repeat(50_000)}${"]".repeat(50_000)},`), 400],
    [
      "twenty thousand lists in metadata",
      text(`"metadata":{${Array.from({ length: 20_000 }, (_, n) => `"k${n}":[]`).join()}},`),
      400,
    ],
    ["a body one byte too long", Buffer.concat([BODY, Buffer.alloc(BIG + 1 - BODY.length, " ")]), 413],
    [
      "a number beyond all numbers as the time",
      Buffer.from(JSON.stringify(event).replace(/"2026[^"]+"/, "1e999")),
      400,
    ],
    ["an event that is none", Buffer.from(JSON.stringify({ ...event, event: "agent_completed\n" })), 400],
    ["an event of a prototype", Buffer.from(JSON.stringify({ ...event, event: "constructor" })), 400],
    ["its keys in a prototype", Buffer.from(`{"__proto__":${JSON.stringify(event)}}`), 400],
    ["a mark before it", Buffer.concat([Buffer.from("\ufeff"), BODY]), 400],
    ["UTF-16", Buffer.from(JSON.stringify(event), "utf16le"), 400],
    ["half a character", Buffer.concat([BODY.subarray(0, 20), Buffer.from([0xf0, 0x9f]), BODY.subarray(20)]), 400],
    ["more behind it", Buffer.concat([BODY, Buffer.from("{}")]), 400],
    ["NUL behind it", Buffer.concat([BODY, Buffer.alloc(1)]), 400],
    ["a comment", Buffer.concat([Buffer.from("/* */"), BODY]), 400],
  ];
  test.each(shapes)("%s", async (_what, body, status) => {
    const begun = performance.now();
    const answer = await door.webhook(body);
    expect(answer.status).toBe(status);
    expect(answer.body.length).toBeLessThan(8192);
    expect(performance.now() - begun).toBeLessThan(9000);
    expect(await door.stored()).toBe(storedBefore);
  });

  test("what a newer sender may have added is taken, however odd", async () => {
    // Of a key that stands twice the last counts, as in any reader of JSON.
    for (const extra of [
      '"project":"other",',
      '"__proto__":{"event":"x"},',
      '"constructor":1,',
      '"new":[[[[{}]]]],',
      `"x":"${"\\ud800"}",`,
    ])
      expect([extra, (await door.webhook(text(extra))).status]).toEqual([extra, 202]);
    const { status, body } = await door.ask("GET", "/deliveries?limit=500", { authorization: `Bearer ${TOKEN}` });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toHaveProperty("deliveries");
  });
});

test("nothing of all this was an error of ours, no secret is in the log, and it ends in order", async () => {
  const log = door.receiver.log();
  expect(log.split("\n").filter((line) => line.includes('"level":"error"'))).toEqual([]);
  for (const secret of [TOKEN, SECRET, SECRET.slice("whsec_".length)]) expect(log).not.toContain(secret);
  expect(await door.receiver.end("SIGTERM")).toBe(0);
});
