/** The codec against the fake `codex app-server`, over pipes: the traps of the real program, in its shapes. */
import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { lastText } from "../../live/codex-pipe.ts";
import { end, endAll, newDir, script, session, start, types } from "./codex-start.ts";

afterEach(endAll);

describe("turns", () => {
  test("tells the version, the session and that it is ready", async () => {
    const pipe = await start();
    expect(pipe.facts).toContainEqual({ type: "ready", version: "0.169.0" });
    expect(session(pipe)).toStartWith("thread-");
  });

  test("a turn begins, has its input, says whole texts and ends once", async () => {
    const pipe = await start();
    const key = pipe.prompt(script({ think: "hm" }, { say: ["Hello ", "wörld 😀"], chunks: 5 }));
    await pipe.fact("turn_ended");
    const facts = pipe.facts.filter((fact) => fact.type !== "unknown_frame");
    expect(facts).toContainEqual({ type: "input_accepted", key });
    expect(facts.filter((fact) => fact.type === "turn_ended")).toEqual([{ type: "turn_ended", outcome: "completed" }]);
    expect(lastText(facts)).toBe("Hello wörld 😀");
    const streamed = facts.map((fact) => (fact.type === "delta" ? fact.text : "")).join("");
    expect(streamed).toBe("Hello wörld 😀");
    expect(facts).toContainEqual(expect.objectContaining({ type: "part", part: { type: "thinking", text: "hm" } }));
    expect(facts).toContainEqual({
      type: "usage",
      usage: { inputTokens: 60, outputTokens: 10, cacheReadTokens: 40, cacheWriteTokens: 0 },
    });
    expect(facts.filter((fact) => fact.type === "note" && fact.code === "codex_warning").length).toBeGreaterThan(0);
  });

  test("every frame of the fake is known", async () => {
    const pipe = await start({ launch: { permissions: "ask" } });
    await pipe.turn(
      script(
        { tool: "Bash", input: { command: "ls" } },
        { retry: 1, status: 500 },
        { subagent: [{ say: "sub" }] },
        { say: "x" },
      ),
    );
    expect(pipe.facts.filter((fact) => fact.type === "unknown_frame")).toEqual([]);
  });

  test("an empty answer leaves no message", async () => {
    const pipe = await start();
    expect(types(await pipe.turn(script({ empty: true })))).not.toContain("part");
  });

  test("a failure ends the turn with Codex's own word, once, and the next turn works", async () => {
    const pipe = await start();
    const facts = await pipe.turn(script({ say: "half" }, { fail: "serverOverloaded", message: "at capacity" }));
    expect(end(facts)).toEqual({
      type: "turn_ended",
      outcome: "failed",
      error: { code: "serverOverloaded", message: "at capacity" },
    });
    expect(facts.filter((fact) => fact.type === "retrying")).toEqual([]);
    expect(end(await pipe.turn("again"))?.outcome).toBe("completed");
    expect(pipe.facts.filter((fact) => fact.type === "turn_ended")).toHaveLength(2);
  });

  test("errors that are retried are retries, and over with the next item", async () => {
    const pipe = await start();
    const facts = await pipe.turn(script({ retry: 3, status: 529 }, { say: "back" }));
    const retries = facts.filter((fact) => fact.type === "retrying");
    expect(retries).toHaveLength(3);
    expect(retries[2]).toEqual({
      type: "retrying",
      attempt: 3,
      reason: "unexpected status 529: the fake says so",
      status: 529,
    });
    expect(types(facts).indexOf("retry_over")).toBeLessThan(types(facts).indexOf("turn_ended"));
    expect(end(facts)?.outcome).toBe("completed");
  });

  test("an input over the limit fails with Codex's word and is not left open", async () => {
    const pipe = await start();
    const key = pipe.prompt("x".repeat(1_048_577));
    const ended = await pipe.fact("turn_ended");
    expect(ended.error?.code).toBe("input_too_large");
    expect(pipe.facts).toContainEqual({ type: "input_accepted", key });
    expect(end(await pipe.turn("short"))?.outcome).toBe("completed");
  });

  test("an unknown model fails with the provider's own message", async () => {
    const pipe = await start({ launch: { model: "nope" }, fake: { model: "gpt-x" } });
    expect(end(await pipe.turn("hi"))?.error).toEqual({
      code: "modelNotFound",
      message: "The model `nope` does not exist.",
    });
  });

  test("an input that reached Codex during a turn changed that turn: one end, the second answer", async () => {
    const dir = newDir();
    const pipe = await start({ dir });
    pipe.prompt(script({ say: "first answer", chunks: 4, gate: join(dir, "never") }), "k1");
    await pipe.fact("delta");
    pipe.prompt("second", "k2");
    await pipe.fact("turn_ended");
    expect(lastText(pipe.facts)).toBe("echo: second");
    expect(pipe.facts.filter((fact) => fact.type === "turn_ended")).toEqual([
      { type: "turn_ended", outcome: "completed" },
    ]);
    for (const key of ["k1", "k2"]) expect(pipe.facts).toContainEqual({ type: "input_accepted", key });
  });

  test("lines that are no messages are counted and change nothing", async () => {
    const pipe = await start();
    const facts = await pipe.turn(script({ garbage: "not json" }, { half: "cut in two" }, { say: "on" }));
    expect(facts).toContainEqual({ type: "unknown_frame", kind: "not a JSON object" });
    expect(lastText(facts)).toBe("on");
  });
});

