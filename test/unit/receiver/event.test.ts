import { describe, expect, test } from "bun:test";
import { HarnessError } from "../../../src/lib/errors.ts";
import { decodeSigningSecret, sign } from "../../../src/lib/signature.ts";
import { readWebhook } from "../../../src/receiver/accept.ts";
import { readEvent } from "../../../src/receiver/event.ts";
import { webhookBody } from "../../../src/webhook/payload.ts";

const NOW = Date.UTC(2026, 1, 18, 10);
const good = {
  event: "agent_completed",
  project: "lumen",
  agentId: "a3f2b1c0",
  provider: "claude-code",
  status: "idle",
  lastMessage: "done",
  timestamp: "2026-02-18T10:00:00.000Z",
};

describe("reading an event", () => {
  test("takes what the daemon sends, with everything optional", () => {
    const body = webhookBody({
      ...{
        event: "agent_error" as const,
        project: "p",
        agentId: "a",
        provider: "codex",
        status: "error",
        lastMessage: null,
        timestampMs: NOW,
      },
      ...{
        name: "fix",
        node: "build-1",
        error: { code: "rate_limit", message: "slow" },
        metadata: { k: "v" },
        turnId: "t2",
      },
      turns: [
        {
          id: "t2",
          outcome: "failed",
          startedAt: new Date(NOW - 192_000).toISOString(),
          endedAt: new Date(NOW).toISOString(),
        },
      ],
      budget: { scope: "day", key: "costUsd", limit: 5, used: 4.1 },
      permission: { id: "1", kind: "tool", tool: "Bash", title: "rm -rf build", options: ["allow"] },
      verify: { passed: false, exitCode: 2, attempts: 2, tail: "red" },
      result: { green: true },
      changes: { files: 3, insertions: 10, deletions: 2, branch: "agent/p/fix", commits: 1 },
    });
    expect(readEvent(JSON.parse(body))).toEqual({
      ok: true,
      event: {
        ...{
          event: "agent_error",
          project: "p",
          agentId: "a",
          provider: "codex",
          status: "error",
          lastMessage: null,
          timestampMs: NOW,
        },
        ...{
          name: "fix",
          node: "build-1",
          error: "rate_limit: slow",
          budget: "$4.10 of $5.00 of the project's day",
          question: "rm -rf build",
          verify: "did not pass (code 2), told the agent 2 times",
          changes: "3 files, +10 -2, 1 commit on agent/p/fix",
          account: null,
          result: '{"green":true}',
          durationMs: 192_000,
          metadata: { k: "v" },
          truncated: false,
        },
      },
    });
  });

  test("a result that is the last message, however it is written, is not said twice; null is one, too", () => {
    const of = (result: unknown, lastMessage: string | null) => {
      const read = readEvent({ ...good, result, lastMessage });
      return read.ok && read.event.result;
    };
    expect(of({ green: true }, ' {"green": true}\n')).toBeNull();
    expect(of({ green: true }, "It is green.")).toBe('{"green":true}');
    expect(of(null, null)).toBe("null");
    expect(of(undefined, "undefined")).toBeNull();
  });

  test("ignores keys it does not know, and optional ones of another shape", () => {
    const read = readEvent({ ...good, colour: "red", turns: 3, error: 7, permission: "yes", name: 5, truncated: "no" });
    expect(read).toMatchObject({
      ok: true,
      event: { error: null, durationMs: null, name: null, question: null, truncated: false },
    });
  });

  test.each([
    [{ files: 1, insertions: 0, deletions: 4, branch: null, commits: null }, "1 file, +0 -4"],
    [{ files: 2, insertions: 1, deletions: 0, branch: "b" }, "2 files, +1 -0 on b"], // an older daemon counts none
    [{ files: 0, insertions: 0, deletions: 0, branch: "b", commits: 2 }, "0 files, +0 -0, 2 commits on b"],
    [{ files: 0, insertions: 0, deletions: 0, branch: "b", commits: 0 }, null],
    [{ files: "many", insertions: 0, deletions: 0, branch: "b", commits: 1 }, null],
    [{ files: -1, insertions: 0, deletions: 0 }, null],
    ["much", null],
  ])("says what the work comes to: %j", (changes, said) => {
    expect(readEvent({ ...good, changes })).toMatchObject({ ok: true, event: { changes: said } });
  });

  test("says that the work is still being saved", () => {
    const pending = { ...good, changes: null, pending: true };
    expect(readEvent(pending)).toMatchObject({ ok: true, event: { changes: "still being saved" } });
  });

  const bad: [what: string, change: Record<string, unknown>, path: string][] = [
    ["no event", { event: undefined }, "event"],
    ["an event it cannot name", { event: "bogus" }, "event"],
    ["an event that is no string", { event: 5 }, "event"],
    ["no project", { project: undefined }, "project"],
    ["an empty project", { project: "" }, "project"],
    ["a project that is null", { project: null }, "project"],
    ["a project of 201 characters", { project: "x".repeat(201) }, "project"],
    ["no agent id", { agentId: undefined }, "agentId"],
    ["a number as agent id", { agentId: 12 }, "agentId"],
    ["no provider", { provider: undefined }, "provider"],
    ["no status", { status: undefined }, "status"],
    ["no lastMessage", { lastMessage: undefined }, "lastMessage"],
    ["a lastMessage that is an object", { lastMessage: {} }, "lastMessage"],
    ["no timestamp", { timestamp: undefined }, "timestamp"],
    ["a timestamp in seconds", { timestamp: 1771408800 }, "timestamp"],
    ["a timestamp that is no time", { timestamp: "yesterday" }, "timestamp"],
    ["a timestamp that does not exist", { timestamp: "2026-13-45T10:00:00Z" }, "timestamp"],
    ["metadata that is a list", { metadata: [] }, "metadata"],
    ["metadata with a number", { metadata: { k: 1 } }, "metadata.k"],
  ];
  for (const [what, change, path] of bad) {
    test(`refuses ${what} and names ${path}`, () => {
      const read = readEvent({ ...good, ...change });
      expect(read.ok ? [] : read.issues.map((issue) => issue.path)).toEqual([path]);
    });
  }

  test("lists every problem at once", () => {
    const read = readEvent({});
    expect(read.ok ? 0 : read.issues.length).toBe(7);
  });

  for (const value of [null, [], "text", 5, true]) {
    test(`refuses ${JSON.stringify(value)} as a body`, () => {
      expect(readEvent(value)).toEqual({ ok: false, issues: [{ path: "", message: "expected a JSON object" }] });
    });
  }
});

