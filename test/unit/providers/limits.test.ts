/** Which failures lie with the account, provider by provider: the traps of each are rows. */
import { describe, expect, test } from "bun:test";
import { accountFailure as wordsOf } from "../../../src/providers/account-words.ts";
import { accountFailure as claude } from "../../../src/providers/claude-code/limit.ts";
import { codexCodec } from "../../../src/providers/codex/codec.ts";
import { accountFailure as codex } from "../../../src/providers/codex/limit.ts";
import { accountOfError, limitOfRetry } from "../../../src/providers/opencode/limit.ts";
import { notify, OWN, running } from "./codex/talk.ts";

const NOW = 1_795_641_280_000;
const HOUR = 3_600_000;

describe("Claude Code", () => {
  const line = (text: string, more: Record<string, unknown>) =>
    claude({ type: "assistant", message: { content: [{ type: "text", text }] }, ...more });

  test("the assistant line alone is enough", () => {
    const info = { status: "rejected", resetsAt: 1_795_658_735, rateLimitType: "five_hour" };
    expect(
      line("You've hit your 5-hour limit · resets 2:05am (UTC)", {
        error: "rate_limit",
        api_error: "usage_limit_reached",
        api_error_status: 429,
        api_error_params: { rate_limit_info: info },
      }),
    ).toMatchObject({ class: "limit", scope: "five_hour", resetsAt: 1_795_658_735_000 });
  });

  test("an API account's spend cap is known by its words, and they hold the day", () => {
    const text =
      "API Error: 400 You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.";
    expect(line(text, { error: "unknown", api_error_status: 400 })).toMatchObject({
      class: "limit",
      scope: "spend_cap",
      resetsAt: Date.UTC(2026, 11, 1),
    });
  });

  test.each([
    ["too many requests", { error: "rate_limit", api_error_status: 429 }, null],
    ["overloaded", { error: "server_error", api_error_status: 529 }, null],
    ["a server's fault", { error: "server_error", api_error_status: 500 }, null],
    ["a model that is not there", { error: "model_not_found", api_error_status: 404 }, null],
    ["a low balance", { error: "billing_error", api_error_status: 400 }, "billing"],
    ["a declined card, whose code says nothing", { error: "unknown", api_error_status: 402 }, "billing"],
    ["… nor its status", { error: "unknown", api_error_type: "billing_error" }, "billing"],
    ["an expired login", { error: "authentication_failed", api_error_status: 401 }, "auth"],
    ["an organisation that does not allow it", { error: "oauth_org_not_allowed" }, "auth"],
    [
      "a disabled organisation, which is an invalid request",
      { error: "invalid_request", api_error: "org_disabled_credential", api_error_status: 400 },
      "auth",
    ],
  ])("%s", (_what, more, expected) => {
    expect(line("words", more)?.class ?? null).toBe(expected as "billing" | "auth" | null);
  });
});

