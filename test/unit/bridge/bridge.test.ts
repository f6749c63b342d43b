/** The bridge as a process, with a fake server behind it: gaps, deaths, resumes, and what it leaves behind. */
import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LaunchContext } from "../../../src/providers/contract.ts";
import type { Driven } from "../../live/opencode-drive.ts";
import { childrenOf, commandOf, driveOpenCode, SELF } from "../../live/opencode-drive.ts";
import { eventually } from "../../support/api.ts";

const dir = mkdtempSync(join(tmpdir(), "ah-bridge-"));
const running: Driven[] = [];
let files = 0;

afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.kill("SIGKILL")));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function context(changes: Partial<LaunchContext> = {}): LaunchContext {
  return {
    command: [process.execPath, join(import.meta.dir, "../../fakes/opencode.ts")],
    args: [],
    agentId: "a3f2b1c0",
    agentUuid: "u",
    session: null,
    cwd: dir,
    agentDir: dir,
    model: null,
    permissions: "ask",
    systemPrompt: null,
    trusted: false,
    isRoot: false,
    self: SELF,
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: dir },
    ...changes,
  };
}

async function ready(launch = context(), grants: readonly unknown[] = []): Promise<Driven> {
  const driven = driveOpenCode({ launch, grants, deadlineMs: 20_000 });
  running.push(driven);
  await driven.next("ready");
  return driven;
}

function sessionOf(driven: Driven): string {
  const fact = driven.facts.find((each) => each.type === "session");
  return fact?.type === "session" ? fact.id : "";
}

const script = (...steps: readonly object[]) => `SCRIPT ${JSON.stringify(steps)}`;
const gate = () => join(dir, `gate-${(files += 1)}`);
const bash = { ask: "Bash", input: { command: "touch made.txt" }, result: "made" };

test("what happened while the event stream was broken is found out: the answer, and that it is over", async () => {
  const driven = await ready();
  const { outcome, said } = await driven.turn(
    script({ say: "before" }, { tool: "cut_stream", input: {}, result: "cut" }, { say: "in the gap" }),
  );
  expect([outcome, said]).toEqual(["completed", ["before", "in the gap"]]);
  expect(driven.facts.filter((fact) => fact.type === "turn_ended")).toHaveLength(1);
  expect((await driven.turn("after")).said).toEqual(["echo: after"]);
}, 30_000);

test("a permission that was asked in the gap is asked", async () => {
  const driven = await ready();
  driven.prompt(script({ tool: "cut_stream", input: {}, result: "cut" }, bash, { say: "done" }));
  driven.answer(await driven.next("permission"), "allow");
  expect((await driven.next("turn_ended")).outcome).toBe("completed");
}, 30_000);

test("a sub-agent's permission: answered it goes on, interrupted it is refused before the abort", async () => {
  const driven = await ready();
  driven.prompt(script({ subagent: [bash, { say: "child" }] }, { say: "parent" }));
  const asked = await driven.next("permission");
  expect(typeof asked.subagent).toBe("string");
  driven.answer(asked, "allow");
  expect((await driven.next("turn_ended")).outcome).toBe("completed");
  expect(driven.said()).toEqual(["parent"]);
  driven.prompt(script({ subagent: [bash, { gate: gate() }] }, { say: "parent" }));
  await driven.next("permission");
  driven.interrupt();
  expect((await driven.next("turn_ended")).outcome).toBe("interrupted");
}, 30_000);

test("a model that does not exist: failed once, in its words, though the server repeats the error behind the idle", async () => {
  const driven = await ready();
  const failed = await driven.turn(script({ fail: "no_model", message: "Model not found: a/b" }));
  expect([failed.outcome, failed.error]).toEqual(["failed", "Model not found: a/b"]);
  expect((await driven.turn("next")).outcome).toBe("completed");
}, 30_000);

