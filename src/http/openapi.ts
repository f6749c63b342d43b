/** OpenAPI 3.1 out of the route table and what is said of its answers: what is served is what is described. Pure. */
import type { Schema } from "../lib/check.ts";
import type { ErrorCode } from "../words/errors.ts";
import { ERRORS } from "../words/errors.ts";
import type { Route } from "./router.ts";

type Json = Readonly<Record<string, unknown>>;

/** What is said of a route beside the route itself. */
export interface Described {
  readonly tag: string;
  readonly answer?: Schema<unknown>;
  readonly also?: { readonly type: string; readonly answer: Schema<unknown> };
  /** Request headers with what they mean. */
  readonly headers: Readonly<Record<string, string>>;
  readonly cursor?: true;
  readonly errors: readonly ErrorCode[];
}

export interface OpenApiOptions {
  readonly title: string;
  readonly version: string;
  readonly summary: string;
  readonly license: { readonly name: string; readonly identifier: string };
  readonly tags: Readonly<Record<string, string>>;
  readonly routes: readonly Route[];
  readonly describe: (route: Route) => Described;
  readonly components: readonly { readonly name: string; readonly definition: Json }[];
  /** What is posted to others: by event, what it means; each with the same body and headers. */
  readonly webhooks: {
    readonly events: Readonly<Record<string, string>>;
    readonly body: Schema<unknown>;
    readonly headers: Readonly<Record<string, string>>;
  };
}

const ERROR_SCHEMA: Json = {
  type: "object",
  required: ["error", "message"],
  properties: {
    error: { type: "string", description: "UPPER_SNAKE code" },
    message: { type: "string", description: "What happened and how to mend it" },
    issues: {
      type: "array",
      items: {
        type: "object",
        required: ["path", "message"],
        properties: { path: { type: "string" }, message: { type: "string" } },
      },
    },
  },
};

/** The whole document, ready for `JSON.stringify`. Routes keep the order of the table. */
export function openApi(options: OpenApiOptions): Json {
  const { title, version, summary, license, tags, routes, describe, components, webhooks } = options;
  const refusals = new Map<string, Json>();
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:([A-Za-z]+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, describe(route), refusals) };
  }
  const posted = Object.fromEntries(
    Object.entries(webhooks.events).map(([event, means]) => [event, { post: webhook(event, means, webhooks) }]),
  );
  return {
    openapi: "3.1.0",
    info: { title, version, summary, license },
    servers: [{ url: "/", description: "The daemon that gave this description" }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    webhooks: posted,
    components: {
      schemas: {
        Error: ERROR_SCHEMA,
        ...Object.fromEntries(
          usedBy([paths, posted], components).map(({ name, definition }) => [name, open(definition)]),
        ),
      },
      responses: Object.fromEntries(refusals),
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
    security: [{ bearer: [] }],
  };
}

/** Those that are referred to, and what these refer to: a daemon without a fleet describes none. */
function usedBy(documents: readonly Json[], components: OpenApiOptions["components"]): OpenApiOptions["components"] {
  const used = new Set<string>();
  const look = (document: Json): void => {
    const text = JSON.stringify(document);
    for (const { name, definition } of components) {
      if (used.has(name) || !text.includes(`"#/components/schemas/${name}"`)) continue;
      used.add(name);
      look(definition);
    }
  };
  documents.forEach(look);
  return components.filter(({ name }) => used.has(name));
}

function operation(route: Route, described: Described, refusals: Map<string, Json>): Json {
  const { status = 200, type = "application/json", description = "Done" } = route.success ?? {};
  const { answer, also, headers, cursor, errors } = described;
  const body = requestBody(route);
  const parameters = [...pathParameters(route.path), ...queryParameters(route.query), ...headerParameters(headers)];
  const content = {
    // The answer of a route that streams is its other form, in JSON.
    ...(also === undefined
      ? { [type]: answer === undefined ? textContent(type) : { schema: open(answer.json) } }
      : { [also.type]: { schema: open(also.answer.json) } }),
    ...(also === undefined || answer === undefined ? {} : { "application/json": { schema: open(answer.json) } }),
  };
  const cursorHeader = {
    "X-Event-Cursor": { description: "The newest event that the list knows of", schema: { type: "integer" } },
  };
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [described.tag],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: body } : {}),
    responses: {
      [status]:
        status === 204 ? { description } : { description, ...(cursor ? { headers: cursorHeader } : {}), content },
      ...refused(errors, refusals),
    },
    ...(route.auth === false ? { security: [] } : {}),
  };
}

