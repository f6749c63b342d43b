/** The receiver's routes. A webhook is stored first and answered then; what sinks do with it is never awaited here. */
import { oneOf, object, optional } from "../lib/check.ts";
import type { Clock } from "../lib/clock.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { json } from "../http/answer.ts";
import { createAuth } from "../http/auth.ts";
import { createGuard } from "../http/guard.ts";
import { integerText } from "../http/query.ts";
import { createApp, route, type App, type Route } from "../http/router.ts";
import { metricsResponse } from "../http/metrics.ts";
import { BODY_MAX_BYTES, readWebhook } from "./accept.ts";
import { health, receiverMetrics, type Counters, type HealthParts } from "./health.ts";
import { shortId } from "./identity.ts";
import type { Inbox, NewWebhook, SendState } from "./inbox.ts";
import { countStored, findDelivery, listDeliveries } from "./listing.ts";
import { SINKS, type SinkName } from "./sink.ts";
import type { Worker } from "./worker.ts";

export interface ReceiverParts {
  readonly inbox: Inbox;
  readonly workers: ReadonlyMap<SinkName, Worker>;
  readonly token: string | null;
  readonly signingKey: Uint8Array | null;
  /** For the Host guard: the machine's own names, and those of the config. */
  readonly ownNames: readonly string[];
  readonly allowedHosts: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

const WEBHOOK_PATH = "/harness-webhook";
/** The daemon tries again; the disk may have been cleared by then. */
const STORE_RETRY_SECONDS = 30;
const BUSY_RETRY_MS = 200;
const BUSY_MAX_MS = 3000;

export function createReceiverApp(parts: ReceiverParts): App {
  const { token, ownNames, allowedHosts, clock, log } = parts;
  const counters: Counters = { accepted: 0, duplicates: 0, refused: 0 };
  const app = createApp({
    routes: receiverRoutes(parts, counters),
    auth: createAuth({ token, clock }),
    guard: createGuard({ allowedHosts, ownNames }),
    log,
    limits: { bodyBytes: BODY_MAX_BYTES },
    hint: `webhooks go to POST ${WEBHOOK_PATH}, see also GET /health and GET /deliveries`,
  });
  return {
    async fetch(req, server) {
      const response = await app.fetch(req, server);
      if (response.status >= 400 && req.method === "POST") counters.refused += 1;
      return response;
    },
    close: () => app.close(),
    get inFlight() {
      return app.inFlight;
    },
  };
}

function receiverRoutes(
  { inbox, workers, signingKey, clock, log }: ReceiverParts,
  counters: Counters,
): readonly Route[] {
  const startedMs = clock.now();
  const healthParts = (): HealthParts => ({ startedMs, stored: countStored(inbox.store), workers });

  /** A foreign lock is mostly gone in a moment: waited for in the loop, shorter than any sender waits. */
  const accept = async (read: NewWebhook): ReturnType<Inbox["accept"]> => {
    for (let waitedMs = 0; ; waitedMs += BUSY_RETRY_MS) {
      try {
        return await inbox.accept(read);
      } catch (cause) {
        const busy = cause instanceof HarnessError && cause.code === "STORE_BUSY";
        if (!busy || waitedMs >= BUSY_MAX_MS) throw notStored(cause);
      }
      await new Promise<void>((resolve) => void clock.setTimer(BUSY_RETRY_MS, resolve));
    }
  };

  const webhook = route({
    method: "POST",
    path: WEBHOOK_PATH,
    summary: "Take a webhook: store it, answer 202, pass it on",
    body: "raw",
    success: { status: 202 },
    async handler({ req, bodyBytes }) {
      const read = readWebhook(req, bodyBytes, { signingKey, nowMs: clock.now() });
      const { duplicate } = await accept(read);
      const { hash, event, project, agentId } = read;
      const id = shortId(hash);
      log.debug(duplicate ? "webhook seen before" : "webhook stored", { id, event, project, agentId });
      if (duplicate) {
        counters.duplicates += 1;
        return json({ duplicate: true });
      }
      counters.accepted += 1;
      for (const worker of workers.values()) worker.wake();
      return json({ accepted: true, id }, { status: 202 });
    },
  });

  const deliveries = route({
    method: "GET",
    path: "/deliveries",
    summary: "List webhooks and what became of them, newest first",
    query: object({
      state: optional(oneOf("pending", "sending", "delivered", "dead")),
      sink: optional(oneOf(...SINKS)),
      before: optional(integerText({ min: 1 })),
      limit: optional(integerText({ min: 1, max: 500 })),
    }),
    handler({ query: { state = null, sink = null, before = null, limit = 50 } }) {
      const found = listDeliveries(inbox.store, { state, sink, before, limit });
      return json({ deliveries: found, before: found.length === limit ? (found.at(-1)?.seq ?? null) : null });
    },
  });

  const delivery = route({
    method: "GET",
    path: "/deliveries/:id",
    summary: "One webhook with its body",
    handler: ({ params }) => json({ delivery: existing(params.id) }),
  });

  const redeliver = route({
    method: "POST",
    path: "/deliveries/:id/redeliver",
    summary: "Send now: to the named sink, else to those that gave up, else to those it waits for, else to all again",
    query: object({ sink: optional(oneOf(...SINKS)) }),
    success: { status: 202 },
    async handler({ params, query }) {
      const { seq, id, sinks } = existing(params.id);
      if (workers.size === 0) throw conflict("NO_SINK", "no sink is configured, there is nowhere to send to");
      if (query.sink !== undefined && !workers.has(query.sink))
        throw conflict("NO_SINK", `the sink ${query.sink} is not configured`);
      const on = query.sink === undefined ? [...workers.keys()] : [query.sink];
      const among = (...states: readonly SendState[]): readonly SinkName[] =>
        on.filter((name) => states.some((state) => sinks[name]?.state === state));
      const [gaveUp, waits] = [among("dead"), among("pending", "sending")];
      const chosen = gaveUp.length > 0 ? gaveUp : waits.length > 0 ? waits : on;
      await inbox.redeliver(seq, chosen, clock.now());
      log.info("redelivery asked for", { id, sinks: chosen });
      for (const name of chosen) workers.get(name)?.tryNow(seq);
      return json({ delivery: existing(params.id) }, { status: 202 });
    },
  });

  const existing = (id: string): NonNullable<ReturnType<typeof findDelivery>> => {
    const found = findDelivery(inbox.store, id);
    if (!found) throw new HarnessError("DELIVERY_NOT_FOUND", `there is no delivery ${id}; GET /deliveries lists them`);
    return found;
  };

  return [
    webhook,
    deliveries,
    delivery,
    redeliver,
    route({
      method: "GET",
      path: "/health",
      summary: "Whether it runs, and the state of the sinks",
      auth: false,
      handler: () => json(health(healthParts(), clock.now())),
    }),
    route({
      method: "GET",
      path: "/metrics",
      summary: "Prometheus metrics",
      handler: () => metricsResponse(receiverMetrics(healthParts(), counters, clock.now())),
    }),
  ];
}

/** The sender has it still, and tries again. */
function notStored(cause: unknown): HarnessError {
  const headers = { "Retry-After": String(STORE_RETRY_SECONDS) };
  if (cause instanceof HarnessError && cause.code === "DISK_FULL")
    return new HarnessError("DISK_FULL", "the disk with the inbox is full, send the webhook again later", {
      cause,
      headers,
    });
  const message = "the webhook cannot be stored now, send it again later";
  return new HarnessError("STORE_UNAVAILABLE", message, { cause, headers });
}

function conflict(code: "NO_SINK" | "DELIVERY_PENDING", message: string): HarnessError {
  return new HarnessError(code, message);
}
