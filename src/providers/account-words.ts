/**
 * For programs that hand their model service's failure through as a text: does it say that the account cannot work on?
 * What passes by itself (a burst of requests, an overloaded service) is none of that, whatever its status is.
 */
import { nextTimeOfDay } from "../lib/zone-time.ts";
import type { LimitFound } from "../words/limits.ts";

/** "429 Too many requests" says nothing of an allowance, so a limit is known by these words alone. */
const LIMIT =
  /usage[ _-]limit|hit your [\w-]{1,20} limit|GoUsageLimitError|FreeUsageLimitError|usage_limit_reached|free usage exceeded/i;
const BILLING =
  /^\W*402\b|insufficient_quota|exceeded your current quota|credit balance|insufficient (credits|balance|funds)|out of (credits|budget)|available balance|payment required|CreditsError|billing/i;
const AUTH =
  /^\W*(401|403)\b|authentication_error|invalid[ _-]?(api[ _-]?key|token|credentials)|no api key|unauthorized/i;

export function accountFailure(message: string, nowMs: number): LimitFound | null {
  const of = (kind: LimitFound["class"], scope: string, resetsAt: number | null = null): LimitFound => ({
    class: kind,
    scope,
    resetsAt,
    message,
  });
  // A used up allowance is often told together with an offer to pay for more.
  if (LIMIT.test(message) && !/insufficient_quota/i.test(message))
    return of("limit", "account", resetIn(message, nowMs));
  if (BILLING.test(message)) return of("billing", "billing");
  if (AUTH.test(message)) return of("auth", "auth");
  return null;
}

/** `"resets_at":1795659658`, "Try again in ~42 min", "Resets in 5 hours", "resets 3pm (Europe/Berlin)"; null: none. */
function resetIn(message: string, nowMs: number): number | null {
  const exact = /"?resets_at"?\s*[:=]\s*(\d{9,11})\b/.exec(message);
  if (exact !== null) return Number(exact[1]) * 1000;
  const away = /\b(?:again|resets?)\s+in\s+~?(\d{1,5})\s*(min|hour|h\b|day)/i.exec(message);
  if (away === null) return timeIn(message, nowMs);
  const unit = away[2]?.toLowerCase() ?? "";
  const minutes = unit === "min" ? 1 : unit === "day" ? 24 * 60 : 60;
  return nowMs + Number(away[1]) * minutes * 60_000;
}

/** Of the program's own zone, which it names: without one it could be anybody's. */
function timeIn(message: string, nowMs: number): number | null {
  const told = /\bresets?\s+(?:at\s+)?(\d{1,2})(?::([0-5]\d))?\s*([ap])m\s+\(([A-Za-z][A-Za-z0-9_+/-]{1,40})\)/i.exec(
    message,
  );
  if (told === null) return null;
  const hour = Number(told[1]);
  if (hour < 1 || hour > 12) return null;
  const afternoon = told[3]?.toLowerCase() === "p";
  return nextTimeOfDay(
    nowMs,
    { hour: (hour % 12) + (afternoon ? 12 : 0), minute: Number(told[2] ?? 0) },
    told[4] ?? "",
  );
}
