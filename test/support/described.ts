/**
 * Holds every answer that a test gets against what the API says of itself: its shape, its status, its error's code.
 * What is served and what is described cannot drift apart without a test that says so.
 */
import { createBus } from "../../src/agents/bus.ts";
import { EVENT_SHAPES } from "../../src/api/answers/events.ts";
import { ANSWERS, errorsOf } from "../../src/api/answers/table.ts";
import type { ApiDeps } from "../../src/api/deps.ts";
import { apiRoutes } from "../../src/api/routes.ts";
import type { FleetDeps } from "../../src/fleet/deps.ts";
import { fleetRoutes } from "../../src/fleet/routes.ts";
import { createMatcher } from "../../src/http/match.ts";
import type { Schema } from "../../src/lib/check.ts";
import { check } from "../../src/lib/check.ts";
import { ERRORS } from "../../src/words/errors.ts";

/** The table is only looked at: no handler of it runs, so it needs nothing to work with. */
const nothing = { config: {}, bus: createBus() } as ApiDeps;
export const apiTable = apiRoutes(nothing);

/** With what a box of a fleet has besides. */
export const fleetTable = fleetRoutes({ api: nothing } as FleetDeps);

const match = createMatcher([...apiTable, ...fleetTable]);

/** Throws when the answer of a known route is none that its description allows. `path` may carry a query. */
export function assertDescribed(method: string, path: string, status: number, body: unknown): void {
  const found = match(method, path.split("?", 1)[0] ?? path);
  if (found.type !== "found") return;
  const { route } = found;
  const named = `${route.method} ${route.path}`;
  const row = ANSWERS[named];
  if (row === undefined) throw new Error(`${named} has no row in src/api/answers/table.ts`);
  if (status >= 400) return assertError(named, errorsOf(route.method, route.path, route.auth === false), status, body);
  const expected = route.success?.status ?? 200;
  if (status !== expected) throw new Error(`${named} answered ${status}, its description says ${expected}`);
  if (row.answer !== undefined) assertFits(named, row.answer, body);
}

function assertError(named: string, allowed: readonly string[], status: number, body: unknown): void {
  const code = String((body as { readonly error?: unknown } | null)?.error);
  if (!allowed.includes(code)) throw new Error(`${named} answered ${code}, its description has ${allowed.join(", ")}`);
  const known = ERRORS[code as keyof typeof ERRORS].status;
  if (known !== status) throw new Error(`${named} answered ${code} with ${status}, the table of errors says ${known}`);
}

/** `name` is what stands in `event:`. */
export function assertDescribedEvent(name: string, data: unknown): void {
  const shape = EVENT_SHAPES.get(name);
  if (shape === undefined) throw new Error(`an event "${name}" is described nowhere`);
  assertFits(`the event ${name}`, shape, data);
}

export function assertFits(what: string, shape: Schema<unknown>, value: unknown): void {
  const checked = check(shape, value);
  if (checked.ok) return;
  const issues = checked.issues.map(({ path, message }) => `${path}: ${message}`).join("; ");
  throw new Error(`${what} is not as described: ${issues} in ${JSON.stringify(value).slice(0, 2000)}`);
}