describe("Codex", () => {
  const full = [{ scope: "five_hour", usedPercent: 100, resetsAt: NOW + HOUR }];
  const ofCode = (message: string, windows: typeof full = []) =>
    codex({ windows }, { message, codexErrorInfo: "usageLimitExceeded" }, NOW);

  test("the latest reset of a full window is the limit's", () => {
    const windows = [...full, { scope: "seven_day", usedPercent: 100, resetsAt: NOW + 9 * HOUR }];
    expect(ofCode("You’ve hit your usage limit or try again at Nov 26th, 2026 2:14 AM.", windows)).toMatchObject({
      class: "limit",
      scope: "seven_day",
      resetsAt: NOW + 9 * HOUR,
    });
  });

  test.each([
    ["no window was told", "You’ve hit your usage limit … or try again later.", [], "limit"],
    ["a window that is over by now", "… or try again at Nov 26th", [{ ...full[0], resetsAt: NOW - 1 }], "limit"],
    ["no quota", "Quota exceeded. Check your plan and billing details.", [], "billing"],
    ["no credits, with the windows full as well", "Your workspace is out of credits. Add credits.", full, "billing"],
    ["another plan", "To use Codex with your ChatGPT plan, upgrade to Plus: https://…", full, "billing"],
    ["nothing that passes", "Something else.", [], "billing"],
  ])("one code, many things: %s", (_what, message, windows, expected) => {
    expect(ofCode(message, windows as typeof full)?.class).toBe(expected as "limit" | "billing");
  });

  test.each([
    [{ httpConnectionFailed: { httpStatusCode: 402 } }, "billing"],
    [{ httpConnectionFailed: { httpStatusCode: 401 } }, "auth"],
    ["unauthorized", "auth"],
    [{ responseTooManyFailedAttempts: { httpStatusCode: 429 } }, null],
    ["rateLimitExceeded", null],
    ["serverOverloaded", null],
  ])("%j is %j", (codexErrorInfo, expected) => {
    const found = codex({ windows: full }, { message: "m", codexErrorInfo }, NOW);
    expect(found?.class ?? null).toBe(expected as "billing" | "auth" | null);
  });

  test.each([
    ["unexpected status 402 Payment Required: pay", "billing"],
    ["unexpected status 401 Unauthorized: log in", "auth"],
    ["exceeded retry limit, last status: 429 Too Many Requests", null],
    ["unexpected status 500 Internal Server Error: see 402, 401", null],
    ["the service says: unexpected status 402", null],
  ])("an older version's status in words, at their beginning alone: %j is %j", (message, expected) => {
    const found = codex({ windows: [] }, { message, codexErrorInfo: "other" }, NOW);
    expect(found?.class ?? null).toBe(expected as "billing" | "auth" | null);
  });

  test("each refused call that it tries again wants five minutes of silence, until something else comes", () => {
    const talk = running();
    const refused = (status: number) => {
      const error = { message: "Reconnecting... 1/5", codexErrorInfo: { other: { httpStatusCode: status } } };
      return notify("error", { threadId: OWN, willRetry: true, error });
    };
    const wanted = (...frames: readonly object[]) => codexCodec.silence?.(talk.frames(...frames).state);
    const quiet = (of: number) => [{ of, ms: 5 * 60_000 }];
    expect(wanted()).toEqual([]);
    expect([wanted(refused(429)), wanted(refused(429)), wanted(refused(503))]).toEqual([quiet(1), quiet(2), []]);
    const begun = notify("item/started", { threadId: OWN, turnId: "t1", item: { id: "i", type: "reasoning" } });
    expect([wanted(refused(429)), wanted(begun)]).toEqual([quiet(3), []]);
    // Unasked it says nothing.
    expect(talk.fresh().do((state) => codexCodec.quiet?.(state) ?? { state, facts: [], lines: [] }).facts).toEqual([]);
  });
});

describe("OpenCode", () => {
  test.each([
    ["a try in seconds", { reason: "Rate limit reached", next: NOW + 4000 }, null],
    ["a try that is hours away", { reason: "Rate limit reached", next: NOW + HOUR }, "limit"],
    [
      "a limit of its own service",
      { reason: "5 hour usage limit", next: NOW + 1000, action: "account_rate_limit" },
      "limit",
    ],
    [
      "no money, tried for ever",
      { reason: "You exceeded your current quota, please check", next: NOW + 2000 },
      "billing",
    ],
    ["a bridge that tells no time", { reason: "Rate limit reached" }, null],
    [
      "a next try that was two seconds away before the clock was set back by days",
      { reason: "overloaded", next: NOW + 48 * HOUR, inMs: 2000 },
      null,
    ],
    ["one that was far away and has come near", { reason: "overloaded", next: NOW + 2000, inMs: 5 * HOUR }, null],
  ])("%s", (_what, told, expected) => {
    expect(limitOfRetry(told, NOW)?.class ?? null).toBe(expected as "limit" | null);
  });

  // Looked for a program's own reckoning with the time of day in what the others tell: they name the provider's moments
  // or how long they wait. Found here alone (a storm with set clocks): every agent of the account waited for two days.
  test.each([
    [{ next: NOW + 5 * HOUR, inMs: 5 * HOUR }, NOW + 5 * HOUR],
    [{ next: NOW + 4 * HOUR, inMs: 5 * HOUR }, NOW + 4 * HOUR],
    [{ next: NOW + 48 * HOUR, inMs: 5 * HOUR }, NOW + 5 * HOUR],
    [{ next: NOW + 5 * HOUR }, NOW + 5 * HOUR],
  ])("a next try as it was told, %j, is no further away than it was then", (told, expected) => {
    expect(limitOfRetry({ reason: "usage limit", ...told }, NOW)?.resetsAt).toBe(expected);
  });

  test.each([
    [{ statusCode: 402, message: "Insufficient credits" }, "billing"],
    [
      { statusCode: 401, message: "Insufficient balance.", responseBody: '{"error":{"type":"CreditsError"}}' },
      "billing",
    ],
    [{ statusCode: 400, message: "Your credit balance is too low" }, "billing"],
    [{ statusCode: 401, message: "invalid api key" }, "auth"],
    [{ statusCode: 403, message: "forbidden" }, "auth"],
    [{ statusCode: 529, message: "overloaded" }, null],
    [{ message: "no status" }, null],
  ])("%j is %j", (data, expected) => {
    expect(accountOfError(data)).toBe(expected as "billing" | "auth" | null);
  });
});

