// file-timeout: 14400 s
/**
 * No request makes the router throw or answer with a fault of ours. The table is the daemon's own, its handlers
 * replaced by one that answers: everything before them (guard, match, auth, query, body, schema) is the real thing.
 */
import { expect, test } from "bun:test";
import { json } from "../../../src/http/answer.ts";
import { createAuth } from "../../../src/http/auth.ts";
import { createGuard } from "../../../src/http/guard.ts";
import { createApp } from "../../../src/http/router.ts";
import { fakeClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { apiTable } from "../../support/described.ts";
import type { Random } from "../../support/fuzz.ts";
import { ODD_TEXTS, anyValue, everyCase, mangled, pick, upTo } from "../../support/fuzz.ts";

const clock = fakeClock();
const app = createApp({
  routes: apiTable.map((route) => ({ ...route, handler: () => json({ reached: true }) })),
  log: silentLogger,
  auth: createAuth({ token: "right", clock }),
  guard: createGuard({ allowedHosts: ["box.example"], ownNames: ["box"] }),
});

const FINE = new Set([200, 400, 401, 403, 404, 405, 413, 415, 429]);
const PATHS = apiTable.map(({ path }) => path);
const METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "BREW"];

const word = (next: Random): string => encodeURIComponent(pick(next, ODD_TEXTS).toWellFormed().slice(0, 500));

function request(next: Random): Request {
  let path = pick(next, PATHS).replace(/:[a-zA-Z]+/g, () => (next() < 0.7 ? "p" : word(next)));
  if (next() < 0.2) path += pick(next, ["/", "//", "%", "%ff", "/..", "/%2e%2e", ";a=b", "\u00e9", `/${word(next)}`]);
  if (next() < 0.4) {
    const pairs = Array.from(
      { length: upTo(next, 4) },
      () => `${pick(next, ["limit", "after", "until", word(next)])}=${word(next)}`,
    );
    path += `?${pairs.join("&")}${pick(next, ["", "&", "=", "%", "#x"])}`;
  }
  const method = next() < 0.9 ? pick(next, METHODS.slice(0, 4)) : pick(next, METHODS);
  const headers: Record<string, string> = {
    host: pick(next, [
      "127.0.0.1",
      "127.0.0.1",
      "localhost:1",
      "box.example",
      "evil.example",
      "[::1]:7070",
      "127.0.0.1:99999999",
    ]),
    authorization: pick(next, ["Bearer right", "Bearer right", "bearer right", "Bearer wrong", "Basic cmlnaHQ=", ""]),
    "content-type": pick(next, [
      "application/json",
      "application/json",
      "text/plain",
      "application/json; charset=latin1",
    ]),
    ...(next() < 0.1 ? { origin: pick(next, ["null", "http://evil.example", "http://127.0.0.1"]) } : {}),
  };
  if (method === "GET" || method === "HEAD") return new Request(`http://x${path}`, { method, headers });
  const bytes = Buffer.from(JSON.stringify(anyValue(next, 4)) ?? "");
  const body = next() < 0.3 ? mangled(next, bytes) : bytes;
  return new Request(`http://x${path}`, { method, headers, body: Uint8Array.from(body) });
}

test("every request gets an answer that the API knows", async () => {
  const seen = new Map<number, number>();
  await everyCase(async (next) => {
    clock.advance(1000); // wrong tokens are slowed down together
    const response = await app.fetch(request(next));
    seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
    if (!FINE.has(response.status)) throw new Error(`answered ${response.status}: ${await response.text()}`);
    if (response.status >= 400 && !response.headers.get("content-type")?.startsWith("application/json"))
      throw new Error("an error that is no JSON");
  });
  // It did get through to handlers, and to each of the refusals.
  for (const status of [200, 400, 401, 403, 404, 405, 415]) expect([status, seen.has(status)]).toEqual([status, true]);
}, 3_600_000);
