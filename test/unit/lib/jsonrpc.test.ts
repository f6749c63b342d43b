import { describe, expect, test } from "bun:test";
import { classifyRpc, rpcIdKey, rpcIdOf, rpcLines } from "../../../src/lib/jsonrpc.ts";

describe("classifyRpc", () => {
  const cases: readonly (readonly [string, unknown, unknown])[] = [
    [
      "a server request with id 0",
      { id: 0, method: "ask", params: { a: 1 } },
      { kind: "request", id: 0, method: "ask", params: { a: 1 } },
    ],
    [
      "a request with the header member",
      { jsonrpc: "2.0", id: "x", method: "ask" },
      { kind: "request", id: "x", method: "ask", params: undefined },
    ],
    [
      "a notification",
      { method: "turn/started", params: {}, emittedAtMs: 5 },
      { kind: "notification", method: "turn/started", params: {} },
    ],
    [
      "a request with a null id as a notification",
      { id: null, method: "m" },
      { kind: "notification", method: "m", params: undefined },
    ],
    ["a result with id 0", { id: 0, result: {} }, { kind: "result", id: 0, result: {} }],
    ["a null result", { id: 3, result: null }, { kind: "result", id: 3, result: null }],
    ["a result beside a null error", { id: 3, result: 1, error: null }, { kind: "result", id: 3, result: 1 }],
    [
      "an error that comes before the id",
      { error: { code: -32600, message: "no" }, id: 4 },
      { kind: "error", id: 4, error: { code: -32600, message: "no" } },
    ],
    [
      "an error with data",
      { id: 4, error: { code: 1, message: "no", data: { x: 1 } } },
      { kind: "error", id: 4, error: { code: 1, message: "no", data: { x: 1 } } },
    ],
    [
      "an error without an id",
      { id: null, error: { code: -32700, message: "parse" } },
      { kind: "error", id: null, error: { code: -32700, message: "parse" } },
    ],
    [
      "an error that is a bare string",
      { id: 1, error: "broken" },
      { kind: "error", id: 1, error: { code: 0, message: "broken" } },
    ],
    [
      "an error without a message",
      { id: 1, error: { code: 7 } },
      { kind: "error", id: 1, error: { code: 7, message: '{"code":7}' } },
    ],
  ];
  for (const [name, json, expected] of cases) {
    test(`reads ${name}`, () => expect(classifyRpc(json)).toEqual(expected as never));
  }

  for (const json of [
    undefined,
    null,
    5,
    "x",
    [],
    [{ id: 1, method: "m" }],
    {},
    { id: 1 },
    { result: 1 },
    { id: {}, method: "m" },
    { method: 5, id: 1 },
    { id: Number.NaN, result: 1 },
    { id: true, error: {} },
  ]) {
    test(`refuses ${JSON.stringify(json)} without throwing`, () => expect(classifyRpc(json).kind).toBe("invalid"));
  }
});

describe("rpcLines", () => {
  test("writes no header member for programs that do not use it", () => {
    const rpc = rpcLines({ header: false });
    expect(rpc.request(0, "m", { a: "ä\n" })).toBe('{"id":0,"method":"m","params":{"a":"ä\\n"}}');
    expect(rpc.notification("initialized")).toBe('{"method":"initialized"}');
    expect(rpc.result(0, undefined)).toBe('{"id":0,"result":null}');
  });

  test("writes the header member first for programs that demand it", () => {
    const rpc = rpcLines({ header: true });
    expect(rpc.result(0, { ok: true })).toBe('{"jsonrpc":"2.0","id":0,"result":{"ok":true}}');
    expect(rpc.error("a", { code: -32601, message: "no" })).toBe(
      '{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"no"}}',
    );
  });

  test("reads back what it writes", () => {
    const rpc = rpcLines({ header: true });
    expect(classifyRpc(JSON.parse(rpc.request(7, "m", [1])))).toEqual({
      kind: "request",
      id: 7,
      method: "m",
      params: [1],
    });
  });
});

describe("rpcIdKey", () => {
  test("keeps the number 1 and the string 1 apart", () => expect(rpcIdKey(1)).not.toBe(rpcIdKey("1")));
  test("gives the id back", () => {
    for (const id of [0, 12, "0", 'call "x"']) expect(rpcIdOf(rpcIdKey(id))).toBe(id);
  });
  test("gives nothing for a text that is no key", () =>
    expect([rpcIdOf("{}"), rpcIdOf("nope"), rpcIdOf("null")]).toEqual([undefined, undefined, undefined]));
});
