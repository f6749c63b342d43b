// file-timeout: 900 s
/** The codec and the bridge against the real OpenCode and a stub model, over pipes. */
import { afterAll, afterEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { driveOpenCode } from "./opencode-drive.ts";
import {
  bash,
  close,
  endAll,
  home,
  ready,
  real,
  script,
  sessionOf,
  stub,
  subagent,
  unknownFrames,
} from "./opencode-live.ts";

afterEach(endAll);
afterAll(close);

real("the real OpenCode, a conversation", () => {
  test("answers two turns with the exact text, tells deltas and cost, and asks the model for no title", async () => {
    const driven = await ready();
    const asides = stub.asides.length;
    const input = driven.prompt(script({ say: "héllo 🦀  world\n", chunks: 3 }));
    expect((await driven.next("input_accepted")).key).toBe(input.key);
    await driven.next("turn_started");
    await driven.next("delta");
    expect((await driven.next("usage", ({ usage }) => usage.costUsd !== undefined)).usage.costUsd).toBeGreaterThan(0);
    expect(await driven.next("turn_ended")).toEqual({ type: "turn_ended", outcome: "completed" });
    expect(driven.said()).toEqual(["héllo 🦀  world\n"]);
    expect((await driven.turn("again")).said).toEqual(["echo: again"]);
    expect(unknownFrames(driven)).toEqual([]);
    expect(stub.asides.length).toBe(asides);
  });

  test("takes 200 KB of unicode in and gives it back", async () => {
    const driven = await ready();
    const text = 'näïve 😀 中文 "quotes"\ttabs\r\n\u2028 '.repeat(5500);
    const { said } = await driven.turn(text);
    const hash = (words: string) => createHash("sha256").update(words).digest("hex");
    expect(hash(stub.requests.at(-1)?.text ?? "")).toBe(hash(text));
    expect(hash(said[0] ?? "")).toBe(hash(`echo: ${text}`));
  });

  test("goes on with the conversation in a new process, under a system prompt and a chosen model", async () => {
    const context = home.context();
    const first = await ready(context);
    await first.turn("remember this");
    await first.farewell();
    const second = await ready({
      ...context,
      session: sessionOf(first),
      systemPrompt: "Speak like a harbour pilot.",
      model: "stub/stub-1",
    });
    expect(sessionOf(second)).toBe(sessionOf(first));
    expect((await second.turn("and now")).said).toEqual(["echo: and now"]);
    const request = stub.requests.at(-1);
    expect(request?.roles).toEqual(["system", "user", "assistant", "user"]);
    expect(JSON.stringify(request?.body["messages"])).toContain("Speak like a harbour pilot.");
  });

  test("a conversation that is not there any more refuses to start", async () => {
    const driven = driveOpenCode({ launch: { ...home.context(), session: "ses_0000000000000000000000000" } });
    const failed = await driven.next("start_failed");
    expect(failed.code).toBe("RESUME_REFUSED");
    expect(await driven.ended).toBe(1);
  });

  test("two servers that start at once get a port each", async () => {
    const both = await Promise.all([ready(), ready()]);
    const ends = await Promise.all(both.map((each, n) => each.turn(`number ${n}`)));
    expect(ends.map((each) => each.said)).toEqual([["echo: number 0"], ["echo: number 1"]]);
  });
});

real("the real OpenCode, tools and permissions", () => {
  test("asks before a command runs: allowed it runs, denied the model is told and goes on", async () => {
    const context = home.context();
    const driven = await ready(context);
    driven.prompt(
      script({ say: "I will look.", ...bash("touch yes.txt") }, bash("touch no.txt"), { say: "both done" }),
    );
    const first = await driven.next("permission");
    expect([first.kind, first.tool, first.title, first.options]).toEqual([
      "tool",
      "bash",
      "bash: touch yes.txt",
      ["allow", "allow_always", "deny"],
    ]);
    driven.answer(first, "allow");
    const second = await driven.next("permission");
    driven.answer(second, "deny", { message: "leave it" });
    expect((await driven.next("turn_ended")).outcome).toBe("completed");
    expect(driven.said()).toEqual(["I will look.", "both done"]);
    expect([existsSync(join(context.cwd, "yes.txt")), existsSync(join(context.cwd, "no.txt"))]).toEqual([true, false]);
    const kinds = driven.facts.flatMap((fact) => (fact.type === "part" ? [fact.part.type] : []));
    expect(kinds).toEqual(["text", "tool_use", "tool_result", "tool_use", "tool_result", "text"]);
    expect(JSON.stringify(stub.requests.at(-1)?.body["messages"])).toContain("leave it");
  });

  test("reading is not asked for, writing is, with its diff", async () => {
    const context = home.context();
    await Bun.write(join(context.cwd, "a.txt"), "inside");
    const driven = await ready(context);
    driven.prompt(
      script(
        { call: [{ name: "read", args: { filePath: join(context.cwd, "a.txt") } }] },
        { call: [{ name: "write", args: { filePath: join(context.cwd, "b.txt"), content: "new" } }] },
        { say: "ok" },
      ),
    );
    const asked = await driven.next("permission");
    expect([asked.tool, JSON.stringify(asked.detail).includes("+new")]).toEqual(["edit", true]);
    driven.answer(asked, "allow");
    await driven.next("turn_ended");
    expect(await Bun.file(join(context.cwd, "b.txt")).text()).toBe("new");
  });

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
  });

  test("a sub-agent's permission denied: the parent goes on", async () => {
    const context = home.context();
    const driven = await ready(context);
    driven.prompt(script(subagent(bash("touch sub.txt"), { say: "could not" }), { say: "parent done" }));
    driven.answer(await driven.next("permission"), "deny");
    expect((await driven.next("turn_ended")).outcome).toBe("completed");
    expect([existsSync(join(context.cwd, "sub.txt")), driven.said()]).toEqual([false, ["parent done"]]);
  });

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
  });

  test('permissions "allow" run without asking', async () => {
    const context = home.context({ permissions: "allow" });
    const driven = await ready(context);
    const { outcome } = await driven.turn(script(bash("touch free.txt"), { say: "done" }));
    expect([
      outcome,
      existsSync(join(context.cwd, "free.txt")),
      driven.facts.some((fact) => fact.type === "permission"),
    ]).toEqual(["completed", true, false]);
  });

  test("a question to the person gets its answer, or a refusal in words, and the turn goes on", async () => {
    const driven = await ready();
    const questions = [
      {
        question: "Which one?",
        header: "Pick",
        options: [
          { label: "Red", description: "r" },
          { label: "Blue", description: "b" },
        ],
      },
    ];
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
  });
});
