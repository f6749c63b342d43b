// file-timeout: 600 s
/**
 * The API's description in the hands of others: a linter finds nothing, and a client that two foreign tools make of it
 * compiles and drives an agent.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { installFetch, installRedocly, installTypes } from "./api-tools.install.ts";
import { describeReal } from "./install.ts";

const ROOT = join(import.meta.dir, "../..");
const [redocly, types, client] = [
  await installRedocly(process.env),
  await installTypes(process.env),
  await installFetch(process.env),
];

let box: Box;
let dir: string;
let description: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "api-client-"));
  box = await makeBox({ providers: { echo: { kind: "command", command: ["cat"] } } });
  const api = await box.start();
  description = join(dir, "openapi.json");
  await Bun.write(description, JSON.stringify(await api.get("/openapi.json")));
});
afterAll(async () => {
  await box.close();
  rmSync(dir, { recursive: true, force: true });
});

async function run(
  command: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string }> {
  const child = Bun.spawn([...command], {
    cwd: dir,
    env: { PATH: process.env["PATH"] ?? "", HOME: dir, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out: out + errors };
}

describeReal("Redocly CLI", redocly)("Redocly CLI", () => {
  test("finds no error and no warning in the description", async () => {
    const command = "command" in redocly ? redocly.command : [];
    const env = { REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
    const { code, out } = await run([...command, "lint", "openapi.json"], env);
    expect(out).toContain("Your API description is valid");
    expect([code, /\d+ (warning|error)/.exec(out)?.[0]]).toEqual([0, undefined]);
  }, 120_000);
});

/** Uses what a caller uses: parameters, bodies, answers, errors; every member by the generated types alone. */
const CALLER = `
import createClient from "openapi-fetch";
import type { components, paths } from "./api.ts";

const { AH_URL: baseUrl = "", AH_CWD: cwd = "" } = process.env;
// A list is one comma-separated value, as the description says; the library has to be told.
const client = createClient<paths>({ baseUrl, querySerializer: { array: { style: "form", explode: false } } });
const made = await client.POST("/api/v1/projects", { body: { name: "p", cwd } });
if (made.error) throw new Error(made.error.message);
const path = { name: made.data.project.name };
const created = await client.POST("/api/v1/projects/{name}/agents", {
  params: { path, header: { "Idempotency-Key": "k" } },
  body: { provider: "echo", task: "hello from a generated client" },
});
if (created.error) throw new Error(created.error.message);
// The answer kept for a key outlives its agent, and then says so.
if ("forgotten" in created.data.agent) throw new Error("made just now, and forgotten already");
const agent: components["schemas"]["Agent"] = created.data.agent;
const one = { params: { path: { ...path, id: agent.id } } };
const waited = await client.GET("/api/v1/projects/{name}/agents/{id}/wait", {
  params: { ...one.params, query: { until: ["idle", "error"], timeout: 30 } },
});
const last = await client.GET("/api/v1/projects/{name}/agents/{id}/messages/last", one);
const turns = await client.GET("/api/v1/projects/{name}/agents/{id}/turns", one);
const events = await client.GET("/api/v1/events", { params: { query: { types: ["turn_ended"] } }, headers: { accept: "application/json" } });
const refused = await client.GET("/api/v1/projects/{name}/agents/{id}", { params: { path: { ...path, id: "nobody" } } });
const status: components["schemas"]["Agent"]["status"] | undefined = waited.data?.agent.status;
const outcome: "completed" | "interrupted" | "failed" | "lost" | null | undefined = turns.data?.turns[0]?.outcome;
const text: string | undefined = last.data?.message?.text;
console.log(JSON.stringify({ status, outcome, text, refused: refused.error?.error, told: events.response.status }));
// What is not in the description must not compile.
// @ts-expect-error
void waited.data?.agent.surprise;
// @ts-expect-error
void client.GET("/api/v1/nowhere");
`;

const both = "skip" in types ? types : client;
describeReal("openapi-typescript and openapi-fetch", both)("a generated client", () => {
  test("compiles, and drives an agent from its project to its answer", async () => {
    const generator = "command" in types ? types.command : [];
    const library = "path" in client ? dirname(client.path) : "";
    const generated = await run([...generator, "openapi.json", "-o", "api.ts"]);
    expect([generated.code, generated.out]).toEqual([0, expect.any(String)]);
    expect(await Bun.file(join(dir, "api.ts")).text()).not.toMatch(/"application\/json": unknown/);
    mkdirSync(join(dir, "node_modules"));
    // With what it needs itself: its neighbours in the installation.
    cpSync(dirname(library), join(dir, "node_modules"), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", "bun-types"), join(dir, "node_modules", "bun-types"));
    writeFileSync(join(dir, "caller.ts"), CALLER);
    const options = { strict: true, target: "esnext", module: "esnext", moduleResolution: "bundler", noEmit: true };
    const more = { allowImportingTsExtensions: true, skipLibCheck: true, types: ["bun-types"] };
    const config = { compilerOptions: { ...options, ...more }, files: ["caller.ts"] };
    writeFileSync(join(dir, "tsconfig.json"), JSON.stringify(config));
    const tsc = [process.execPath, join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "."];
    expect(await run(tsc)).toEqual({ code: 0, out: "" });
    const { code, out } = await run([process.execPath, "caller.ts"], { AH_URL: box.api().url, AH_CWD: box.cwd });
    expect([code, JSON.parse(out.trim().split("\n").at(-1) ?? "")]).toEqual([
      0,
      {
        status: "idle",
        outcome: "completed",
        text: "hello from a generated client",
        refused: "AGENT_NOT_FOUND",
        told: 200,
      },
    ]);
  }, 120_000);
});
