/**
 * Done means checked: the compiled daemon, an agent that says it is ready, and a check that says whether it is. What
 * the check is run with and without, what its failure becomes, and what ends it.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import type { Hook } from "../support/hook.ts";
import { startHook } from "../support/hook.ts";
import type { ToldAgent } from "../support/told.ts";
import { cliOf } from "../support/cli.ts";
import { eventsOf, makeAgent, makeGate } from "../support/told.ts";
import { isDead, readProcess } from "../../src/process/proc.ts";

setDefaultTimeout(60_000);

let box: Box;
let hook: Hook;
let serial = 0;

beforeAll(async () => {
  hook = await startHook();
  box = await makeBox(
    {
      webhook: { url: hook.url() },
      providers: {
        "claude-code": {
          command: [process.execPath, join(FAKES, "claude.ts")],
          env: { OF_THE_PROVIDER: "x" },
          passEnv: ["PAYS_FOR_IT"],
        },
        script: { kind: "command", command: ["sh", "-c", "cat"] },
      },
    },
    { ANTHROPIC_API_KEY: "sk-the-daemons", PAYS_FOR_IT: "much" },
  );
  const api = await box.start();
  await api.post("/projects", { name: "trusted", cwd: box.cwd, trusted: true });
  await api.post("/projects", { name: "found", cwd: box.cwd });
});
afterAll(async () => {
  await box.close();
  await hook.down();
});

const file = (name: string): string => join(box.dir, `${name}-${(serial += 1)}`);
const read = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");

const make = (verify: unknown, more: Record<string, unknown> = {}): Promise<ToldAgent> =>
  makeAgent(box, hook, "trusted", "do it", { verify, ...more });

/** A check that has begun and waits at a gate; where it ran, and what it says then. */
interface Gated {
  readonly command: string;
  runs(): string[];
  open(): void;
}

function gated(says = "exit 0"): Gated {
  const [pids, gate] = [file("pids"), makeGate(box)];
  return {
    command: `echo $$ >>${pids}; while [ ! -e ${gate.path} ]; do sleep 0.02; done; ${says}`,
    runs: () => read(pids).split("\n").slice(0, -1),
    open: gate.open,
  };
}

const isAlive = (pid: string): boolean => {
  const info = readProcess(Number(pid));
  return info !== null && !isDead(info);
};
const verifying = async (agent: ToldAgent): Promise<Json> =>
  eventually("the check to begin", async () => {
    const shown = (await box.api().get(agent.path))["agent"] as Json;
    return String(shown["cause"]?.["detail"]) === "verifying" && shown;
  });
const turnsOf = async (agent: ToldAgent): Promise<Json[]> => [
  ...((await box.api().get(`${agent.path}/turns`))["turns"] ?? []),
];
const inputsOf = async (agent: ToldAgent): Promise<Json[]> => [
  ...((await box.api().get(`${agent.path}/inputs`))["inputs"] ?? []),
];

test("a check that passes: the turn is open until then, and the one notice says so", async () => {
  const check = gated("echo all green");
  const agent = await make({ command: check.command });
  const shown = await verifying(agent);
  expect(shown).toMatchObject({ status: "processing", turn: { outcome: null, closing: "check" } });
  expect(await agent.deliveries()).toEqual([]);
  check.open();
  await agent.reaches("idle");
  const [notice, ...others] = await agent.notices();
  const verify = { passed: true, exitCode: 0, attempts: 0, tail: "all green" };
  expect(notice?.body).toMatchObject({ event: "agent_completed", lastMessage: "echo: do it", verify } as never);
  expect(others).toEqual([]);
  expect(await turnsOf(agent)).toMatchObject([{ outcome: "completed", verify }] as never);
});

test("a check that fails is told the agent, and the one notice at the end names all turns", async () => {
  const tries = file("tries");
  const command = `echo run >>${tries}; echo "\\033[31mtest 7 is red\\033[0m" >&2; [ $(wc -l <${tries}) -ge 3 ]`;
  const agent = await make({ command, attempts: 2 });
  await agent.reaches("idle");
  expect(await turnsOf(agent)).toMatchObject([
    { outcome: "failed", error: { code: "VERIFY_FAILED" }, verify: { passed: false, exitCode: 1, attempts: 0 } },
    { outcome: "failed", error: { code: "VERIFY_FAILED" }, verify: { passed: false, exitCode: 1, attempts: 1 } },
    { outcome: "completed", verify: { passed: true, attempts: 2 } },
  ] as never);
  const inputs = await inputsOf(agent);
  expect(inputs.map((each) => String(each["origin"]))).toEqual(["user", "verify", "verify"]);
  expect(String(inputs[1]?.["text"])).toContain("\ntest 7 is red\n");
  expect(String(inputs[1]?.["text"])).toContain("no instructions to follow");
  const notices = await agent.notices();
  expect(eventsOf(notices)).toEqual(["agent_completed"]);
  expect([...(notices[0]?.body["turns"] ?? [])].length).toBe(3);
});

