import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { claudeCodec } from "../../../src/providers/claude-code/codec.ts";
import type { LaunchContext, StartContext } from "../../../src/providers/contract.ts";
import { type CodecLoop, runCodec, scratchDir } from "../../fakes/codec-loop.ts";
import { longText } from "../../fakes/script.ts";

const program = [process.execPath, join(import.meta.dir, "../../fakes/claude.ts")];
let dir: ReturnType<typeof scratchDir>;
const loops: CodecLoop<unknown>[] = [];

beforeEach(() => {
  dir = scratchDir("claude-fake");
});
afterEach(async () => {
  for (const loop of loops.splice(0)) await loop.kill("SIGKILL");
  dir.remove();
});

async function run(
  launch: Partial<LaunchContext> = {},
  start: Partial<StartContext> = {},
  env: Record<string, string> = {},
) {
  const loop = runCodec(claudeCodec, {
    command: program,
    env: { ...env, CLAUDE_CONFIG_DIR: dir.path },
    launch: { cwd: dir.path, ...launch },
    start,
  });
  loops.push(loop);
  await loop.ready();
  return loop;
}

const script = (...steps: unknown[]) => `SCRIPT ${JSON.stringify(steps)}`;
const file = (name: string) => join(dir.path, name);
const open = (name: string) => writeFileSync(file(name), "");
const ended = (loop: CodecLoop<unknown>) => loop.facts.filter((fact) => fact.type === "turn_ended").length;

