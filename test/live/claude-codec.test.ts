// file-timeout: 900 s
/** The codec against the real Claude Code (exact version, see claude.install.ts) and a stub model, over pipes. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { bash, live, model, real } from "./claude-live.ts";
import { CLAUDE_VERSION, TELLS_VERSION_AT_ONCE } from "./claude.install.ts";
import { PATIENCE_MS } from "./patience.ts";
import { digestAnswer } from "./stub-anthropic.ts";

real("the real Claude Code", () => {
  const { stub, cwd, path, run } = live();

  const appears = async (file: string) => {
    const deadline = Date.now() + PATIENCE_MS;
    while (!existsSync(file)) {
      if (Date.now() > deadline) throw new Error(`${file} never came`);
      await Bun.sleep(10);
    }
  };

  test("two turns, exact texts in and out, usage, and a graceful end", async () => {
    // Longer than one argument may be.
    const systemPrompt = `MARK-SYSTEM${" be brief".repeat(20_000)} MARK-END`;
    const loop = await run({ model: "claude-some-model", systemPrompt });
    expect(readFileSync(`/proc/${loop.pid}/cmdline`, "utf8")).not.toContain("MARK-");
    const told = TELLS_VERSION_AT_ONCE ? { version: CLAUDE_VERSION } : {};
    expect(await loop.fact("ready")).toEqual({ type: "ready", ...told });
    const odd = ' lines\r\n\twith  blanks \u2028 and 👩‍💻 "quotes" \\ \n';
    loop.prompt(odd);
    expect(await loop.turn(1)).toEqual({ outcome: "completed", code: null, text: digestAnswer(odd) });
    loop.prompt(model({ think: "hm", text: ["Block A.\n", "\n Block B. "], chunks: 4 }));
    expect(await loop.turn(2)).toEqual({ outcome: "completed", code: null, text: "Block A.\n\n Block B. " });
    expect(
      loop.facts
        .filter((fact) => fact.type === "delta")
        .map((fact) => fact.text)
        .join(""),
    ).toEndWith("Block A.\n\n Block B. ");
    // Answers are told as they come; behind the turn stands the total.
    const used = loop.facts.findLast((fact) => fact.type === "usage");
    expect(used?.type === "usage" ? used.usage : null).toMatchObject({
      inputTokens: 200,
      outputTokens: 40,
      costUsd: expect.any(Number),
    });
    expect(stub.requests.at(-1)).toMatchObject({
      model: "claude-some-model",
      system: expect.stringContaining(systemPrompt),
    });
    expect(loop.facts.filter((fact) => fact.type === "unknown_frame")).toEqual([]);
    expect(await loop.farewell()).toBe(0);
  });

  test("2 MB of unicode arrive byte for byte", async () => {
    const loop = await run();
    const text = "grüße 👋 ".repeat(150_000);
    loop.prompt(text);
    expect((await loop.turn(1)).text).toBe(digestAnswer(text));
  });

  test("a permission is allowed, another denied; what is allowed for good holds over a resume, in no file", async () => {
    const loop = await run();
    loop.prompt(model(bash("touch one"), bash("touch two"), bash("touch three"), bash("touch three"), { text: "end" }));
    const first = await loop.fact("permission", 1);
    expect(first).toMatchObject({
      kind: "tool",
      tool: "Bash",
      title: "Bash: touch one",
      options: ["allow", "allow_always", "deny"],
    });
    loop.answer(first, { decision: "allow" });
    loop.answer(await loop.fact("permission", 2), { decision: "deny", message: "not that one" });
    const third = await loop.fact("permission", 3);
    loop.answer(third, { decision: "allow_always" });
    expect((await loop.turn(1)).text).toBe("end");
    expect(["one", "two", "three"].map((name) => existsSync(`${cwd()}/${name}`))).toEqual([true, false, true]);
    expect(loop.facts).toContainEqual(
      expect.objectContaining({
        part: expect.objectContaining({ type: "tool_result", text: "not that one", isError: true }),
      }),
    );
    expect(loop.facts.filter((fact) => fact.type === "permission")).toHaveLength(3);
    expect(loop.facts.filter((fact) => fact.type === "permission_closed")).toHaveLength(3);
    expect(existsSync(`${cwd()}/.claude`)).toBe(false);
    await loop.farewell();

    const session = (await loop.fact("session")).id;
    const next = await run({ session }, { grants: [third.data] });
    next.prompt(model(bash("touch three"), { text: "not asked" }));
    expect((await next.turn(1)).text).toBe("not asked");
    expect(next.facts.filter((fact) => fact.type === "permission" || fact.type === "note")).toEqual([]);
  });

  test("edits allowed for good, then a resume: the next edit is not asked", async () => {
    const write = (name: string) => ({
      tools: [{ name: "Write", input: { file_path: `${cwd()}/${name}`, content: "x" } }],
    });
    const loop = await run();
    loop.prompt(model(write("a"), { text: "end" }));
    const asked = await loop.fact("permission");
    loop.answer(asked, { decision: "allow_always" });
    await loop.turn(1);
    await loop.farewell();
    const next = await run({ session: (await loop.fact("session")).id }, { grants: [asked.data] });
    next.prompt(model(write("b"), { text: "end" }));
    await next.turn(1);
    expect(next.facts.filter((fact) => fact.type === "permission")).toEqual([]);
    expect(existsSync(`${cwd()}/b`)).toBe(true);
  });

  test("a question and a plan are answered", async () => {
    const loop = await run();
    const questions = [
      {
        question: "Which color?",
        header: "Color",
        multiSelect: false,
        options: [
          { label: "Red", description: "r" },
          { label: "Blue", description: "b" },
        ],
      },
    ];
    const plan = [
      { tools: [{ name: "EnterPlanMode", input: {} }] },
      { tools: [{ name: "ExitPlanMode", input: { plan: "1. do it" } }] },
    ];
    loop.prompt(model({ tools: [{ name: "AskUserQuestion", input: { questions } }] }, ...plan, { text: "end" }));
    loop.answer(await loop.fact("permission", 1, ({ kind }) => kind === "question"), {
      decision: "allow",
      answers: { Color: "Blue" },
    });
    const asked = await loop.fact("permission", 1, ({ kind }) => kind === "plan");
    expect(asked.detail).toEqual({ plan: "1. do it" });
    loop.answer(asked, { decision: "allow" });
    expect(JSON.stringify(loop.facts)).toContain('\\"Which color?\\"=\\"Blue\\"');
    expect(await loop.turn(1)).toEqual({ outcome: "completed", code: null, text: "end" });
  });

  test("an interrupt in a text keeps the part that was said, and the conversation", async () => {
    const loop = await run();
    loop.prompt(model({ text: "one two", gate: "/nowhere/gate" }));
    await loop.fact("delta");
    loop.interrupt();
    expect((await loop.turn(1)).outcome).toBe("interrupted");
    loop.prompt("next");
    expect((await loop.turn(2)).text).toBe(digestAnswer("next"));
  });

  test("an interrupt in a tool and one while asking end the turn and close the question", async () => {
    const loop = await run();
    loop.prompt(model(bash(`touch ${path("began")}; sleep 60`), { text: "never" }));
    loop.answer(await loop.fact("permission", 1), { decision: "allow" });
    await appears(path("began"));
    loop.interrupt();
    expect((await loop.turn(1)).outcome).toBe("interrupted");
    loop.prompt(model(bash("touch never"), { text: "never" }));
    const asked = await loop.fact("permission", 2);
    loop.interrupt();
    expect((await loop.turn(2)).outcome).toBe("interrupted");
    expect(loop.facts).toContainEqual({ type: "permission_closed", id: asked.id });
    expect(existsSync(`${cwd()}/never`)).toBe(false);
  });

  test("an interrupt that comes before the input is running ends it all the same", async () => {
    const loop = await run();
    loop.prompt(model({ text: "never", gate: "/nowhere/gate" }));
    loop.interrupt();
    expect((await loop.turn(1)).outcome).toBe("interrupted");
    loop.prompt("next");
    expect((await loop.turn(2)).text).toBe(digestAnswer("next"));
  });

  test("529 is retried and recovers; 401 fails with its code though the frame says success", async () => {
    const loop = await run({}, {}, { CLAUDE_CODE_MAX_RETRIES: "2" });
    loop.prompt(model({ status: 529, times: 1, error: "overloaded_error", text: "recovered" }));
    expect(await loop.turn(1)).toEqual({ outcome: "completed", code: null, text: "recovered" });
    expect(await loop.fact("retrying")).toEqual({
      type: "retrying",
      attempt: 1,
      reason: expect.any(String),
      status: 529,
      nextAt: expect.any(Number),
    });
    expect(loop.facts.filter((fact) => fact.type === "retry_over")).toHaveLength(1);
    loop.prompt(model({ status: 401, error: "authentication_error" }));
    expect(await loop.turn(2)).toMatchObject({ outcome: "failed", code: "authentication_failed" });
    loop.prompt("still alive");
    expect((await loop.turn(3)).outcome).toBe("completed");
  });

  test("killed in a turn, then resumed: the history is there, and nothing runs by itself", async () => {
    const loop = await run();
    loop.prompt("first");
    await loop.turn(1);
    loop.prompt(model(bash("touch x"), { text: "never" }));
    await loop.fact("permission");
    await loop.kill("SIGKILL");
    const next = await run({ session: (await loop.fact("session")).id });
    next.prompt("second");
    expect((await next.turn(1)).text).toBe(digestAnswer("second"));
    expect(next.facts.filter((fact) => fact.type === "turn_started").length).toBeGreaterThan(0);
    expect(next.facts.filter((fact) => fact.type === "permission")).toEqual([]);
  });

  test("a uuid runs once: twice in one process, and again after a resume", async () => {
    const loop = await run();
    const before = stub.requests.length;
    const key = loop.prompt("only once");
    loop.prompt("only once", { key });
    await loop.turn(1);
    loop.prompt("another");
    expect((await loop.turn(2)).text).toBe(digestAnswer("another"));
    await loop.farewell();
    const next = await run({ session: (await loop.fact("session")).id });
    next.prompt("only once", { key });
    expect(await next.turn(1)).toMatchObject({ outcome: "lost" });
    expect(stub.requests.slice(before).filter(({ prompt }) => prompt.includes("only once"))).toHaveLength(1);
  });

  test("killed before its conversation is on disk: the next start says so, the one after begins anew", async () => {
    const id = crypto.randomUUID();
    await expect(run({ session: id })).rejects.toThrow("SESSION_NOT_FOUND");
    const next = await run({ session: `new:${id}` });
    next.prompt("hello");
    await next.turn(1);
    expect((await next.fact("session")).id).toBe(id);
    await next.farewell();
    // And the other way round: the id is taken, but nobody told us.
    await expect(run({ agentUuid: id })).rejects.toThrow("already in use");
  });

  test("a sub-agent in the background does not end the turn early, and its words are its own", async () => {
    const loop = await run({ permissions: "allow" }, {}, { IS_SANDBOX: "1" });
    const task = model({ text: "sub working", mark: path("sub"), gate: path("go") }, { text: "SUB FINAL" });
    const agent = {
      name: "Agent",
      input: { description: "sub job", prompt: task, subagent_type: "general-purpose", run_in_background: true },
    };
    loop.prompt(model({ text: "delegating", tools: [agent] }, { text: "PARENT FIRST" }, { text: "PARENT LAST" }));
    await loop.fact("usage"); // The misleading result.
    await appears(path("sub"));
    expect(loop.facts.some((fact) => fact.type === "turn_ended")).toBe(false);
    writeFileSync(path("go"), "");
    const end = await loop.turn(1);
    expect(end.outcome).toBe("completed");
    expect(end.text).toStartWith("PARENT");
    expect(loop.facts.some((fact) => fact.type === "part" && fact.subagent !== undefined)).toBe(true);
  });

  test("a command in the background: idle at once, and a turn of its own when it is done", async () => {
    const loop = await run({ permissions: "allow" }, {}, { IS_SANDBOX: "1" });
    Bun.spawnSync(["mkfifo", path("fifo")]);
    loop.prompt(
      model(bash(`cat ${path("fifo")}`, { run_in_background: true }), { text: "started" }, { text: "it is done" }),
    );
    expect((await loop.turn(1)).text).toBe("started");
    expect(loop.facts).toContainEqual({ type: "background", tasks: 1 });
    writeFileSync(path("fifo"), "go");
    expect(await loop.turn(2)).toEqual({ outcome: "completed", code: null, text: "it is done" });
  });

  test("slash commands run unless the input is raw; after /clear the new conversation can be resumed", async () => {
    const loop = await run();
    loop.prompt("one");
    await loop.turn(1);
    loop.prompt("/clear", { raw: true });
    expect((await loop.turn(2)).text).toBe(digestAnswer("/clear"));
    loop.prompt("/cost");
    expect((await loop.turn(3)).text).toContain("cost");
    loop.prompt("/clear");
    await loop.turn(4);
    loop.prompt("two");
    await loop.turn(5);
    const session = loop.facts.findLast((fact) => fact.type === "session")?.id ?? "";
    expect(session).not.toBe(loop.launch.agentUuid);
    await loop.farewell();
    await run({ session });
  });

  test("a new daemon finds the open permission, and its answer ends the turn", async () => {
    const loop = await run();
    loop.prompt(model(bash("touch x"), { text: "after" }));
    const asked = await loop.fact("permission");
    loop.adopt({ open: [asked.id] });
    loop.answer(asked, { decision: "allow" });
    loop.answer(asked, { decision: "allow" });
    expect((await loop.turn(1)).text).toBe("after");
    expect(loop.facts.filter((fact) => fact.type === "permission")).toHaveLength(1);
  });

  test("half a line kills the program, and the conversation lives on", async () => {
    const loop = await run();
    loop.prompt("one");
    await loop.turn(1);
    loop.write('{"type":"us{"type":"user"}\n');
    expect(await loop.exited()).toBe(1);
    const next = await run({ session: (await loop.fact("session")).id });
    next.prompt("two");
    expect((await next.turn(1)).outcome).toBe("completed");
  });
});
