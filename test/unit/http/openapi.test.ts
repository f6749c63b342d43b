import { describe, expect, test } from "bun:test";
import { json } from "../../../src/http/answer.ts";
import { formatMetrics } from "../../../src/http/metrics.ts";
import { openApi } from "../../../src/http/openapi.ts";
import { integerText, listText } from "../../../src/http/query.ts";
import { route } from "../../../src/http/router.ts";
import { object, oneOf, optional, string } from "../../../src/lib/check.ts";

describe("the API description", () => {
  const document = JSON.parse(
    JSON.stringify(
      openApi({
        title: "t",
        version: "1",
        summary: "s",
        license: { name: "MIT", identifier: "MIT" },
        tags: { all: "Everything" },
        components: [
          {
            name: "Thing",
            definition: { type: "object", properties: { part: { $ref: "#/components/schemas/Part" } } },
          },
          { name: "Part", definition: object({ a: string() }).json },
          { name: "Unused", definition: object({ a: string() }).json },
        ],
        webhooks: {
          events: { ended: "it ended" },
          body: object({ event: string() }),
          headers: { "webhook-id": "which" },
        },
        describe: ({ path }) => ({
          tag: "all",
          headers: path === "/stop" ? { "Idempotency-Key": "once" } : {},
          errors: ["INVALID_REQUEST", "NAME_TAKEN", "AGENT_BUSY"],
          ...(path === "/health" ? { answer: object({ ok: string() }), cursor: true } : {}),
          ...(path === "/events"
            ? {
                answer: { ...string(), json: { $ref: "#/components/schemas/Thing" } },
                also: { type: "text/event-stream", answer: string() },
              }
            : {}),
        }),
        routes: [
          route({ method: "GET", path: "/health", summary: "Health", auth: false, handler: () => json({}) }),
          route({
            method: "GET",
            path: "/p/:name/a/:id",
            summary: "One",
            query: object({ limit: integerText({ max: 9 }), until: optional(listText(oneOf("idle"))) }),
            handler: () => json({}),
          }),
          route({
            method: "PATCH",
            path: "/p/:name/a/:id",
            summary: "Change",
            body: object({ text: string() }),
            success: { status: 204 },
            handler: () => json({}),
          }),
          route({
            method: "GET",
            path: "/events",
            summary: "Events",
            success: { type: "text/event-stream" },
            handler: () => json({}),
          }),
          route({
            method: "POST",
            path: "/stop",
            summary: "Stop",
            body: optional(object({})),
            handler: () => json({}),
          }),
        ],
      }),
    ),
  );

  test("has one operation a route, with unique ids", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths)).toEqual(["/health", "/p/{name}/a/{id}", "/events", "/stop"]);
    expect(Object.keys(document.paths["/p/{name}/a/{id}"])).toEqual(["get", "patch"]);
    expect(document.paths["/p/{name}/a/{id}"].get.operationId).toBe("get_p_name_a_id");
  });
  test("says where no token is needed", () => {
    expect(document.security).toEqual([{ bearer: [] }]);
    expect(document.paths["/health"].get.security).toEqual([]);
    expect(document.paths["/events"].get.security).toBeUndefined();
  });
  test("lists path and query parameters with their schemas", () => {
    expect(document.paths["/p/{name}/a/{id}"].get.parameters).toEqual([
      { name: "name", in: "path", required: true, schema: { type: "string" } },
      { name: "id", in: "path", required: true, schema: { type: "string" } },
      { name: "limit", in: "query", required: true, schema: { type: "integer", minimum: 0, maximum: 9 } },
      {
        name: "until",
        in: "query",
        style: "form",
        explode: false,
        schema: { type: "array", items: { type: "string", enum: ["idle"] }, minItems: 1 },
      },
    ]);
  });
  test("shows bodies and answers", () => {
    const { patch } = document.paths["/p/{name}/a/{id}"];
    expect(patch.requestBody.required).toBe(true);
    expect(patch.requestBody.content["application/json"].schema.properties).toEqual({ text: { type: "string" } });
    expect(patch.responses["204"]).toEqual({ description: "Done" });
    expect(document.paths["/stop"].post.requestBody.required).toBe(false);
    expect(document.paths["/stop"].post.parameters).toEqual([
      { name: "Idempotency-Key", in: "header", description: "once", schema: { type: "string" } },
    ]);
    const { "200": good } = document.paths["/health"].get.responses;
    // A newer daemon may add members: nothing says that there are no others.
    expect(good.content["application/json"].schema).toEqual({
      type: "object",
      properties: { ok: { type: "string" } },
      required: ["ok"],
    });
    expect(Object.keys(good.headers)).toEqual(["X-Event-Cursor"]);
    expect(Object.keys(document.paths["/events"].get.responses["200"].content)).toEqual([
      "text/event-stream",
      "application/json",
    ]);
  });
  test("describes what is referred to, also from there, and nothing else", () => {
    expect(Object.keys(document.components.schemas)).toEqual(["Error", "Thing", "Part"]);
    expect(document.components.schemas.Part.properties).toEqual({ a: { type: "string" } });
  });
  test("names the codes of a status in one answer, said once", () => {
    for (const path of ["/health", "/stop"]) {
      const { responses } = document.paths[path][path === "/stop" ? "post" : "get"];
      expect(responses["409"]).toEqual({ $ref: "#/components/responses/NameTakenOrAgentBusy" });
    }
    const { NameTakenOrAgentBusy: refusal } = document.components.responses;
    expect(refusal.content["application/json"].schema.allOf[1].properties.error.enum).toEqual([
      "NAME_TAKEN",
      "AGENT_BUSY",
    ]);
    expect(refusal.description).toContain("`NAME_TAKEN`: an agent of the project has this name");
  });
  test("describes what is posted to others", () => {
    const { post } = document.webhooks.ended;
    expect([post.summary, post.operationId]).toEqual(["it ended", "webhook_ended"]);
    expect(post.requestBody.content["application/json"].schema.properties).toEqual({ event: { type: "string" } });
    expect(post.parameters[0].name).toBe("webhook-id");
  });
});

describe("metrics", () => {
  test("are printed with help, type, escaped labels and special numbers", () => {
    expect(
      formatMetrics([
        { name: "a_total", type: "counter", help: "Counts\nA \\ things.", samples: [{ value: 3 }] },
        {
          name: "b",
          type: "gauge",
          help: "B.",
          samples: [{ labels: { path: 'x"\\\n', k: "v" }, value: 0.5 }, { value: Infinity }, { value: Number.NaN }],
        },
        { name: "none", type: "gauge", help: "No samples.", samples: [] },
      ]),
    ).toBe(
      "# HELP a_total Counts\\nA \\\\ things.\n# TYPE a_total counter\na_total 3\n" +
        '# HELP b B.\n# TYPE b gauge\nb{path="x\\"\\\\\\n",k="v"} 0.5\nb +Inf\nb NaN\n',
    );
  });
  test("names that Prometheus would refuse are a bug and throw", () => {
    const one =
      (name: string, labels = {}) =>
      () =>
        formatMetrics([{ name, type: "gauge", help: "", samples: [{ labels, value: 1 }] }]);
    expect(one("a-b")).toThrow("expected a metric name");
    expect(one("a", { "b c": "x" })).toThrow("expected a label name");
  });
});
