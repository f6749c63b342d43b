/** Who may call: one bearer token. A right token is never delayed; wrong ones are slowed down together. */
import { createTokenCheck, parseAuthorization } from "../lib/bearer.ts";
import type { Clock } from "../lib/clock.ts";
import { HarnessError } from "../lib/errors.ts";

export interface Auth {
  /** Throws 401, or 429 for wrong tokens once too many came. */
  require(req: Request): void;
}

/**
 * So many wrong tokens within the window are answered 401; further ones get 429. In running time: a clock that is set
 * back would refuse them all until it has caught up.
 */
const WRONG_LIMIT = 20;
const WRONG_WINDOW_MS = 60_000;

/** `token` null = everybody who reaches the listener may call. */
export function createAuth({ token, clock }: { readonly token: string | null; readonly clock: Clock }): Auth {
  if (token === null) return { require: () => {} };
  const isRight = createTokenCheck(token);
  let wrongAtMs: number[] = [];
  return {
    require(req) {
      const authorization = parseAuthorization(req.headers.get("authorization"));
      if (authorization.type === "none") throw unauthorized("this needs the header Authorization: Bearer <token>");
      if (authorization.type === "malformed") {
        throw unauthorized("the Authorization header is not usable: expected it once, as Bearer <token>");
      }
      if (isRight(authorization.token)) return;
      const ranMs = clock.monotonic();
      wrongAtMs = wrongAtMs.filter((atMs) => atMs > ranMs - WRONG_WINDOW_MS);
      const oldestMs = wrongAtMs[0];
      if (wrongAtMs.length < WRONG_LIMIT || oldestMs === undefined) {
        wrongAtMs.push(ranMs);
        throw unauthorized("the token is wrong");
      }
      const waitSeconds = Math.max(1, Math.ceil((oldestMs + WRONG_WINDOW_MS - ranMs) / 1000));
      throw new HarnessError(
        "TOO_MANY_ATTEMPTS",
        `too many wrong tokens: wait ${waitSeconds} s, or send the right one`,
        {
          headers: { "Retry-After": String(waitSeconds) },
        },
      );
    },
  };
}

function unauthorized(message: string): HarnessError {
  return new HarnessError("UNAUTHORIZED", message, { headers: { "WWW-Authenticate": "Bearer" } });
}