test("after the last attempt it has failed: the queue is held, the notice has the end of the output", async () => {
  const check = gated("echo broken; exit 3");
  const agent = await make({ command: check.command, attempts: 0 });
  await verifying(agent);
  await agent.send("and then this");
  check.open();
  const shown = await agent.reaches("error");
  expect(shown).toMatchObject({ held: true, queuedInputs: 1 } as never);
  const [notice] = await agent.notices();
  expect(notice?.body).toMatchObject({
    event: "agent_error",
    error: { code: "VERIFY_FAILED" },
    verify: { passed: false, exitCode: 3, attempts: 0, tail: "broken" },
  } as never);
});

test("an input that comes meanwhile waits for the check, and comes after what is fed back", async () => {
  const tries = file("tries");
  const check = gated(`echo run >>${tries}; [ $(wc -l <${tries}) -ge 2 ]`);
  const agent = await make({ command: check.command });
  await verifying(agent);
  await agent.send("mine");
  check.open();
  await agent.reaches("idle");
  expect((await inputsOf(agent)).map((each) => `${each["origin"]} ${each["turnId"]}`)).toEqual([
    `user ${agent.id}-1`,
    `user ${agent.id}-3`,
    `verify ${agent.id}-2`,
  ]);
});

test("its environment is what anybody has, and nothing that pays for the agent", async () => {
  const check = gated();
  const env = {
    ANTHROPIC_API_KEY: "sk-of-the-request",
    ANTHROPIC_BASE_URL: "http://x",
    PAYS_FOR_IT: "mine",
    MINE: "1",
  };
  const agent = await make({ command: check.command }, { env });
  await verifying(agent);
  const [pid = ""] = await eventually("its process", () => check.runs().length > 0 && check.runs());
  const environ = read(`/proc/${pid}/environ`).split("\0");
  expect(environ).toContain("MINE=1");
  expect(environ).toContain(`HOME=${box.home}`);
  expect(environ).toContain(`AH_TURN=${agent.id}-1`);
  expect(environ.filter((each) => /ANTHROPIC|PAYS_FOR_IT|OF_THE_PROVIDER|AH_AUTH|sk-/.test(each))).toEqual([]);
  check.open();
  await agent.reaches("idle");
});

test("no check in a project that nobody trusts: refused when it is asked for, with the cure", async () => {
  const refused = await box
    .api()
    .call("POST", "/projects/found/agents", { provider: "claude-code", task: "x", verify: { command: "true" } });
  expect([refused.status, String(refused.body["error"])]).toEqual([422, "PROJECT_UNTRUSTED"]);
  expect(String(refused.body["message"])).toContain("agent-harness projects set found trusted=true");
  const asDefault = await box.api().call("PATCH", "/projects/found", { defaults: { verify: { command: "true" } } });
  expect(asDefault.status).toBe(422);
  const both = await box
    .api()
    .call("PATCH", "/projects/found", { trusted: true, defaults: { verify: { command: ["true"] } } });
  expect(both.body).toMatchObject({
    project: { defaults: { verify: { command: ["true"], timeoutMs: 600_000, attempts: 2 } } },
  } as never);
  // The trust goes, the default stays: then nothing is run, and nobody is told that it was good.
  const agent = await makeAgent(box, hook, "found", null);
  await box.api().call("PATCH", "/projects/found", { trusted: false });
  await agent.send("do it");
  await agent.reaches("error");
  expect(await turnsOf(agent)).toMatchObject([{ outcome: "failed", error: { code: "PROJECT_UNTRUSTED" } }] as never);
  expect((await box.api().call("PATCH", "/projects/found", { defaults: { verify: null } })).status).toBe(200);
});

test("the project's check holds for its agents, and an agent's own one wins", async () => {
  const [ofProject, own] = [file("of-project"), file("own")];
  const patch = (verify: unknown) => box.api().call("PATCH", "/projects/trusted", { defaults: { verify } });
  await patch({ command: `touch ${ofProject}` });
  const one = await makeAgent(box, hook, "trusted", "do it");
  await one.reaches("idle");
  expect([existsSync(ofProject), existsSync(own)]).toEqual([true, false]);
  const other = await make({ command: ["touch", own] });
  await other.reaches("idle");
  await patch(null);
  expect(existsSync(own)).toBe(true);
  const set = await box.api().call("PATCH", one.path, { verify: { command: "exit 5", attempts: 0 } });
  expect(set.body).toMatchObject({ agent: { verify: { command: "exit 5", attempts: 0 } } } as never);
  await one.send("again");
  await one.reaches("error");
});