describe("claude codec against the fake program", () => {
  test("two turns, text in several blocks, deltas, a graceful end", async () => {
    const loop = await run();
    loop.prompt("hello");
    expect(await loop.turn(1)).toEqual({ outcome: "completed", code: null, text: "echo: hello" });
    loop.prompt(
      script(
        { tool: "Bash", input: { command: "ls" }, result: "a.txt", fail: true },
        { say: ["Block A. ", "Block B."], chunks: 3 },
      ),
    );
    expect(await loop.turn(2)).toEqual({ outcome: "completed", code: null, text: "Block A. Block B." });
    expect(loop.facts).toContainEqual(
      expect.objectContaining({ role: "tool", part: expect.objectContaining({ text: "a.txt", isError: true }) }),
    );
    expect(
      loop.facts
        .filter((fact) => fact.type === "delta")
        .map((fact) => fact.text)
        .join(""),
    ).toEndWith("Block A. Block B.");
    expect(await loop.farewell()).toBe(0);
  });

  test("an ask is allowed, denied, allowed for good; the grant holds over a resume", async () => {
    const loop = await run();
    const ask = { ask: "Bash", input: { command: "touch x" }, result: "made" };
    loop.prompt(script(ask, ask, ask, ask, { say: "end" }));
    loop.answer(await loop.fact("permission", 1), { decision: "allow" });
    loop.answer(await loop.fact("permission", 2), { decision: "deny", message: "not now" });
    const third = await loop.fact("permission", 3);
    loop.answer(third, { decision: "allow_always" });
    expect((await loop.turn(1)).text).toBe("end");
    expect(loop.facts.filter((fact) => fact.type === "permission")).toHaveLength(3);
    expect(loop.facts.filter((fact) => fact.type === "permission_closed")).toHaveLength(3);
    expect(loop.stderr).toBe("");
    await loop.farewell();

    const session = (await loop.fact("session")).id;
    const next = await run({ session }, { grants: [third.data] });
    next.prompt(script(ask, { say: "not asked" }));
    expect((await next.turn(1)).text).toBe("not asked");
  });

  test("a question gets its answer, a withdrawn ask is closed", async () => {
    const loop = await run();
    loop.prompt(
      script(
        { withdraw: { ask: "Bash", input: {} } },
        { question: "Which color?", options: ["Red", "Blue"] },
        { say: "thanks" },
      ),
    );
    const question = await loop.fact("permission", 2);
    expect(question).toMatchObject({ kind: "question", title: "Which color?" });
    expect(loop.facts.filter((fact) => fact.type === "permission_closed")).toHaveLength(1);
    loop.answer(question, { decision: "allow", answers: { "Which color?": "Blue" } });
    expect((await loop.turn(1)).text).toBe("thanks");
    expect(JSON.stringify(loop.facts)).toContain('\\"Which color?\\":\\"Blue\\"');
  });

  test.each([
    ["in a text", { say: "never said", gate: "/nowhere/gate" }],
    ["in a tool", { tool: "Bash", gate: "/nowhere/gate" }],
    ["while asking", { ask: "Bash" }],
    ["while waiting", { gate: "/nowhere/gate" }],
  ])("an interrupt %s keeps the conversation", async (_where, step) => {
    const loop = await run();
    loop.prompt(script({ mark: file("began") }, step));
    await loop.fact(Object.hasOwn(step, "ask") ? "permission" : "turn_started");
    while (!existsSync(file("began"))) await Bun.sleep(5);
    loop.interrupt();
    expect((await loop.turn(1)).outcome).toBe("interrupted");
    loop.prompt("and now?");
    expect(await loop.turn(2)).toEqual({ outcome: "completed", code: null, text: "echo: and now?" });
  });

  test("an interrupt that came along with its input ends it", async () => {
    const loop = await run();
    process.kill(loop.pid, "SIGSTOP"); // so that it reads both at once
    loop.prompt(script({ tool: "Bash", gate: "/nowhere/gate" }));
    loop.interrupt();
    await Bun.sleep(50);
    process.kill(loop.pid, "SIGCONT");
    expect((await loop.turn(1)).outcome).toBe("interrupted");
  });

  test("a failure after retries, then a good turn", async () => {
    const loop = await run();
    loop.prompt(script({ retry: 2, status: 529 }, { fail: "server_error", message: "API Error: overloaded" }));
    expect(await loop.turn(1)).toEqual({ outcome: "failed", code: "server_error", text: "" });
    expect(loop.facts.filter((fact) => fact.type === "retrying").map((fact) => fact.attempt)).toEqual([1, 2]);
    loop.prompt("again");
    expect((await loop.turn(2)).outcome).toBe("completed");
  });

  test("a sub-agent that outlives its parent's answer does not end the turn early", async () => {
    const loop = await run();
    loop.prompt(script({ subagent: [{ say: "sub says" }, { ask: "Bash" }], gate: file("g") }, { say: "parent says" }));
    await loop.fact("usage"); // The misleading result.
    expect(ended(loop)).toBe(0);
    open("g");
    const asked = await loop.fact("permission");
    expect(asked.subagent).toMatch(/^sub_/);
    loop.answer(asked, { decision: "allow" });
    expect(await loop.turn(1)).toEqual({ outcome: "completed", code: null, text: "parent says" });
    expect(loop.facts).toContainEqual(
      expect.objectContaining({ part: { type: "text", text: "sub says" }, subagent: asked.subagent }),
    );
  });

  test("a background task starts a turn that nobody asked for", async () => {
    const loop = await run();
    loop.prompt(script({ background: [{ say: "it is done" }], gate: file("g") }, { say: "started" }));
    expect((await loop.turn(1)).text).toBe("started");
    expect(loop.facts).toContainEqual({ type: "background", tasks: 1 });
    open("g");
    expect(await loop.turn(2)).toEqual({ outcome: "completed", code: null, text: "it is done" });
  });

  test("garbage, a half line and a long line harm nothing", async () => {
    const loop = await run();
    loop.prompt(script({ garbage: "not json {" }, { half: "whole in the end" }, { long: 3_000_000 }));
    expect((await loop.turn(1)).text).toBe(longText(3_000_000));
    expect(JSON.stringify(loop.facts.filter((fact) => fact.type === "part")[0])).toContain("whole in the end");
    expect(loop.facts).toContainEqual({ type: "unknown_frame", kind: "no JSON object" });
  });

  test("an empty answer completes without a message of the agent", async () => {
    const loop = await run();
    loop.prompt(script({ empty: true }));
    expect(await loop.turn(1)).toEqual({ outcome: "completed", code: null, text: "" });
  });

  test("a uuid runs once: twice in one process, and again in the next", async () => {
    const loop = await run();
    const key = loop.prompt("once");
    loop.prompt("once", { key });
    await loop.turn(1);
    loop.prompt("other");
    expect((await loop.turn(2)).text).toBe("echo: other");
    await loop.kill("SIGKILL");
    const next = await run({ session: (await loop.fact("session")).id });
    next.prompt("once", { key });
    expect(await next.turn(1)).toMatchObject({ outcome: "lost", code: "TURN_LOST" });
    expect(next.facts).toContainEqual({ type: "input_accepted", key });
    expect(next.facts.filter((fact) => fact.type === "part")).toEqual([]);
  });

  test("a new daemon finds the open permission again and its answer ends the turn", async () => {
    const loop = await run();
    loop.prompt(script({ ask: "Bash", result: "ok" }, { say: "after" }));
    const asked = await loop.fact("permission");
    loop.adopt({ open: [asked.id] });
    loop.answer(asked, { decision: "allow" });
    loop.answer(asked, { decision: "allow" });
    expect((await loop.turn(1)).text).toBe("after");
    expect(loop.facts.filter((fact) => fact.type === "permission")).toHaveLength(1);
  });

  test("a cleared conversation is resumed under its new id", async () => {
    const loop = await run();
    loop.prompt("one");
    await loop.turn(1);
    loop.prompt("/clear");
    await loop.turn(2);
    const session = (await loop.fact("session", 2)).id;
    expect(session).not.toBe(loop.launch.agentUuid);
    loop.prompt("/clear", { raw: true });
    expect((await loop.turn(3)).text).toBe("echo: /clear");
    await loop.farewell();
    await run({ session });
  });

  test("an unknown conversation is refused once, and its id is free for the next start", async () => {
    const id = crypto.randomUUID();
    await expect(run({ session: id })).rejects.toThrow("SESSION_NOT_FOUND");
    const [first] = loops;
    const freed = await first?.fact("session");
    const next = await run({ session: freed?.id ?? "" });
    next.prompt("hello");
    expect((await next.turn(1)).text).toBe("echo: hello");
    expect((await next.fact("session")).id).toBe(id);
  });

  test("a program that cannot tell what it waits for is refused, with the version that is needed", async () => {
    for (const old of ["2.1.197", "2.1.200"])
      await expect(run({}, {}, { FAKE_CLAUDE_VERSION: old })).rejects.toThrow(/2\.1\.268 .*see claude --version/);
  });

  test("a program that can do what is needed is taken, though its handshake does not name its version", async () => {
    const loop = await run({}, {}, { FAKE_CLAUDE_VERSION: "2.1.285" });
    expect(await loop.fact("ready")).toEqual({ type: "ready" });
    loop.prompt("hello");
    expect((await loop.turn(1)).outcome).toBe("completed");
    expect(loop.facts).toContainEqual({ type: "ready", version: "2.1.285" });
  });

  test("a line that is no JSON kills the program, and the conversation lives on", async () => {
    const loop = await run();
    loop.prompt("hello");
    await loop.turn(1);
    loop.write('{"type":"us{"type":"user"}\n');
    expect(await loop.exited()).toBe(1);
    const next = await run({ session: (await loop.fact("session")).id });
    next.prompt("still there?");
    expect((await next.turn(1)).outcome).toBe("completed");
  });
});
