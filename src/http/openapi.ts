/** OpenAPI 3.1 out of the route table: what is served is what is described. Pure. */
import type { Schema } from "../lib/check.ts";
import type { Route } from "./router.ts";

export interface OpenApiOptions {
  readonly title: string;
  readonly version: string;
  readonly routes: readonly Route[];
}

type Json = Readonly<Record<string, unknown>>;

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
export function openApi({ title, version, routes }: OpenApiOptions): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:([A-Za-z]+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    info: { title, version },
    paths,
    components: {
      schemas: { Error: ERROR_SCHEMA },
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
    security: [{ bearer: [] }],
  };
}

function operation(route: Route): Json {
  const { status = 200, type = "application/json", description = "Done" } = route.success ?? {};
  const body = requestBody(route);
  const parameters = [...pathParameters(route.path), ...queryParameters(route.query)];
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: body } : {}),
    responses: {
      [status]: status === 204 ? { description } : { description, content: { [type]: {} } },
      default: {
        description: "Refused or failed",
        content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
      },
    },
    ...(route.auth === false ? { security: [] } : {}),
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