describe("the same stream", () => {
  test("a sub-agent's turns never change the agent's, and its words carry its name", async () => {
    const dir = newDir();
    const gate = join(dir, "gate");
    const pipe = await start({ dir });
    pipe.prompt(script({ subagent: [{ say: "CHILD" }], gate }, { say: "PARENT" }));
    await pipe.fact("background", { where: ({ tasks }) => tasks === 1 });
    await pipe.fact("part", { where: ({ part }) => part.type === "text" && part.text === "PARENT" });
    expect(types(pipe.facts)).not.toContain("turn_ended");
    writeFileSync(gate, "");
    await pipe.fact("turn_ended");
    expect(pipe.facts.filter((fact) => fact.type === "turn_ended")).toHaveLength(1);
    expect(lastText(pipe.facts)).toBe("PARENT");
    const child = pipe.facts.find(
      (fact) => fact.type === "part" && fact.part.type === "text" && fact.part.text === "CHILD",
    );
    expect(child).toHaveProperty("subagent");
    expect(pipe.facts.findLast((fact) => fact.type === "background")).toEqual({ type: "background", tasks: 0 });
  });

  test("a sub-agent's question is asked, with its name", async () => {
    const pipe = await start();
    pipe.prompt(script({ subagent: [{ ask: "Bash", input: { command: "rm x" } }] }, { say: "P" }));
    const asked = await pipe.fact("permission");
    expect(asked.subagent).toStartWith("child-");
    pipe.answer(asked, "allow");
    await pipe.fact("turn_ended");
  });

  test("a turn that starts by itself is a turn, and background work is counted", async () => {
    const dir = newDir();
    const gate = join(dir, "gate");
    const pipe = await start({ dir });
    await pipe.turn(script({ background: [{ say: "woken" }], gate }, { say: "started" }));
    await pipe.fact("background", { where: ({ tasks }) => tasks === 1 });
    const from = pipe.facts.length;
    writeFileSync(gate, "");
    await pipe.fact("turn_started", { from });
    await pipe.fact("turn_ended", { from });
    expect(lastText(pipe.facts.slice(from))).toBe("woken");
    expect(pipe.facts.findLast((fact) => fact.type === "background")).toEqual({ type: "background", tasks: 0 });
  });
});