test("an input that was sent to a server that died is answered from the store, not run again", async () => {
  const launch = context();
  const first = await ready(launch);
  const input = first.prompt("only once");
  await first.next("turn_ended");
  await first.kill("SIGKILL");
  const second = await ready({ ...launch, session: sessionOf(first) });
  second.prompt(input.text, input);
  expect((await second.next("turn_ended")).outcome).toBe("completed");
  expect(second.said()).toEqual(["echo: only once"]);
  const half = second.prompt(script({ say: "half", chunks: 2, gate: gate() }));
  await second.next("delta");
  await second.kill("SIGKILL");
  const third = await ready({ ...launch, session: sessionOf(first) });
  third.prompt(half.text, half);
  expect((await third.next("turn_ended")).outcome).toBe("lost");
}, 30_000);

test("ids ascend although the clock was put back", async () => {
  const driven = await ready();
  await driven.turn("one");
  driven.prompt("two", { writtenAtMs: 1 });
  await driven.next("turn_ended");
  expect(driven.said()).toEqual(["echo: one", "echo: two"]);
}, 30_000);

test("allow_always is a rule for the next process", async () => {
  const launch = context();
  const first = await ready(launch);
  first.prompt(script(bash, { say: "done" }));
  const asked = await first.next("permission");
  first.answer(asked, "allow_always");
  await first.next("turn_ended");
  await first.farewell();
  const second = await ready({ ...launch, session: sessionOf(first) }, [asked.data]);
  expect((await second.turn(script(bash, { say: "done" }))).outcome).toBe("completed");
  expect(second.facts.some((fact) => fact.type === "permission")).toBe(false);
}, 30_000);

test("killed with SIGKILL, the bridge takes its server with it; ended by word, nothing is left either", async () => {
  const killed = await ready();
  const pids = childrenOf(killed.pid);
  expect(pids).toHaveLength(2);
  await killed.kill("SIGKILL");
  await eventually("the end of the server and of its watchdog", () =>
    pids.every((pid) => commandOf(pid).join("") === ""),
  );
  const asked = await ready();
  const others = childrenOf(asked.pid);
  expect(await asked.farewell()).toBe(0);
  await eventually("the end of both", () => others.every((pid) => commandOf(pid).join("") === ""));
}, 30_000);

test("the server's password is in no command line and in no line of the bridge", async () => {
  const driven = await ready();
  await driven.turn(
    script({ tool: "Bash", input: { command: "env" }, result: "it is $OPENCODE_SERVER_PASSWORD." }, { say: "done" }),
  );
  expect(driven.facts).toContainEqual(
    expect.objectContaining({ part: expect.objectContaining({ text: "it is [password of the server]." }) }),
  );
  const server = driven.serverPid();
  const environment = await Bun.file(`/proc/${server}/environ`).text();
  const password = /OPENCODE_SERVER_PASSWORD=([^\0]+)/.exec(environment)?.[1] ?? "";
  expect(password.length).toBeGreaterThan(20);
  const seen = [
    JSON.stringify(driven.facts),
    driven.stderr(),
    ...[driven.pid, ...childrenOf(driven.pid)].flatMap(commandOf),
  ].join("\n");
  expect(seen.includes(password)).toBe(false);
}, 30_000);

test("a program that cannot start, and one that ends at once, say why", async () => {
  const missing = driveOpenCode({ launch: context({ command: [join(dir, "no-such-program")] }) });
  expect((await missing.next("start_failed")).message).toContain("no-such-program");
  expect(await missing.ended).toBe(1);
  writeFileSync(join(dir, "broken"), "#!/bin/sh\necho 'database is locked' >&2\nexit 3\n", { mode: 0o755 });
  const broken = driveOpenCode({ launch: context({ command: [join(dir, "broken")] }) });
  expect((await broken.next("start_failed")).message).toContain("exit code 3): database is locked");
  expect(await broken.ended).toBe(1);
}, 30_000);

test("an address that the server does not know is an error, although it answers 200", async () => {
  writeFileSync(
    join(dir, "old.ts"),
    `
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("<html>", { headers: { "content-type": "text/html" } }) });
    console.log("opencode server listening on http://127.0.0.1:" + server.port);`,
  );
  const driven = driveOpenCode({ launch: context({ command: [process.execPath, join(dir, "old.ts")] }) });
  const failed = await driven.next("start_failed");
  expect([failed.code, failed.message.includes("instead of JSON")]).toEqual(["VERSION_UNSUPPORTED", true]);
  expect(await driven.ended).toBe(1);
}, 30_000);
