/**
 * How each program tells that its account cannot work on, in the shapes of its own wire, traps and all. A script's
 * `fail` step names what it is (`usage_limit`, `billing`, `auth`); `FAKE_LIMIT` names a file that holds an epoch ms: up
 * to then every prompt ends at the limit, or, with a model's name behind it, every prompt of that model. The word
 * `billing` in it: the account has to be paid.
 */
import { readFileSync } from "node:fs";
import { now } from "./now.ts";

export interface Reached {
  readonly code: "usage_limit" | "billing";
  /** Epoch ms. */
  readonly resetsAt?: number;
  /** The one model that it holds for. */
  readonly model?: string;
}

/** What keeps the account from working; null: nothing does. */
export function limitReached(): Reached | null {
  const file = process.env["FAKE_LIMIT"];
  if (file === undefined) return null;
  try {
    const [until, model] = readFileSync(file, "utf8").split(" ");
    if (until === "billing") return { code: until };
    if (!(Number(until) > now())) return null;
    const resetsAt = Number(until);
    if (model === undefined) return { code: "usage_limit", resetsAt };
    return process.argv.includes(model) ? { code: "usage_limit", resetsAt, model } : null;
  } catch {
    return null;
  }
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** Epoch ms. */
  readonly resetsAt?: number;
  /** The one model that it holds for. */
  readonly model?: string;
}

const seconds = (ms: number): number => Math.round(ms / 1000);

/** Frames before the assistant line, and what that line says besides its text; null: an ordinary failure. */
export function claudeRefusal({
  code,
  resetsAt,
  model,
}: Refusal): { frames: Record<string, unknown>[]; line: object; status: number } | null {
  switch (code) {
    case "usage_limit": {
      const info = {
        status: "rejected",
        ...(resetsAt === undefined ? {} : { resetsAt: seconds(resetsAt) }),
        rateLimitType: model === undefined ? "five_hour" : `seven_day_${model}`,
        isUsingOverage: false,
      };
      const unifiedWindows = { five_hour: { utilization: 1, status: "rejected" }, seven_day: { utilization: 0.4 } };
      return {
        frames: [{ type: "rate_limit_event", rate_limit_info: { ...info, unifiedWindows } }],
        status: 429,
        line: {
          error: "rate_limit",
          api_error: "usage_limit_reached",
          api_error_type: "rate_limit_error",
          api_error_params: { rate_limit_info: info },
        },
      };
    }
    // Rejected, and no limit: too many requests at once.
    case "burst":
      return {
        frames: [{ type: "rate_limit_event", rate_limit_info: { status: "rejected", isUsingOverage: false } }],
        status: 429,
        line: { error: "rate_limit" },
      };
    // The trap: its code says nothing.
    case "billing":
      return { frames: [], status: 402, line: { error: "unknown", api_error_type: "billing_error" } };
    case "auth":
      return { frames: [], status: 401, line: { error: "authentication_failed" } };
    default:
      return null;
  }
}

/** The message that Claude Code makes of an API failure. */
export const claudeFailure = (text: string) => ({
  id: crypto.randomUUID(),
  model: "<synthetic>",
  role: "assistant",
  stop_reason: "stop_sequence",
  content: [{ type: "text", text }],
});

/** Told to wait for its limit by itself, it announces a try that is hours away. */
export function claudeWait(until: number): { event: Record<string, unknown>; retry: Record<string, unknown> } {
  const info = { status: "rejected", resetsAt: seconds(until), rateLimitType: "five_hour", isUsingOverage: false };
  const delay = until - Date.now();
  return {
    event: { type: "rate_limit_event", rate_limit_info: info },
    retry: { attempt: 1, max_retries: 300, retry_delay_ms: delay, error_status: 429, error: "rate_limit" },
  };
}

/** The notification before the end, and the error in it. */
export function codexRefusal({ code, message, resetsAt }: Refusal): { limits: object | null; error: object } | null {
  const of = (codexErrorInfo: unknown, words = message) => ({
    message: words,
    codexErrorInfo,
    additionalDetails: null,
  });
  switch (code) {
    case "usage_limit": {
      const five =
        resetsAt === undefined ? null : { usedPercent: 100, windowDurationMins: 300, resetsAt: seconds(resetsAt) };
      const week = { usedPercent: 40, windowDurationMins: 10080, resetsAt: seconds(Date.now()) + 100_000 };
      const words = `${message} or try again ${resetsAt === undefined ? "later" : "at Nov 26th, 2026 2:14 AM"}.`;
      return {
        limits: { limitId: "codex", primary: five, secondary: five === null ? null : week, rateLimitReachedType: null },
        error: of("usageLimitExceeded", words),
      };
    }
    // The trap: the same code, and no reset will help.
    case "billing":
      return { limits: null, error: of("usageLimitExceeded", `Quota exceeded. Check your plan. ${message}`) };
    case "auth":
      return { limits: null, error: of({ httpConnectionFailed: { httpStatusCode: 401 } }) };
    case "burst":
      return { limits: null, error: of({ responseTooManyFailedAttempts: { httpStatusCode: 429 } }) };
    default:
      return null;
  }
}

/** Pi hands the service's answer through as a text. */
export function piRefusal({ code, message, resetsAt }: Refusal): string | null {
  const body = (status: number, type: string, more: object = {}) =>
    `${status}: ${JSON.stringify({ message, type, code: type, ...more })}`;
  switch (code) {
    case "usage_limit":
      return body(429, "usage_limit_reached", resetsAt === undefined ? {} : { resets_at: seconds(resetsAt) });
    case "billing":
      return body(429, "insufficient_quota");
    case "auth":
      return body(401, "authentication_error");
    case "burst":
      return body(429, "rate_limit_exceeded");
    default:
      return null;
  }
}

/** `data` of an APIError; at a limit OpenCode fails nothing, it waits. */
export function opencodeRefusal({ code, message }: Refusal): object | null {
  switch (code) {
    // The trap: no money is a 401 as well.
    case "billing": {
      const responseBody = JSON.stringify({ type: "error", error: { type: "CreditsError", message } });
      return { message, statusCode: 401, isRetryable: false, responseBody };
    }
    case "auth":
      return { message, statusCode: 401, isRetryable: false, responseBody: JSON.stringify({ error: { message } }) };
    default:
      return null;
  }
}

/** Agents that speak ACP tell it in words at most. */
export function acpRefusal({ code, message }: Refusal): { code: number; message: string; data?: object } {
  switch (code) {
    case "usage_limit":
      return { code: -32603, message: `429 You have reached your usage limit: ${message}` };
    case "billing":
      return { code: -32603, message: `402 ${message}` };
    case "auth":
      return { code: -32000, message: `Authentication required: ${message}` };
    default:
      if (/^\d{3}$/.test(code))
        return { code: Number(code), message: JSON.stringify({ error: { code: Number(code), message } }) };
      return { code: -32603, message: `Internal error: ${message}`, data: { service: "session", errorName: code } };
  }
}
