/** `GET /openapi.json`: made of the route table, the table of answers, the events, the errors and the notices. */
import { openApi } from "../../http/openapi.ts";
import type { Described } from "../../http/openapi.ts";
import type { Route } from "../../http/router.ts";
import { VERSION } from "../../lib/version.ts";
import { NOTICES, TEST_EVENT } from "../../words/notices.ts";
import { notice } from "./notice.ts";
import { HEADERS, TAGS, isKeyed } from "./route.ts";
import { namedShapes } from "./shape.ts";
import { ANSWERS, errorsOf } from "./table.ts";

const WEBHOOK_HEADERS = {
  Authorization: "`Bearer` and the configured token, where there is one",
  "webhook-id": "The same over retries and redelivery",
  "webhook-timestamp": "Seconds, of this attempt",
  "webhook-signature": "Standard Webhooks, where a secret is configured",
};

export function describeApi(routes: readonly Route[]): unknown {
  return openApi({
    title: "agent-harness",
    version: VERSION,
    summary: "Runs coding agents unattended behind one HTTP API",
    license: { name: "MIT", identifier: "MIT" },
    tags: TAGS,
    routes: routes.filter(({ method, path }) => ANSWERS[`${method} ${path}`] !== undefined),
    describe,
    components: namedShapes(),
    webhooks: {
      events: { ...NOTICES, [TEST_EVENT]: "a person tries the way" },
      body: notice,
      headers: WEBHOOK_HEADERS,
    },
  });
}

function describe({ method, path, auth }: Route): Described {
  const { takes = [], ...row } = ANSWERS[`${method} ${path}`] ?? { tag: "box" };
  const headers = isKeyed(method, path) ? [...takes, "Idempotency-Key" as const] : takes;
  return {
    ...row,
    headers: Object.fromEntries(headers.map((name) => [name, HEADERS[name]])),
    errors: errorsOf(method, path, auth === false),
  };
}
