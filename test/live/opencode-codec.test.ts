// file-timeout: 900 s
/** The codec and the bridge against the real OpenCode (exact version, see opencode.install.ts) and a stub model, over pipes. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { LaunchContext } from "../../src/providers/contract.ts";
import { eventually } from "../support/api.ts";
import type { Driven } from "./opencode-drive.ts";
import { commandOf, driveOpenCode, openCodeHome } from "./opencode-drive.ts";
import { installOpenCode } from "./opencode.install.ts";
import { startChatStub } from "./stub-chat.ts";

const installed = await installOpenCode(process.env);
if ("skip" in installed) console.log(`skipped: the real OpenCode: ${installed.skip}`);
const real = describe.skipIf("skip" in installed);

const stub = startChatStub();
const home = openCodeHome("skip" in installed ? "" : installed.path, stub.url);
const running: Driven[] = [];
const SLOW_MS = 120_000;

afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.farewell()));
});
afterAll(async () => {
  await stub.stop();
  home.remove();
});

async function ready(context: LaunchContext = home.context(), grants: readonly unknown[] = []): Promise<Driven> {
  const driven = driveOpenCode({ launch: context, grants });
  running.push(driven);
  await driven.next("ready");
  return driven;
}

function script(...steps: readonly object[]): string {
  return `MODEL ${JSON.stringify(steps)}`;
}

const bash = (command: string) => ({ call: [{ name: "bash", args: { command, description: "a test" } }] });
const subagent = (...steps: readonly object[]) => ({ call: [{ name: "task", args: { description: "sub job", prompt: script(...steps), subagent_type: "general" } }] });
const unknownFrames = (driven: Driven) => driven.facts.filter((fact) => fact.type === "unknown_frame");

function sessionOf(driven: Driven): string {
  const fact = driven.facts.find((each) => each.type === "session");
  return fact?.type === "session" ? fact.id : "";
}

real("the real OpenCode, a conversation", () => {
  test("answers two turns with the exact text, tells deltas and cost, and asks the model for no title", async () => {
    const driven = await ready();
    const asides = stub.asides.length;
    const input = driven.prompt(script({ say: "héllo 🦀  world\n", chunks: 3 }));
    expect((await driven.next("input_accepted")).key).toBe(input.key);
    await driven.next("turn_started");
    await driven.next("delta");
    expect((await driven.next("usage")).usage.costUsd).toBeGreaterThan(0);
    expect(await driven.next("turn_ended")).toEqual({ type: "turn_ended", outcome: "completed" });
    expect(driven.said()).toEqual(["héllo 🦀  world\n"]);
    expect((await driven.turn("again")).said).toEqual(["echo: again"]);
    expect(unknownFrames(driven)).toEqual([]);
    expect(stub.asides.length).toBe(asides);
  }, SLOW_MS);

  test("takes 200 KB of unicode in and gives it back", async () => {
    const driven = await ready();
    const text = "näïve 😀 中文 \"quotes\"\ttabs\r\n\u2028 ".repeat(5500);
    const { said } = await driven.turn(text);
    const hash = (words: string) => createHash("sha256").update(words).digest("hex");
    expect(hash(stub.requests.at(-1)?.text ?? "")).toBe(hash(text));
    expect(hash(said[0] ?? "")).toBe(hash(`echo: ${text}`));
  }, SLOW_MS);

  test("goes on with the conversation in a new process, under a system prompt and a chosen model", async () => {
    const context = home.context();
    const first = await ready(context);
    await first.turn("remember this");
    await first.farewell();
    const second = await ready({ ...context, session: sessionOf(first), systemPrompt: "Speak like a harbour pilot.", model: "stub/stub-1" });
    expect(sessionOf(second)).toBe(sessionOf(first));
    expect((await second.turn("and now")).said).toEqual(["echo: and now"]);
    const request = stub.requests.at(-1);
    expect(request?.roles).toEqual(["system", "user", "assistant", "user"]);
    expect(JSON.stringify(request?.body["messages"])).toContain("Speak like a harbour pilot.");
  }, SLOW_MS);

  test("a conversation that is not there any more refuses to start", async () => {
    const driven = driveOpenCode({ launch: { ...home.context(), session: "ses_0000000000000000000000000" } });
    const failed = await driven.next("start_failed");
    expect(failed.code).toBe("RESUME_REFUSED");
    expect(await driven.ended).toBe(1);
  }, SLOW_MS);

  test("two servers that start at once get a port each", async () => {
    const both = await Promise.all([ready(), ready()]);
    const ends = await Promise.all(both.map((each, n) => each.turn(`number ${n}`)));
    expect(ends.map((each) => each.said)).toEqual([["echo: number 0"], ["echo: number 1"]]);
  }, SLOW_MS);
});

real("the real OpenCode, tools and permissions", () => {
  test("asks before a command runs: allowed it runs, denied the model is told and goes on", async () => {
    const context = home.context();
    const driven = await ready(context);
    driven.prompt(script({ say: "I will look.", ...bash("touch yes.txt") }, bash("touch no.txt"), { say: "both done" }));
    const first = await driven.next("permission");
    expect([first.kind, first.tool, first.title, first.options]).toEqual(["tool", "bash", "bash: touch yes.txt", ["allow", "allow_always", "deny"]]);
    driven.answer(first, "allow");
    const second = await driven.next("permission");
    driven.answer(second, "deny", { message: "leave it" });
    expect((await driven.next("turn_ended")).outcome).toBe("completed");
    expect(driven.said()).toEqual(["I will look.", "both done"]);
    expect([existsSync(join(context.cwd, "yes.txt")), existsSync(join(context.cwd, "no.txt"))]).toEqual([true, false]);
    const kinds = driven.facts.flatMap((fact) => (fact.type === "part" ? [fact.part.type] : []));
    expect(kinds).toEqual(["text", "tool_use", "tool_result", "tool_use", "tool_result", "text"]);
    expect(JSON.stringify(stub.requests.at(-1)?.body["messages"])).toContain("leave it");
  }, SLOW_MS);

  test("reading is not asked for, writing is, with its diff", async () => {
    const context = home.context();
    await Bun.write(join(context.cwd, "a.txt"), "inside");
    const driven = await ready(context);
    driven.prompt(script(
      { call: [{ name: "read", args: { filePath: join(context.cwd, "a.txt") } }] },
      { call: [{ name: "write", args: { filePath: join(context.cwd, "b.txt"), content: "new" } }] }, { say: "ok" },
    ));
    const asked = await driven.next("permission");
    expect([asked.tool, JSON.stringify(asked.detail).includes("+new")]).toEqual(["edit", true]);
    driven.answer(asked, "allow");
    await driven.next("turn_ended");
    expect(await Bun.file(join(context.cwd, "b.txt")).text()).toBe("new");
  }, SLOW_MS);

  test("a sub-agent's permission is asked, answered and marked; its words are not the agent's", async () => {
    const context = home.context();
    const driven = await ready(context);
    driven.prompt(script(subagent(bash("touch sub.txt"), { say: "SUB RESULT" }), { say: "parent done" }));
    const asked = await driven.next("permission");
    expect([asked.title, typeof asked.subagent]).toEqual(["bash: touch sub.txt", "string"]);
    driven.answer(asked, "allow");
    expect((await driven.next("turn_ended")).outcome).toBe("completed");
    expect(existsSync(join(context.cwd, "sub.txt"))).toBe(true);
    expect(driven.said()).toEqual(["parent done"]);
    expect(driven.facts.filter((fact) => fact.type === "turn_ended")).toHaveLength(1);
  }, SLOW_MS);

  test("a sub-agent's permission denied: the parent goes on", async () => {
    const context = home.context();
    const driven = await ready(context);
    driven.prompt(script(subagent(bash("touch sub.txt"), { say: "could not" }), { say: "parent done" }));
    driven.answer(await driven.next("permission"), "deny");
    expect((await driven.next("turn_ended")).outcome).toBe("completed");
    expect([existsSync(join(context.cwd, "sub.txt")), driven.said()]).toEqual([false, ["parent done"]]);
  }, SLOW_MS);

  test("allow_always holds for the process, and again after a resume", async () => {
    const context = home.context();
    const first = await ready(context);
    first.prompt(script(bash("touch one.txt"), bash("touch two.txt"), { say: "done" }));
    const asked = await first.next("permission");
    first.answer(asked, "allow_always");
    await first.next("turn_ended");
    expect(first.facts.filter((fact) => fact.type === "permission")).toHaveLength(1);
    await first.farewell();
    const second = await ready({ ...context, session: sessionOf(first) }, [asked.data]);
    second.prompt(script(bash("touch three.txt"), bash("rm one.txt"), { say: "done" }));
    const other = await second.next("permission");
    expect(other.title).toBe("bash: rm one.txt");
    second.answer(other, "deny");
    await second.next("turn_ended");
    expect(existsSync(join(context.cwd, "three.txt"))).toBe(true);
  }, SLOW_MS);

  test('permissions "allow" run without asking', async () => {
    const context = home.context({ permissions: "allow" });
    const driven = await ready(context);
    const { outcome } = await driven.turn(script(bash("touch free.txt"), { say: "done" }));
    expect([outcome, existsSync(join(context.cwd, "free.txt")), driven.facts.some((fact) => fact.type === "permission")]).toEqual(["completed", true, false]);
  }, SLOW_MS);

  test("a question to the person gets its answer, or a refusal in words, and the turn goes on", async () => {
    const driven = await ready();
    const questions = [{ question: "Which one?", header: "Pick", options: [{ label: "Red", description: "r" }, { label: "Blue", description: "b" }] }];
    const ask = { call: [{ name: "question", args: { questions } }] };
    driven.prompt(script(ask, { say: "thanks" }));
    const first = await driven.next("permission");
    expect([first.kind, first.title]).toEqual(["question", "Which one?"]);
    driven.answer(first, "allow", { answers: { "Which one?": "Blue" } });
    expect((await driven.next("turn_ended")).outcome).toBe("completed");
    expect(JSON.stringify(stub.requests.at(-1)?.body["messages"])).toContain("Blue");
    driven.prompt(script(ask, { say: "never mind" }));
    driven.answer(await driven.next("permission"), "deny");
    await driven.next("turn_ended");
    expect(driven.said()).toEqual(["thanks", "never mind"]);
  }, SLOW_MS);
});

real("the real OpenCode, interrupts and failures", () => {
  test("interrupted in a text, in a tool, and while asking: the next turn is clean", async () => {
    const driven = await ready();
    driven.prompt(script({ say: "a long story that goes on and on", chunks: 8, gate: join(home.root, "never") }));
    await driven.next("delta");
    driven.interrupt();
    expect((await driven.next("turn_ended")).outcome).toBe("interrupted");

    driven.prompt(script(bash("sleep 60"), { say: "never" }));
    driven.answer(await driven.next("permission"), "allow");
    await driven.next("permission_closed");
    driven.interrupt();
    expect((await driven.next("turn_ended")).outcome).toBe("interrupted");

    driven.prompt(script(bash("touch never.txt"), { say: "never" }));
    await driven.next("permission");
    driven.interrupt();
    expect((await driven.next("turn_ended")).outcome).toBe("interrupted");

    driven.prompt(script(subagent(bash("touch sub.txt"), { say: "sub" }), { say: "never" }));
    const asked = await driven.next("permission");
    driven.interrupt();
    expect((await driven.next("turn_ended")).outcome).toBe("interrupted");
    expect(driven.facts.some((fact) => fact.type === "permission_closed" && fact.id === asked.id)).toBe(true);

    expect(await driven.turn("still there?")).toEqual({ outcome: "completed", error: null, said: ["echo: still there?"] });
  }, SLOW_MS);

  test("401 fails at once with the provider's words, and the next turn works", async () => {
    const driven = await ready();
    const failed = await driven.turn(script({ status: 401, message: "invalid x-api-key", times: "always" }));
    expect([failed.outcome, failed.error]).toEqual(["failed", "invalid x-api-key (HTTP 401)"]);
    expect((await driven.turn("better")).said).toEqual(["echo: better"]);
    expect(driven.facts.filter((fact) => fact.type === "turn_ended")).toHaveLength(2);
  }, SLOW_MS);

  test("500 is retried visibly and recovers; a dropped connection leaves no half text behind", async () => {
    // A stub counts failures by their place in a conversation: this one has nobody else's.
    const own = startChatStub();
    const context = home.context();
    const config = (context.env["OPENCODE_CONFIG_CONTENT"] ?? "").replace(stub.url, own.url);
    const driven = await ready({ ...context, env: { ...context.env, OPENCODE_CONFIG_CONTENT: config } });
    const recovered = await driven.turn(script({ status: 500, message: "boom", times: 1, say: "fine now" }));
    expect([recovered.outcome, recovered.said]).toEqual(["completed", ["fine now"]]);
    expect(driven.facts.filter((fact) => fact.type === "retrying" || fact.type === "retry_over").map((fact) => fact.type)).toEqual(["retrying", "retry_over"]);
    const dropped = await driven.turn(script({ say: "whole answer", chunks: 4, cut: true, times: 1 }));
    expect([dropped.outcome, dropped.said]).toEqual(["completed", ["whole answer"]]);
    await own.stop();
  }, SLOW_MS);

  test("an interrupt ends a retry that would go on for ever", async () => {
    const driven = await ready();
    driven.prompt(script({ status: 529, times: "always" }));
    await driven.next("retrying");
    driven.interrupt();
    expect((await driven.next("turn_ended")).outcome).toBe("interrupted");
  }, SLOW_MS);

  test("a model that does not exist is an error in the provider's words", async () => {
    const driven = await ready(home.context({ model: "stub/nope" }));
    const failed = await driven.turn("hello");
    expect([failed.outcome, failed.error]).toEqual(["failed", expect.stringContaining("Model not found: stub/nope")]);
    expect((await driven.turn("hello")).outcome).toBe("failed");
  }, SLOW_MS);
});

real("the real OpenCode, deaths and repeats", () => {
  test("the same input sent twice runs once, in the same process and in the next one", async () => {
    const context = home.context();
    const first = await ready(context);
    const input = first.prompt("only once");
    first.prompt(input.text, input);
    await first.next("turn_ended");
    first.prompt(input.text, input);
    await first.turn("another");
    await first.farewell();
    const second = await ready({ ...context, session: sessionOf(first) });
    second.prompt(input.text, input);
    expect((await second.next("input_accepted")).key).toBe(input.key);
    expect((await second.next("turn_ended")).outcome).toBe("completed");
    expect(second.said()[0]).toBe("echo: only once");
    expect(stub.requests.filter((request) => request.text === "only once")).toHaveLength(1);
  }, SLOW_MS);

  test("the server is killed in the middle of a turn: the bridge says so and ends; the conversation goes on", async () => {
    const context = home.context();
    const first = await ready(context);
    const input = first.prompt(script({ say: "never whole", chunks: 4, gate: join(home.root, "never") }));
    await first.next("delta");
    process.kill(first.serverPid(), "SIGKILL");
    expect(await first.ended).toBe(1);
    expect(first.stderr()).toContain("opencode serve has ended (SIGKILL)");
    expect(first.facts.some((fact) => fact.type === "turn_ended")).toBe(false);
    const second = await ready({ ...context, session: sessionOf(first) });
    // Had it not been confirmed, it would be sent again: it must not run again, and nobody can tell its answer.
    second.prompt(input.text, input);
    expect((await second.next("turn_ended")).outcome).toBe("lost");
    expect((await second.turn("go on")).said).toEqual(["echo: go on"]);
    expect(stub.requests.filter((request) => request.text === input.text)).toHaveLength(1);
  }, SLOW_MS);

  test("the bridge is killed: its server does not live on", async () => {
    const driven = await ready();
    await driven.turn("hello");
    const server = driven.serverPid();
    expect(commandOf(server)).toContain("serve");
    await driven.kill("SIGKILL");
    running.splice(running.indexOf(driven), 1);
    await eventually("the server's end", async () => (commandOf(server).length === 0 || commandOf(server)[0] === "" ? true : undefined));
  }, SLOW_MS);

  test("a new daemon on a working bridge: everything said again changes nothing", async () => {
    const driven = await ready();
    const input = driven.prompt(script(bash("touch a.txt"), { say: "done" }));
    const asked = await driven.next("permission");
    driven.adopt({ unconfirmed: [input], open: [asked.id] });
    driven.answer(asked, "allow");
    driven.adopt({ unsettled: [{ id: asked.id, kind: asked.kind, data: asked.data, decision: "allow" }] });
    expect((await driven.next("turn_ended")).outcome).toBe("completed");
    expect(driven.facts.filter((fact) => fact.type === "permission")).toHaveLength(1);
    expect((await driven.turn("after")).said).toEqual(["echo: after"]);
  }, SLOW_MS);

  test("SIGTERM ends bridge and server, and a torn line is mended by an LF", async () => {
    const driven = await ready();
    driven.write('{"cmd":"prom\n');
    expect((await driven.next("note")).code).toBe("torn_line");
    const server = driven.serverPid();
    expect(await driven.kill("SIGTERM")).toBe(0);
    running.splice(running.indexOf(driven), 1);
    expect(commandOf(server).join("")).toBe("");
  }, SLOW_MS);
});
