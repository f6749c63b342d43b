/**
 * What answers at the address: at first only that we are not ready, and why; then the app. So a program that waits (for
 * room on a disk, for a lock) can be asked what it waits for.
 */
import { HarnessError } from "../lib/errors.ts";
import { errorAnswer } from "./answer.ts";
import type { Guard } from "./guard.ts";
import type { App } from "./router.ts";

export interface Front extends App {
  /** What is waited for, in words for people. */
  waitFor(reason: HarnessError): void;
  become(app: App): void;
}

export function createFront(guard: Guard): Front {
  let reason = new HarnessError("NOT_READY", "the program is starting: try again in a second");
  let app: App | null = null;
  let closed = false;

  const notYet = (req: Request): Response => {
    try {
      guard.check(req);
    } catch (error) {
      if (error instanceof HarnessError) return errorAnswer(error);
      throw error;
    }
    // Alive, though not ready: who restarts us for it would only make us wait again.
    if (new URL(req.url, "http://localhost").pathname === "/healthz") return new Response("ok\n");
    return errorAnswer(reason);
  };

  return {
    fetch: (req, server) => (app === null ? Promise.resolve(notYet(req)) : app.fetch(req, server)),
    close() {
      closed = true;
      app?.close();
    },
    get inFlight() {
      return app?.inFlight ?? 0;
    },
    waitFor(next) {
      reason = next;
    },
    become(next) {
      app = next;
      if (closed) next.close();
    },
  };
}