describe("words of a model service", () => {
  test.each([
    ['429: {"message":"Rate limit reached for requests","type":"requests","code":"rate_limit_exceeded"}', null],
    [
      '429 {"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your rate limit."}}',
      null,
    ],
    ["529: overloaded", null],
    ['429: {"type":"GoUsageLimitError","message":"5-hour usage limit reached. Resets in 5 hours."}', "limit"],
    ["You have hit your ChatGPT usage limit (plus plan). Try again in ~42 min.", "limit"],
    [
      '429: {"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota"}',
      "billing",
    ],
    ['402: {"message":"Insufficient credits","code":402}', "billing"],
    ["Your credit balance is too low to access the API", "billing"],
    ["401: invalid key", "auth"],
    ["No API key found for stub.", "auth"],
    ["the answer had 401 lines", null],
  ])("%s", (message, expected) => {
    expect(wordsOf(message, NOW)?.class ?? null).toBe(expected as "limit" | null);
  });

  test.each([
    ['(429): {"type":"usage_limit_reached","resets_at":1795659658,"resets_in_seconds":18000}', 1_795_659_658_000],
    ["usage limit reached. Try again in ~42 min.", NOW + 42 * 60_000],
    ["5-hour usage limit reached. Resets in 5 hours.", NOW + 5 * HOUR],
    ["usage limit reached", null],
    ["You've hit your 5-hour limit · resets 2:05am (UTC)", Date.UTC(2026, 10, 26, 2, 5)],
    ["You've hit your weekly limit · resets 3pm (Europe/Berlin)", Date.UTC(2026, 10, 26, 14)],
    ["You've hit your Opus limit · resets at 12am (Asia/Kolkata)", Date.UTC(2026, 10, 26, 18, 30)],
    ["You've hit your Opus limit · resets 12:30pm (Nowhere/Else)", null],
    ["You've hit your Opus limit · resets 13pm (UTC)", null],
    ["You've hit your Opus limit · resets 3pm", null],
  ])("the reset in %p", (message, resetsAt) => {
    expect(wordsOf(message, NOW)?.resetsAt).toBe(resetsAt);
  });

  test.each([
    ["the evening before clocks go back", "2026-10-24T20:00:00Z", "2026-10-25T14:00:00Z"],
    ["the evening before they go forward", "2026-03-28T20:00:00Z", "2026-03-29T13:00:00Z"],
    ["that day itself", "2026-03-29T09:00:00Z", "2026-03-29T13:00:00Z"],
  ])("a reset at a time of day, told %s", (_when, now, then) => {
    const told = wordsOf("usage limit reached, resets 3pm (Europe/Berlin)", Date.parse(now));
    expect(told?.resetsAt).toBe(Date.parse(then));
  });
});