const ENDS: readonly (readonly [how: string, ends: (agent: ToldAgent) => Promise<unknown>])[] = [
  ["abort", (agent) => box.api().post(`${agent.path}/abort`)],
  ["stop", (agent) => box.api().post(`${agent.path}/stop`)],
  ["an interrupting input", (agent) => agent.send("now this", { mode: "interrupt" })],
];

test.each(ENDS)(
  "%s ends a check: its processes are gone, the turn is interrupted, nothing is fed back",
  async (_, ends) => {
    const check = gated("exit 1");
    const agent = await make({ command: `(sleep 1000; true) & ${check.command}` });
    await verifying(agent);
    const [pid = ""] = await eventually("its process", () => check.runs().length > 0 && check.runs());
    await ends(agent);
    const [turn] = await turnsOf(agent);
    expect(turn).toMatchObject({ outcome: "interrupted", verify: null } as never);
    await eventually("the check's end", () => !isAlive(pid));
    expect((await inputsOf(agent)).some((each) => String(each["origin"]) === "verify")).toBe(false);
    check.open();
    await agent.reaches("idle", "error");
  },
);

test("DELETE ends a check with all that it started, before it answers", async () => {
  const check = gated("exit 1");
  const child = file("child");
  const agent = await make({ command: `sleep 1000 & echo $! >${child}; ${check.command}` });
  await verifying(agent);
  const [pid = ""] = await eventually("its process", () => check.runs().length > 0 && check.runs());
  expect((await box.api().call("DELETE", agent.path)).status).toBe(204);
  expect([isAlive(pid), isAlive(read(child).trim())]).toEqual([false, false]);
  expect((await box.api().call("GET", agent.path)).status).toBe(404);
});

test("a check that takes too long is ended, and has failed", async () => {
  const check = gated();
  const agent = await make({ command: check.command, timeoutMs: 1000, attempts: 0 });
  await agent.reaches("error");
  const [turn] = await turnsOf(agent);
  expect(turn).toMatchObject({ outcome: "failed", verify: { passed: false, exitCode: null } } as never);
  expect(String(turn?.["error"]?.["message"])).toContain("did not end within 1000 ms and was ended");
  expect(check.runs().some(isAlive)).toBe(false);
});

test("what a check leaves running is ended with it", async () => {
  const child = file("child");
  const agent = await make({ command: `sleep 1000 & echo $! >${child}` });
  await agent.reaches("idle");
  expect(isAlive(read(child).trim())).toBe(false);
});

test("a plain command is checked, too, and told its failure", async () => {
  const tries = file("tries");
  const agent = await make({ command: `echo run >>${tries}; [ $(wc -l <${tries}) -ge 2 ]` }, { provider: "script" });
  await agent.reaches("idle");
  expect((await turnsOf(agent)).map((each) => String(each["outcome"]))).toEqual(["failed", "completed"]);
});

test("a check that cannot be started is tried twice and then told as lost, not as passed", async () => {
  const cwd = file("folder");
  await Bun.write(join(cwd, "x"), "");
  await box.api().post("/projects", { name: "gone", cwd, trusted: true });
  const gate = makeGate(box);
  const agent = await makeAgent(box, hook, "gone", [{ gate: gate.path }, { say: "done" }], {
    verify: { command: "true" },
  });
  await agent.reaches("processing");
  await Bun.$`rm -r ${cwd}`;
  gate.open();
  await agent.reaches("error");
  const [turn] = await turnsOf(agent);
  expect(turn).toMatchObject({ outcome: "failed", error: { code: "VERIFY_LOST" } } as never);
});

test("the command line: run stays until the last turn of a checked task, and says what the check said", async () => {
  const cli = cliOf(box);
  const tries = file("tries");
  const set = await cli("projects", "set", "trusted", `verify=echo run >>${tries}; [ $(wc -l <${tries}) -ge 2 ]`);
  expect([set.code, (await cli("projects", "show", "trusted")).out.includes("default verify")]).toEqual([0, true]);
  const task = ["run", "--project", "trusted", "--provider", "claude-code"];
  const good = await cli(...task, "--name", "checked", "mend it");
  expect([good.code, good.err]).toEqual([0, expect.stringContaining("the agent was told")]);
  expect(good.out).toStartWith("echo: The check of your work did not pass");
  expect((await cli("show", "trusted/checked")).out).toContain("\ncheck\tpassed, told 1 time\n");
  expect((await cli("projects", "set", "trusted", "verify=")).code).toBe(0);
  const bad = await cli(...task, "--verify", "exit 4", "--verify-attempts", "0", "mend it");
  expect([bad.code, bad.err.includes("VERIFY_FAILED")]).toEqual([1, true]);
  const alone = await cli(...task, "--verify-attempts", "0", "mend it");
  expect([alone.code, alone.err.includes("--verify-attempts goes with --verify COMMAND")]).toEqual([2, true]);
});
