/** The outbox as people see it: what is on its way, what is dead and why, and once more on request. */
import { json } from "../http/answer.ts";
import { flagText } from "../http/query.ts";
import { route } from "../http/router.ts";
import { object, oneOf, optional } from "../lib/check.ts";
import { HarnessError } from "../lib/errors.ts";
import { given } from "../lib/given.ts";
import type { Delivery, ListedDelivery } from "../store/deliveries.ts";
import { FORGOTTEN } from "../store/forget.ts";
import {
  attemptsOf,
  findDelivery,
  insertDelivery,
  listDeliveries,
  listedDelivery,
  reviveDelivery,
} from "../store/deliveries.ts";
import { currentTarget } from "../webhook/outbox.ts";
import { webhookBody } from "../webhook/payload.ts";
import type { ApiDeps } from "./deps.ts";
import type { Answer } from "./idempotent.ts";
import { answerOnce } from "./idempotent.ts";
import * as schemas from "./schemas.ts";
import { iso, withoutCredentials } from "./views.ts";

export function deliveryRoutes(deps: ApiDeps) {
  const { store, clock, config } = deps;
  const view = (id: string) => deliveryView(listedDelivery(store, id) ?? notFound(id));
  return [
    route({
      method: "GET",
      path: "/api/v1/deliveries",
      summary: "Webhooks, newest first",
      query: object({
        state: optional(oneOf("pending", "delivered", "dead")),
        project: optional(schemas.projectName),
        agent: optional(schemas.agentId),
        limit: optional(schemas.count(1000)),
        before: optional(schemas.idText),
      }),
      handler({ query }) {
        const limit = query.limit ?? 100;
        const found = listDeliveries(store, { ...query, limit: limit + 1 });
        const next = found.length > limit ? (found[limit - 1]?.seq ?? null) : null;
        return json({ deliveries: found.slice(0, limit).map(deliveryView), next });
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/deliveries/:id",
      summary: "One webhook with its attempts",
      handler({ params }) {
        const delivery = deliveryAt(deps, params.id);
        const attempts = attemptsOf(store, delivery.id).map(({ at, ...rest }) => ({ ...rest, at: iso(at) }));
        return json({ delivery: { ...view(delivery.id), body: JSON.parse(delivery.body) as unknown, attempts } });
      },
    }),
    route({
      method: "POST",
      path: "/api/v1/deliveries/:id/redeliver",
      summary: "Send it again, under the same id; ?fresh=1 = under a new one",
      query: object({ fresh: optional(flagText()) }),
      success: { status: 202 },
      handler({ params, query, req, bodyBytes }) {
        const delivery = deliveryAt(deps, params.id);
        return answerOnce(deps, { scope: `redeliver ${delivery.id}`, req, bodyBytes }, (keep) => {
          let id = delivery.id;
          if (delivery.body === FORGOTTEN) {
            throw new HarnessError(
              "DELIVERY_FORGOTTEN",
              "its agent was deleted and its text with it: nothing can be sent",
            );
          }
          const answer = store.transact(() => {
            // Where its agent's webhook is now: what was wrong with it may have been mended meanwhile.
            const target = currentTarget(store, config.webhook, delivery);
            if (query.fresh === true)
              insertDelivery(store, { ...delivery, ...target, id: (id = deps.newDeliveryId()) }, clock.now());
            else reviveDelivery(store, delivery.id, target, clock.now());
            const made: Answer = { status: 202, body: { delivery: view(id) }, agent: delivery.agent };
            keep(made);
            return made;
          });
          deps.tryWebhook(id);
          return answer;
        });
      },
    }),
    route({
      method: "POST",
      path: "/api/v1/webhook/test",
      summary: "Send a marked test event to the configured webhook",
      success: { status: 202 },
      handler({ req, bodyBytes }) {
        return answerOnce(deps, { scope: "test webhook", req, bodyBytes }, (keep) => {
          const { url } = config.webhook;
          if (url === undefined) throw new HarnessError("NO_WEBHOOK", "no webhook is configured: set webhook.url");
          const id = deps.newDeliveryId();
          const body = webhookBody({
            event: "test",
            project: "test",
            agentId: "00000000",
            provider: "test",
            status: "idle",
            timestampMs: clock.now(),
            lastMessage: "This is a test of the webhook of agent-harness.",
            ...given({ node: deps.nodeName }),
          });
          const answer = store.transact(() => {
            insertDelivery(
              store,
              { id, project: null, agent: null, event: "test", url, token: null, own: false, body },
              clock.now(),
            );
            const made: Answer = { status: 202, body: { delivery: view(id) } };
            keep(made);
            return made;
          });
          deps.wakeWebhooks();
          return answer;
        });
      },
    }),
  ];
}

function deliveryAt({ store }: ApiDeps, id: string): Delivery {
  return findDelivery(store, id) ?? notFound(id);
}

function notFound(id: string): never {
  throw new HarnessError("DELIVERY_NOT_FOUND", `there is no delivery "${id}": GET /api/v1/deliveries lists them`);
}

function deliveryView(delivery: ListedDelivery): Record<string, unknown> {
  const { id, seq, project, agent, event, url, state, attempts, lastError, nextAt, createdAt, settledAt, waitsFor } =
    delivery;
  return {
    id,
    seq,
    project,
    agentId: agent,
    event,
    url: withoutCredentials(url),
    state,
    attempts,
    lastError,
    nextAttemptAt: nextAt === null || waitsFor !== null ? null : iso(nextAt),
    ...(waitsFor === null ? {} : { waitsFor }),
    createdAt: iso(createdAt),
    settledAt: settledAt === null ? null : iso(settledAt),
  };
}
