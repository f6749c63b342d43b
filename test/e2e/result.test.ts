/**
 * Results that fit a schema: the compiled daemon, a Claude Code and a Codex that are asked for one. What is taken, what
 * becomes of one that does not fit, who is refused, and what the death of the daemon costs.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { cliOf } from "../support/cli.ts";
import type { Hook } from "../support/hook.ts";
import { startHook } from "../support/hook.ts";
import type { Script, ToldAgent } from "../support/told.ts";
import { eventsOf, makeAgent } from "../support/told.ts";

setDefaultTimeout(60_000);

let box: Box;
let hook: Hook;

const config = (url: string): Record<string, unknown> => ({
  webhook: { url },
  providers: {
    "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
    codex: { command: [process.execPath, join(FAKES, "codex.ts")] },
    script: { kind: "command", command: ["cat"] },
  },
});

beforeAll(async () => {
  hook = await startHook();
  box = await makeBox(config(hook.url()));
  const api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd, trusted: true });
});
afterAll(async () => {
  await box.close();
  await hook.down();
});

const schema = (summary: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: "object",
  properties: { done: { type: "boolean" }, summary: { type: "string", ...summary } },
  required: ["done", "summary"],
  additionalProperties: false,
});
/** The fakes say "x" there, and no program looks at lengths. */
const NEVER = schema({ minLength: 40 });

const make = (provider: string, task: Script, result: unknown = { schema: schema() }): Promise<ToldAgent> =>
  makeAgent(box, hook, "p", task, { provider, result });
const turnsOf = async ({ path }: ToldAgent, on = box): Promise<Json[]> => [
  ...((await on.api().get(`${path}/turns`))["turns"] ?? []),
];
const inputsOf = async ({ path }: ToldAgent, on = box): Promise<Json[]> => [
  ...((await on.api().get(`${path}/inputs`))["inputs"] ?? []),
];

/** How each of them gives a result. */
const gives: Readonly<Record<string, (value: Record<string, unknown>) => Script>> = {
  "claude-code": (value) => [{ say: "see the result" }, { tool: "StructuredOutput", input: value }],
  codex: (value) => [{ say: JSON.stringify(value) }],
};
const BOTH = Object.keys(gives);
const given = (provider: string, value: Record<string, unknown>): Script => gives[provider]?.(value) ?? "";

test.each(BOTH)("%s: a result that fits stands in the turn, the notice and its own answer", async (provider) => {
  const agent = await make(provider, "do it");
  await agent.reaches("idle");
  const result = { done: true, summary: "x" };
  const [turn, ...others] = await turnsOf(agent);
  expect(turn).toMatchObject({ outcome: "completed", result } as never);
  expect(others).toEqual([]);
  expect(await box.api().get(`${agent.path}/result`)).toMatchObject({ turnId: turn?.["id"], result } as never);
  const [notice] = await agent.notices();
  expect(notice?.body).toMatchObject({ event: "agent_completed", result } as never);
  expect((await cliOf(box)("show", agent.id)).out).toContain('\nresult\t{"done":true,"summary":"x"}\n');
});

test.each(BOTH)("%s: one that does not fit is told the agent once, and the next is taken", async (provider) => {
  const agent = await make(provider, given(provider, { done: "yes" }));
  await agent.reaches("idle");
  expect(await turnsOf(agent)).toMatchObject([
    { outcome: "failed", error: { code: "RESULT_INVALID" } },
    { outcome: "completed", result: { done: true, summary: "x" } },
  ] as never);
  const inputs = await inputsOf(agent);
  expect(inputs.map((each) => String(each["origin"]))).toEqual(["user", "verify"]);
  expect(String(inputs[1]?.["text"])).toContain('summary: missing; done: got "yes", expected true or false');
  expect(eventsOf(await agent.notices())).toEqual(["agent_completed"]);
});

test.each(BOTH)("%s: a turn without a result is told so as well", async (provider) => {
  const agent = await make(provider, [{ say: "all done" }]);
  await agent.reaches("idle");
  expect((await turnsOf(agent)).map((each) => String(each["outcome"]))).toEqual(["failed", "completed"]);
  expect(String((await inputsOf(agent))[1]?.["text"])).toContain("it ended its turn without a result");
});