describe("permissions", () => {
  test("allow runs the command, deny tells the model", async () => {
    const pipe = await start();
    const ask = { ask: "Bash", input: { command: "touch x" }, result: "made" };
    pipe.prompt(script(ask, ask, { say: "done" }));
    const first = await pipe.fact("permission");
    expect(first).toMatchObject({
      id: "0",
      kind: "tool",
      tool: "shell",
      title: "run: /bin/bash -lc 'touch x'",
      options: ["allow", "allow_always", "deny"],
    });
    pipe.answer(first, "allow");
    const second = await pipe.fact("permission", { where: ({ id }) => id !== first.id });
    pipe.answer(second, "deny");
    await pipe.fact("turn_ended");
    const results = pipe.facts.flatMap((fact) =>
      fact.type === "part" && fact.part.type === "tool_result" ? [fact.part.text] : [],
    );
    expect(results).toEqual(["made", "declined"]);
    expect(pipe.facts.filter((fact) => fact.type === "permission_closed")).toHaveLength(2);
  });

  test("two questions are open at once and answered in any order", async () => {
    const pipe = await start();
    pipe.prompt(
      script(
        {
          ask2: [
            { ask: "Bash", input: { command: "a" } },
            { ask: "Write", input: { path: "b.txt", content: "hi" } },
          ],
        },
        { say: "done" },
      ),
    );
    const patch = await pipe.fact("permission", { where: ({ tool }) => tool === "apply_patch" });
    expect(patch).toMatchObject({ title: "change b.txt", detail: { changes: [{ path: "b.txt", diff: "hi" }] } });
    const command = await pipe.fact("permission", { where: ({ tool }) => tool === "shell" });
    pipe.answer(patch, "allow");
    pipe.answer(command, "allow");
    await pipe.fact("turn_ended");
  });

  test("allow_always is for the session, and applied again after a resume", async () => {
    const dir = newDir();
    const first = await start({ dir });
    const ask = { ask: "Bash", input: { command: "make" }, result: "built" };
    first.prompt(script(ask, ask, { say: "1" }));
    const asked = await first.fact("permission");
    first.answer(asked, "allow_always");
    await first.fact("turn_ended");
    expect(first.facts.filter((fact) => fact.type === "permission")).toHaveLength(1);
    await first.end();
    const second = await start({ dir, launch: { session: session(first) }, grants: [asked.data] });
    const facts = await second.turn(script(ask, { say: "2" }));
    expect(types(facts)).not.toContain("permission");
    expect(facts).toContainEqual(expect.objectContaining({ type: "note", code: "grant_applied" }));
    second.prompt(script({ ask: "Bash", input: { command: "make install" } }));
    await second.fact("permission");
  });

  test("a tool of an MCP server is asked for by its name", async () => {
    const pipe = await start();
    pipe.prompt(script({ ask: "shop.order", input: { item: "tea" }, result: "ordered" }, { say: "ok" }));
    const asked = await pipe.fact("permission");
    expect(asked).toMatchObject({
      tool: "shop.order",
      title: 'shop.order {"item":"tea"}',
      detail: { input: { item: "tea" } },
    });
    pipe.answer(asked, "deny");
    await pipe.fact("turn_ended");
  });

  test("a question brings the chosen label back, by its text or its id", async () => {
    for (const name of ["Which?", "q1"]) {
      const pipe = await start();
      pipe.prompt(script({ question: "Which?", options: ["Red", "Blue"] }, { say: "ok" }));
      const asked = await pipe.fact("permission");
      expect(asked).toMatchObject({
        kind: "question",
        title: "Which?",
        options: ["allow", "deny"],
        detail: { questions: [{ question: "Which?", options: [{ label: "Red" }, { label: "Blue" }] }] },
      });
      pipe.answer(asked, "allow", { [name]: "Blue" });
      await pipe.fact("turn_ended");
    }
  });

  test("a question that is taken back is closed", async () => {
    const pipe = await start();
    const facts = await pipe.turn(script({ withdraw: { ask: "Bash", input: { command: "x" } } }, { say: "on" }));
    expect(types(facts)).toContain("permission_closed");
  });

  test("with everything allowed nothing is asked", async () => {
    const pipe = await start({ launch: { permissions: "allow" } });
    expect(types(await pipe.turn(script({ ask: "Bash", input: { command: "x" } }, { say: "on" })))).not.toContain(
      "permission",
    );
  });
});