function textContent(type: string): Json {
  return { schema: { type: "string", ...(type.startsWith("text/") ? {} : { contentMediaType: type }) } };
}

/** One answer a status, with the codes it may carry; the same answers are said once. */
function refused(errors: readonly ErrorCode[], refusals: Map<string, Json>): Json {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(errors)) {
    const status = ERRORS[code].status ?? 500;
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const entries = [...byStatus].sort(([a], [b]) => a - b);
  return Object.fromEntries(
    entries.map(([status, codes]) => {
      const name = codes.map(pascal).join("Or");
      refusals.set(name, {
        description: codes.map((code) => `\`${code}\`: ${ERRORS[code].means}`).join("; "),
        content: {
          "application/json": {
            schema: {
              allOf: [
                { $ref: "#/components/schemas/Error" },
                { type: "object", properties: { error: { type: "string", enum: codes } } },
              ],
            },
          },
        },
      });
      return [status, { $ref: `#/components/responses/${name}` }];
    }),
  );
}

const pascal = (code: string): string =>
  code
    .split("_")
    .map((word) => word.slice(0, 1) + word.slice(1).toLowerCase())
    .join("");

/** A client must live with members that a newer daemon adds. */
function open(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(open);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => key !== "additionalProperties" || value !== false)
      .map(([key, value]) => [key, open(value)]),
  );
}

function webhook(event: string, means: string, { body, headers }: OpenApiOptions["webhooks"]): Json {
  return {
    operationId: `webhook_${event}`,
    summary: means,
    tags: ["webhooks"],
    parameters: headerParameters(headers),
    requestBody: { required: true, content: { "application/json": { schema: open(body.json) } } },
    responses: {
      "2XX": { description: "Taken" },
      "4XX": { description: "Refused; some are tried again, see the README" },
      "5XX": { description: "Tried again" },
    },
    security: [],
  };
}

/** `get_api_v1_projects_name`: unique, because method and path are. */
function operationId({ method, path }: Route): string {
  return `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z0-9]+/g, "_")}`.replace(/_$/, "");
}

function pathParameters(path: string): readonly Json[] {
  return [...path.matchAll(/:([A-Za-z]+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function headerParameters(headers: Readonly<Record<string, string>>): readonly Json[] {
  return Object.entries(headers).map(([name, description]) => ({
    name,
    in: "header",
    description,
    schema: { type: "string" },
  }));
}

function queryParameters(query: Schema<unknown> | undefined): readonly Json[] {
  const { properties, required } = query?.json ?? {};
  if (typeof properties !== "object" || properties === null) return [];
  const needed = Array.isArray(required) ? required : [];
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    ...(needed.includes(name) ? { required: true } : {}),
    // A list is one comma-separated value.
    ...(isList(schema) ? { style: "form", explode: false } : {}),
    schema,
  }));
}

function isList(schema: unknown): boolean {
  return typeof schema === "object" && schema !== null && "type" in schema && schema.type === "array";
}

function requestBody({ body }: Route): Json | undefined {
  if (body === undefined) return undefined;
  if (body === "raw") return { required: true, content: { "*/*": {} } };
  return { required: body.optional !== true, content: { "application/json": { schema: body.json } } };
}