test.each(BOTH)("%s: the second that does not fit is the last: the turn has failed, one notice", async (provider) => {
  const agent = await make(provider, "do it", { schema: NEVER });
  await agent.reaches("error");
  const turns = await turnsOf(agent);
  expect(turns).toMatchObject([
    { outcome: "failed", error: { code: "RESULT_INVALID" } },
    { outcome: "failed", error: { code: "RESULT_INVALID" } },
  ] as never);
  expect(turns.some((each) => "result" in each)).toBe(false);
  expect((await cliOf(box)("show", agent.id)).out).toContain("\nresult\tnone yet\n");
  const notices = await agent.notices();
  expect(eventsOf(notices)).toEqual(["agent_error"]);
  expect(notices[0]?.body).toMatchObject({ error: { code: "RESULT_INVALID" } } as never);
  const answer = await box.api().call("GET", `${agent.path}/result`);
  expect(answer).toMatchObject({ status: 404, body: { error: "RESULT_NOT_FOUND" } } as never);
});

test("the result comes before the check, and both must hold", async () => {
  const more = { result: { schema: schema() }, verify: { command: "exit 1", attempts: 0 } };
  const agent = await makeAgent(box, hook, "p", "do it", more);
  await agent.reaches("error");
  expect(await turnsOf(agent)).toMatchObject([
    { outcome: "failed", error: { code: "VERIFY_FAILED" }, result: { done: true } },
  ] as never);
});

test("a project's word holds for its agents, and PATCH changes it for the next turn", async () => {
  await box.api().post("/projects", { name: "all", cwd: box.cwd, defaults: { result: { schema: schema() } } });
  const agent = await makeAgent(box, hook, "all", "do it");
  await agent.reaches("idle");
  expect((await turnsOf(agent))[0]).toMatchObject({ result: { done: true } } as never);
  const next = { schema: { type: "object", properties: { left: { type: "integer" } }, required: ["left"] } };
  await box.api().call("PATCH", agent.path, { result: next });
  await agent.send("go on");
  await agent.reaches("idle");
  expect((await turnsOf(agent)).at(-1)).toMatchObject({ outcome: "completed", result: { left: 0 } } as never);
  await box.api().call("PATCH", "/projects/all", { defaults: null });
  await box.api().call("PATCH", agent.path, { result: null });
  await agent.send("and on");
  await agent.reaches("idle");
  const last = (await turnsOf(agent)).at(-1);
  expect(last).toMatchObject({ outcome: "completed" } as never);
  expect("result" in (last ?? {})).toBe(false);
});

test("a schema that cannot be held, and a program that holds none, are refused and say why", async () => {
  const bad = { provider: "claude-code", result: { schema: { type: "object", patternProperties: {} } } };
  const refused = await box.api().call("POST", "/projects/p/agents", bad);
  expect(refused.status).toBe(400);
  expect(JSON.stringify(refused.body)).toContain("result.schema.patternProperties");
  const large = { schema: { enum: ["x".repeat(40_000)] } };
  const tooLarge = await box.api().call("POST", "/projects/p/agents", { provider: "codex", result: large });
  expect(tooLarge.status).toBe(400);
  const other = { provider: "script", task: "x", result: { schema: schema() } };
  expect(await box.api().call("POST", "/projects/p/agents", other)).toMatchObject({
    status: 422,
    body: { error: "RESULT_NOT_SUPPORTED" },
  } as never);
});

test("the command line: run --schema, and result prints it", async () => {
  const file = join(box.dir, "schema.json");
  writeFileSync(file, JSON.stringify(schema()));
  const cli = cliOf(box);
  const run = ["run", "--project", "p", "--provider", "codex", "--name", "told", "--schema", file, "do it"];
  expect((await cli(...run)).code).toBe(0);
  const printed = await cli("result", "p/told");
  expect(JSON.parse(printed.out)).toEqual({ done: true, summary: "x" });
  writeFileSync(file, '{"type": }');
  const broken = await cli(...run);
  expect(broken.code).toBe(2);
  expect(broken.err).toContain(`${file}:1:10`);
});

test.each([
  ["fits", schema(), ["completed"], "idle", "agent_completed"],
  ["never fits", NEVER, ["failed", "failed"], "error", "agent_error"],
] as const)(
  "killed while it is looked at, and it %s: it is looked at again",
  async (_name, wanted, ends, at, event) => {
    const own = await startHook();
    const other = await makeBox(config(own.url()));
    try {
      const api = await other.start({ AH_TEST_SEAM: "result_read" });
      await api.post("/projects", { name: "p", cwd: other.cwd, trusted: true });
      const agent = await makeAgent(other, own, "p", "do it", { result: { schema: wanted } });
      await other.exited();
      await other.start();
      await agent.reaches(at);
      expect((await turnsOf(agent, other)).map((each) => String(each["outcome"]))).toEqual([...ends]);
      expect((await inputsOf(agent, other)).length).toBe(ends.length);
      expect(eventsOf(await agent.notices())).toEqual([event]);
    } finally {
      await other.close();
      await own.down();
    }
  },
);
