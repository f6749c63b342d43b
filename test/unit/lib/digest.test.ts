import { describe, expect, test } from "bun:test";
import { createHash, createHmac } from "node:crypto";
import { isIP as nodeIsIP } from "node:net";
import { hmacSha256, isSame, randomHex, sha256 } from "../../../src/lib/digest.ts";
import { isIP } from "../../../src/lib/ip.ts";

test("hashes are those of node:crypto", () => {
  for (const data of ["", "abc", "ü€😀", Buffer.from([0, 255, 10])]) {
    expect(sha256(data).toString("hex")).toBe(createHash("sha256").update(data).digest("hex"));
    const key = Buffer.from("a key");
    expect(hmacSha256(key, "id.1.", data).toString("base64")).toBe(
      createHmac("sha256", key).update("id.1.").update(data).digest("base64"),
    );
  }
});

test("bytes are the same only when all are, and lengths differ without an exception", () => {
  expect(isSame(Buffer.from("abc"), Buffer.from("abc"))).toBe(true);
  expect(isSame(Buffer.from("abc"), Buffer.from("abd"))).toBe(false);
  expect(isSame(Buffer.from("abc"), Buffer.from("ab"))).toBe(false);
});

test("random digits are as many as asked for, and others each time", () => {
  const all = Array.from({ length: 100 }, () => randomHex(16));
  expect(new Set(all).size).toBe(100);
  for (const each of all) expect(each).toMatch(/^[0-9a-f]{32}$/);
});

describe("addresses are told from names as node:net does", () => {
  const texts = [
    "127.0.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "256.1.1.1",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.4 ",
    "",
    "localhost",
    "1",
    "0x7f.0.0.1",
    "a.b.c.d",
    "::",
    "::1",
    "fe80::1",
    "2001:db8::ff00:42:8329",
    "::ffff:127.0.0.1",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:8:9",
    ":::",
    "1::2::3",
    "12345::",
    "[::1]",
    "::1]",
    "g::1",
    "::ffff:256.0.0.1",
    ":",
    "1:2",
    "::1/64",
    "::1:80@x",
  ];
  test.each(texts)("%p", (text) => {
    expect(isIP(text)).toBe(nodeIsIP(text) as 0 | 4 | 6);
  });
});