describe("accepting a request", () => {
  const secret = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
  const signingKey = decodeSigningSecret(secret) ?? null;
  const text = JSON.stringify(good);

  function request(headers: Record<string, string>, body: string | Uint8Array = text): [Request, Uint8Array] {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    return [
      new Request("http://127.0.0.1/harness-webhook", {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
      }),
      bytes,
    ];
  }
  function refusal(
    headers: Record<string, string>,
    body: string | Uint8Array = text,
    key: Uint8Array | null = null,
  ): string {
    const [req, bytes] = request(headers, body);
    try {
      readWebhook(req, bytes, { signingKey: key, nowMs: NOW });
      return "accepted";
    } catch (error) {
      return error instanceof HarnessError ? `${error.status} ${error.code}: ${error.message}` : String(error);
    }
  }
  function signed(offsetMs = 0, body = text): Record<string, string> {
    const timestampSeconds = Math.floor((NOW + offsetMs) / 1000);
    return {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(timestampSeconds),
      "webhook-signature": sign(signingKey ?? new Uint8Array(), { id: "msg_1", timestampSeconds, body }),
    };
  }

  test("the key is the webhook-id where there is one, else the bytes", () => {
    const key = (headers: Record<string, string>, body = text) =>
      readWebhook(...request(headers, body), { signingKey: null, nowMs: NOW }).key;
    expect(key({ "webhook-id": "msg_1" })).toBe("id msg_1");
    expect(key({})).toStartWith("sha256 ");
    expect(key({})).toBe(key({}));
    expect(key({}, `${text} `)).not.toBe(key({}));
  });

  test("a right signature passes, 5 minutes early or late", () => {
    for (const offset of [0, -299_000, 300_000]) expect(refusal(signed(offset), text, signingKey)).toBe("accepted");
  });

  const table: [what: string, got: () => string, expected: RegExp][] = [
    ["no signature", () => refusal({}, text, signingKey), /^401 BAD_SIGNATURE: this needs the headers/],
    ["an old signature", () => refusal(signed(-301_000), text, signingKey), /^401 BAD_SIGNATURE: .*5 minutes/],
    [
      "a signature from the future",
      () => refusal(signed(302_000), text, signingKey),
      /^401 BAD_SIGNATURE: .*5 minutes/,
    ],
    [
      "a signature of other bytes",
      () => refusal(signed(), `${text} `, signingKey),
      /^401 BAD_SIGNATURE: .*same secret/,
    ],
    [
      "a signature of another id",
      () => refusal({ ...signed(), "webhook-id": "msg_2" }, text, signingKey),
      /^401 BAD_SIGNATURE: .*same secret/,
    ],
    [
      "a signature in words",
      () => refusal({ ...signed(), "webhook-signature": "please" }, text, signingKey),
      /^401 BAD_SIGNATURE: webhook-timestamp must be/,
    ],
    ["no content type", () => refusal({ "Content-Type": "" }), /^415 UNSUPPORTED_MEDIA_TYPE/],
    ["a form", () => refusal({ "Content-Type": "application/x-www-form-urlencoded" }), /^415 UNSUPPORTED_MEDIA_TYPE/],
    [
      "another charset",
      () => refusal({ "Content-Type": "application/json; charset=latin1" }),
      /^415 UNSUPPORTED_MEDIA_TYPE/,
    ],
    [
      "a compressed body",
      () => refusal({ "Content-Encoding": "gzip" }),
      /^415 UNSUPPORTED_MEDIA_TYPE: got Content-Encoding "gzip"/,
    ],
    ["a webhook-id with a space", () => refusal({ "webhook-id": "a b" }), /^400 INVALID_REQUEST: webhook-id: /],
    [
      "a webhook-id of 257 characters",
      () => refusal({ "webhook-id": "x".repeat(257) }),
      /^400 INVALID_REQUEST: webhook-id: /,
    ],
    ["an empty body", () => refusal({}, ""), /^400 INVALID_REQUEST: the body is empty/],
    [
      "bytes that are no UTF-8",
      () => refusal({}, new Uint8Array([0x7b, 0xff, 0x7d])),
      /^400 INVALID_REQUEST: the body is not valid UTF-8/,
    ],
    [
      "half a JSON text",
      () => refusal({}, text.slice(0, -1)),
      /^400 INVALID_REQUEST: the body is not valid JSON at line 1/,
    ],
    ["JSON nested 100 000 deep", () => refusal({}, "[".repeat(100_000)), /^400 INVALID_REQUEST/],
    ["a list", () => refusal({}, "[]"), /^400 INVALID_REQUEST: expected a JSON object/],
    ["an object without the keys", () => refusal({}, "{}"), /^400 INVALID_REQUEST: event: missing.*and 6 more/],
  ];
  for (const [what, got, expected] of table)
    test(`${what} is refused with its own answer`, () => expect(got()).toMatch(expected));
});
