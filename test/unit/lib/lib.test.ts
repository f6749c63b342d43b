/** The small files of lib/: one describe a file. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nextDelay, parseRetryAfter } from "../../../src/lib/backoff.ts";
import { createTokenCheck, parseAuthorization } from "../../../src/lib/bearer.ts";
import { fakeClock, systemClock } from "../../../src/lib/clock.ts";
import { HarnessError, invalidRequest } from "../../../src/lib/errors.ts";
import { duplicateKeys, parseJson } from "../../../src/lib/json.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { nearest } from "../../../src/lib/nearest.ts";
import { readSecretFile } from "../../../src/lib/secrets.ts";
import { decodeSigningSecret, sign, verify } from "../../../src/lib/signature.ts";

describe("nearest", () => {
  test.each([
    ["prot", ["port", "host"], "port"],
    ["PORT", ["port", "host"], "port"],
    ["webhok", ["webhook", "port"], "webhook"],
    ["xyz", ["port", "host"], undefined],
    ["", ["port"], undefined],
    ["a", [], undefined],
  ])("%p among %p is %p", (word, known, expected) => expect(nearest(word, known)).toBe(expected));
});

describe("clock", () => {
  test("the fake one fires in order of time, also what is set meanwhile", () => {
    const clock = fakeClock(0);
    const fired: string[] = [];
    clock.setTimer(20, () => fired.push(`b${clock.now()}`));
    clock.setTimer(10, () => {
      fired.push(`a${clock.now()}`);
      clock.setTimer(5, () => fired.push(`c${clock.now()}`));
    });
    clock.setTimer(15, () => fired.push("never")).cancel();
    clock.setTimer(31, () => fired.push("late"));
    clock.advance(30);
    expect(fired).toEqual(["a10", "c15", "b20"]);
    expect([clock.now(), clock.pending]).toEqual([30, 1]);
  });
  test("timers of the same moment fire in the order they were set", () => {
    const clock = fakeClock(0);
    const fired: number[] = [];
    for (const n of [1, 2, 3]) clock.setTimer(10, () => fired.push(n));
    clock.advance(10);
    expect(fired).toEqual([1, 2, 3]);
  });
  test("the real one does not fire at once for a time beyond the limit of setTimeout", async () => {
    let fired = false;
    const timer = systemClock.setTimer(2 ** 32, () => {
      fired = true;
    });
    await Bun.sleep(20);
    timer.cancel();
    expect(fired).toBe(false);
  });
});

describe("log", () => {
  const lines = (level: "debug" | "info" = "info") => {
    const written: string[] = [];
    const log = createLogger({ level, write: (line) => void written.push(line), clock: fakeClock(0) });
    return { log, read: () => written.map((line) => JSON.parse(line)) };
  };
  test("one JSON line a fact, with time, level and msg first", () => {
    const written: string[] = [];
    createLogger({ level: "info", write: (line) => void written.push(line), clock: fakeClock(0) }).info("started", {
      port: 1,
    });
    expect(written).toEqual(['{"time":"1970-01-01T00:00:00.000Z","level":"info","msg":"started","port":1}\n']);
  });
  test("below the level nothing is written", () => {
    const { log, read } = lines("info");
    log.debug("no");
    log.error("yes");
    expect(read()).toMatchObject([{ msg: "yes" }]);
  });
  test("secrets are cut out by the name of their key, at any depth; counts stay", () => {
    const { log, read } = lines();
    log.child({ authorization: "x" }).info("m", {
      auth: { token: "hunter2", tokenFile: "f" },
      list: [{ webhookUrl: "https://x/y", apiKey: "k" }],
      inputTokens: 5,
      text: "sent Authorization: Bearer abc.def ok",
      token: null,
    });
    expect(read()[0]).toMatchObject({
      authorization: "[redacted]",
      auth: { token: "[redacted]", tokenFile: "[redacted]" },
      list: [{ webhookUrl: "[redacted]", apiKey: "[redacted]" }],
      inputTokens: 5,
      text: "sent Authorization: Bearer [redacted] ok",
      token: null,
    });
    expect(JSON.stringify(read())).not.toContain("hunter2");
  });
  test("a field cannot pose as the time or the level", () => {
    const { log, read } = lines();
    log.info("m", { level: "error", msg: "forged", time: "never" });
    expect(read()[0]).toEqual({ time: "1970-01-01T00:00:00.000Z", level: "info", msg: "m" });
  });
  test("an error shows its code and its cause, and a cycle does not break the log", () => {
    const { log, read } = lines();
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    log.error("m", { error: new HarnessError("INTERNAL", "outer", { cause: new Error("inner") }), cycle, big: 1n });
    expect(read()[0].error).toMatchObject({
      name: "HarnessError",
      code: "INTERNAL",
      message: "outer",
      cause: { message: "inner" },
    });
  });
});

describe("errors", () => {
  test("the message of many issues repeats the first", () => {
    const error = invalidRequest([
      { path: "a", message: "missing" },
      { path: "b", message: "missing" },
    ]);
    expect([error.status, error.code, error.message]).toEqual([400, "INVALID_REQUEST", "a: missing (and 1 more)"]);
  });
});

describe("json", () => {
  test.each([
    ["", 1, 1, "expected a value, got the end of the text"],
    ["{", 1, 2, "expected a key in double quotes, got the end of the text"],
    ['{"a":1,}', 1, 8, 'a comma stands before "}"'],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3, 'expected "," or "}", got "\\""'],
    ["{'a':1}", 1, 2, 'expected a key in double quotes, got "\'"'],
    ['{"a" 1}', 1, 6, 'expected ":", got "1"'],
    ['["a\nb"]', 1, 4, 'a string must not hold the control character "\\n"; write it as an escape'],
    ['"abc', 1, 1, "this string has no closing quote"],
    ['"\\x"', 1, 2, "this is no escape that JSON knows"],
    ["[1, 01]", 1, 6, 'expected "," or "]", got "1"'],
    ["[-]", 1, 2, 'expected a number, got "-"'],
    ["[NaN]", 1, 2, 'expected a value, got "N"'],
    ["{} x", 1, 4, 'expected nothing after the value, got "x"'],
    ["// c\n{}", 1, 1, 'expected a value, got "/"'],
    ["\ufeff{}", 1, 1, 'expected a value, got "\ufeff"'],
    ["[1 😀]", 1, 4, 'expected "," or "]", got "😀"'],
  ])("%j is broken at %d:%d", (text, line, column, problem) => {
    expect(parseJson(text)).toEqual({ ok: false, line, column, problem });
  });
  test("whatever the runtime refuses, the scanner refuses too, and the other way round", () => {
    const pieces = [
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"',
      "1",
      "-0.5e+3",
      "01",
      "true",
      "nul",
      " ",
      "\n",
      "\\",
      "\u0001",
    ];
    let seed = 42;
    const random = (n: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % n;
    };
    for (let i = 0; i < 20_000; i++) {
      const text = Array.from({ length: 1 + random(7) }, () => pieces[random(pieces.length)]).join("");
      const parsed = parseJson(text);
      // "not valid JSON" would be the scanner's helplessness.
      if (!parsed.ok) expect(parsed.problem).not.toBe("not valid JSON");
      else expect(duplicateKeys(text)).toBeArray();
    }
  });
  test("deep nesting is answered, not a stack overflow", () => {
    expect(parseJson("[".repeat(1_000_000)).ok).toBe(false);
  });
  test("keys that stand twice are found by path", () => {
    expect(duplicateKeys('{"a":{"b":1,"c":[{"d":1,"d":2}],"b":2},"\\u0061":1}')).toEqual([
      { path: "a.c[0].d", line: 1, column: 25 },
      { path: "a.b", line: 1, column: 33 },
      { path: "a", line: 1, column: 40 },
    ]);
  });
});

describe("bearer", () => {
  test.each([
    [null, { type: "none" }],
    ["Bearer abc", { type: "bearer", token: "abc" }],
    ["bEARER   a,b=", { type: "bearer", token: "a,b=" }],
    ["Bearer", { type: "malformed" }],
    ["Bearer ", { type: "malformed" }],
    ["Bearer a b", { type: "malformed" }],
    ["Bearer a, Bearer a", { type: "malformed" }],
    ["Basic YTpi", { type: "malformed" }],
    ["Bearer ä", { type: "malformed" }],
    ["", { type: "malformed" }],
  ] as const)("%p", (header, expected) => expect(parseAuthorization(header)).toEqual(expected));
  test("only the same token passes, whatever the length", () => {
    const isRight = createTokenCheck("secret");
    expect(["secret", "Secret", "secre", "secrets", ""].map(isRight)).toEqual([true, false, false, false, false]);
  });
});

describe("secrets", () => {
  const dir = mkdtempSync(join(tmpdir(), "ah-secrets-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const file = (name: string, content: string): string => {
    writeFileSync(join(dir, name), content);
    return join(dir, name);
  };
  const read = (spec: string, env: Record<string, string> = {}): string => {
    const result = readSecretFile(spec, env);
    return result.ok ? `value ${result.value}` : result.problem.replaceAll(dir, "DIR");
  };
  test("one trailing newline is cut, nothing else", () => {
    expect(read(file("a", "s3cret\n"))).toBe("value s3cret");
    expect(read(file("b", "s3cret\r\n"))).toBe("value s3cret");
    expect(read(file("c", " s3cret "))).toBe("value  s3cret ");
  });
  test("$CREDENTIALS_DIRECTORY/NAME is understood in both spellings", () => {
    file("cred", "x\n");
    expect(read("$CREDENTIALS_DIRECTORY/cred", { CREDENTIALS_DIRECTORY: dir })).toBe("value x");
    expect(read("${CREDENTIALS_DIRECTORY}/cred", { CREDENTIALS_DIRECTORY: dir })).toBe("value x");
  });
  test("every failure says what is wrong and never what the secret is", () => {
    mkdirSync(join(dir, "folder"));
    expect(read("$CREDENTIALS_DIRECTORY/cred")).toContain("CREDENTIALS_DIRECTORY, which is not set");
    expect(read("$CREDENTIALS_DIRECTORY/../x", { CREDENTIALS_DIRECTORY: dir })).toContain("a plain file name");
    expect(read("relative")).toBe('got "relative", expected an absolute path or $CREDENTIALS_DIRECTORY/NAME');
    expect(read(join(dir, "none"))).toBe("cannot read DIR/none: there is no such file");
    expect(read(join(dir, "folder"))).toBe("cannot read DIR/folder: it is not a file");
    expect(read(file("empty", "\n"))).toBe("cannot use DIR/empty: the file is empty");
    expect(read(file("two", "hunter2\nhunter3\n"))).toBe(
      "cannot use DIR/two: it holds more than one line, expected the secret alone",
    );
    expect(read(file("big", "x".repeat(70_000)))).toContain("expected at most 65536");
  });
});

describe("backoff", () => {
  const schedule = { delaysMs: [1000, 5000], thenEveryMs: 7000, giveUpAfterMs: 20_000 };
  const at = (attempt: number, waitedMs: number, more = {}) =>
    nextDelay(schedule, { attempt, waitedMs, random: () => 0.5, ...more });
  test("the list first, then the beat", () =>
    expect([at(1, 0), at(2, 0), at(3, 0), at(99, 0)]).toEqual([1000, 5000, 7000, 7000]));
  test("the last attempt is made at the deadline, and none after it", () => {
    expect(at(3, 19_000)).toBe(1000);
    expect(at(3, 20_000)).toBeNull();
  });
  test("no beat after the list means the end", () => {
    expect(nextDelay({ ...schedule, thenEveryMs: null }, { attempt: 3, waitedMs: 0, random: () => 0.5 })).toBeNull();
  });
  test("jitter stays within a tenth", () => {
    expect(at(1, 0, { random: () => 0 })).toBe(900);
    expect(at(1, 0, { random: () => 0.9999999 })).toBe(1100);
  });
  test("Retry-After lengthens, never shortens, and cannot outlast the deadline", () => {
    expect(at(1, 0, { retryAfterMs: 3000 })).toBe(3000);
    expect(at(2, 0, { retryAfterMs: 10 })).toBe(5000);
    expect(at(1, 0, { retryAfterMs: 10_000_000 })).toBe(20_000);
  });
  test.each([
    [null, undefined],
    ["", undefined],
    ["120", 120_000],
    ["0.35", 350],
    ["-1", undefined],
    ["soon", undefined],
    ["Thu, 01 Jan 1970 00:00:30 GMT", 20_000],
    ["Thu, 01 Jan 1970 00:00:01 GMT", 0],
  ])("Retry-After %p reads as %p", (header, ms) => expect(parseRetryAfter(header, 10_000)).toBe(ms));
});

describe("signature", () => {
  // The example of the Standard Webhooks specification and of its reference libraries.
  const key = decodeSigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") ?? new Uint8Array();
  const parts = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestampSeconds: 1614265330, body: '{"test": 2432232314}' };
  const headers = {
    id: parts.id,
    timestamp: "1614265330",
    signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  const nowMs = 1614265330_000;
  test("the published vector", () => expect(sign(key, parts)).toBe(headers.signature));
  test("bytes and text sign alike", () =>
    expect(sign(key, { ...parts, body: Buffer.from(parts.body) })).toBe(headers.signature));
  test.each([
    ["as it came", {}, parts.body, 0, "valid"],
    ["five minutes late", {}, parts.body, 300_000, "valid"],
    ["later", {}, parts.body, 300_001, "expired"],
    ["from the future", {}, parts.body, -300_001, "expired"],
    ["another body", {}, "{}", 0, "wrong"],
    ["another id", { id: "msg_x" }, parts.body, 0, "wrong"],
    ["one right signature of several", { signature: `v1,AAAA v2,x ${headers.signature}` }, parts.body, 0, "valid"],
    ["another version", { signature: "v1a,g0hM" }, parts.body, 0, "malformed"],
    ["no signature", { signature: null }, parts.body, 0, "missing"],
    ["no id", { id: "" }, parts.body, 0, "missing"],
    ["no number", { timestamp: "now" }, parts.body, 0, "malformed"],
    ["a leading zero", { timestamp: "01614265330" }, parts.body, 0, "malformed"],
  ] as const)("%s", (_, changed, body, laterMs, expected) => {
    expect(verify(key, { ...headers, ...changed }, body, { nowMs: nowMs + laterMs })).toBe(expected);
  });
  test.each(["", "whsec_", "whsec_short", "whsec_###", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", `whsec_${"A".repeat(200)}`])(
    "%p is no secret",
    (secret) => expect(decodeSigningSecret(secret)).toBeUndefined(),
  );
});
