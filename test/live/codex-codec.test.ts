/** The codec against the real Codex (exact version, see codex.install.ts) and a stub model, over pipes. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { real, root, stub, home, start, model, session, end, results, kinds, ways } from "./codex-live.ts";
import { lastText } from "./codex-pipe.ts";
import { CODEX_VERSION } from "./codex.install.ts";
import { startResponsesStub } from "./stub-responses.ts";

real("a turn", () => {
  test("is confirmed, streamed, said whole and ended once; no frame is unknown", async () => {
    const pipe = await start();
    expect(pipe.facts).toContainEqual({ type: "ready", version: CODEX_VERSION });
    const key = pipe.prompt(model({ think: "hm", say: "Hello wörld 😀", chunks: 4 }));
    await pipe.fact("turn_ended");
    expect(pipe.facts).toContainEqual({ type: "input_accepted", key });
    expect(lastText(pipe.facts)).toBe("Hello wörld 😀");
    expect(pipe.facts.filter((fact) => fact.type === "delta").length).toBeGreaterThan(1);
    expect(pipe.facts).toContainEqual({
      type: "usage",
      usage: {
        ...{ inputTokens: 60, outputTokens: 10, cacheReadTokens: 40 },
        ...(ways.tellsCacheWrites ? { cacheWriteTokens: 0 } : {}),
      },
    });
    expect(pipe.facts.filter((fact) => fact.type === "unknown_frame" || fact.type === "turn_ended")).toEqual([
      { type: "turn_ended", outcome: "completed" },
    ]);
    expect(lastText(await pipe.turn("second"))).toBe("echo: second");
  });

  test("brings the model and the system prompt to the model service", async () => {
    const pipe = await start(home({ model: "my-model", systemPrompt: "BE BRIEF 123" }));
    await pipe.turn("hi");
    const request = stub.requests.at(-1);
    expect(request?.model).toBe("my-model");
    expect(request?.authorization).toBe("Bearer stub-key");
    expect(JSON.stringify(request?.body)).toContain("BE BRIEF 123");
  });

  test("runs a tool, and says its output and failure", async () => {
    const pipe = await start(home({ permissions: "allow" }));
    const facts = await pipe.turn(model({ run: "echo out; echo err >&2; exit 3" }, { say: "done" }));
    expect(kinds(facts)).not.toContain("permission");
    // Codex merges two pipes: which of them it reads first is not for us to say.
    const merged = expect.stringMatching(/^(out\nerr|err\nout)\n$/);
    expect(facts).toContainEqual(
      expect.objectContaining({ part: expect.objectContaining({ type: "tool_result", text: merged, isError: true }) }),
    );
    expect(lastText(facts)).toBe("done");
  });

  test("takes 200 KB of unicode intact", async () => {
    const pipe = await start();
    const text = 'a😀漢"\\\t é\u2028'.repeat(12_500);
    expect(Buffer.byteLength(text)).toBeGreaterThan(200_000);
    await pipe.turn(text);
    expect(stub.requests.at(-1)?.text).toBe(text);
    expect(lastText(pipe.facts)).toBe(`echo: ${text}`);
  });

  test("too long an input fails at once, with Codex's word", async () => {
    const pipe = await start();
    expect(end(await pipe.turn("x".repeat(1_048_577)))?.error?.code).toBe("input_too_large");
    expect(lastText(await pipe.turn("ok"))).toBe("echo: ok");
  });
});

real("failures of the model service", () => {
  test("401 is retried, then fails the turn, and the next turn works", async () => {
    const pipe = await start();
    const facts = await pipe.turn(model({ status: 401, times: 99 }));
    expect(facts.filter((fact) => fact.type === "retrying")).toContainEqual(
      expect.objectContaining({ attempt: 1, status: 401 }),
    );
    expect(end(facts)).toMatchObject({
      outcome: "failed",
      error: { code: ways.connectionCode, message: expect.stringContaining("401") },
    });
    expect(lastText(await pipe.turn("after"))).toBe("echo: after");
  });

  test("500 then recovery is a completed turn", async () => {
    const pipe = await start();
    const facts = await pipe.turn(model({ status: 500, times: 3 }, { say: "recovered" }));
    expect(kinds(facts)).toContain("retrying");
    expect(kinds(facts)).toContain("retry_over");
    expect(end(facts)?.outcome).toBe("completed");
    expect(lastText(facts)).toBe("recovered");
  });

  test("a stream cut in the middle says its text once", async () => {
    const pipe = await start();
    const facts = await pipe.turn(model({ cut: "the whole answer", chunks: 4 }, { say: "the whole answer" }));
    expect(facts.filter((fact) => fact.type === "part" && fact.role === "assistant")).toHaveLength(1);
    expect(lastText(facts)).toBe("the whole answer");
  });

  test("a model that does not exist gives the service's own message", async () => {
    const pipe = await start(home({ model: "no-such-model" }));
    expect(end(await pipe.turn(model({ status: 404, times: 99 })))?.error?.message).toContain("the stub says 404");
  });

  test("a refused connection fails instead of waiting for ever", async () => {
    const closed = startResponsesStub();
    await closed.stop();
    const launch = home();
    const settings = join(launch.env["CODEX_HOME"] ?? "", "config.toml");
    writeFileSync(settings, readFileSync(settings, "utf8").replace(stub.url, closed.url));
    const pipe = await start(launch);
    expect(end(await pipe.turn("hi"))).toMatchObject({ outcome: "failed", error: { code: ways.connectionCode } });
  });
});

real("permissions", () => {
  test("every command is asked for; allowed it runs, denied it does not", async () => {
    const launch = home();
    const pipe = await start(launch);
    pipe.prompt(model({ run: "touch yes.txt && echo made" }, { run: "touch no.txt" }, { say: "done" }));
    const first = await pipe.fact("permission");
    expect(first).toMatchObject({ kind: "tool", tool: "shell", title: expect.stringContaining("touch yes.txt") });
    expect(existsSync(join(launch.cwd, "yes.txt"))).toBe(false);
    pipe.answer(first, "allow");
    const second = await pipe.fact("permission", { where: ({ id }) => id !== first.id });
    pipe.answer(second, "deny");
    await pipe.fact("turn_ended");
    expect(results(pipe.facts)).toEqual(["made\n", "declined"]);
    expect(readdirSync(launch.cwd)).toEqual(["yes.txt"]);
    expect(pipe.state().asks).toEqual({});
  });

  test("even harmless commands are asked for, and an allowed one runs once, in the open", async () => {
    const launch = home();
    const pipe = await start(launch);
    const commands = [
      "ls -la",
      "cat nothing",
      "echo run >> runs.txt; cat runs.txt; false",
      "echo made > made.txt; true",
    ];
    pipe.prompt(model(...commands.map((run) => ({ run })), { say: "done" }));
    const asked = ways.asksForHarmless ? commands : commands.slice(2);
    for (const command of asked)
      pipe.answer(await pipe.fact("permission", { where: ({ title }) => title.includes(command) }), "allow");
    await pipe.fact("turn_ended");
    expect(pipe.facts.filter((fact) => fact.type === "permission")).toHaveLength(asked.length);
    expect(results(pipe.facts)[2]).toBe("run\n");
    expect(readdirSync(launch.cwd).sort()).toEqual(["made.txt", "runs.txt"]);
  });

  test("a patch is asked for with its files and its diff", async () => {
    const launch = home();
    const pipe = await start(launch);
    pipe.prompt(
      model(
        { run: "apply_patch <<'EOP'\n*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\nEOP" },
        { say: "patched" },
      ),
    );
    const asked = await pipe.fact("permission");
    expect(asked).toMatchObject({
      tool: "apply_patch",
      title: `change ${launch.cwd}/new.txt`,
      detail: { changes: [{ diff: "hello\n" }] },
    });
    pipe.answer(asked, "allow");
    await pipe.fact("turn_ended");
    expect(readFileSync(join(launch.cwd, "new.txt"), "utf8")).toBe("hello\n");
  });

  test("two at once, answered the other way round", async () => {
    const pipe = await start();
    pipe.prompt(model({ run: ["touch one && echo one", "touch two && echo two"] }, { say: "both" }));
    const one = await pipe.fact("permission", { where: ({ title }) => title.includes("one") });
    const two = await pipe.fact("permission", { where: ({ title }) => title.includes("two") });
    pipe.answer(two, "allow");
    pipe.answer(one, "allow");
    await pipe.fact("turn_ended");
    expect([...results(pipe.facts)].sort()).toEqual(["one\n", "two\n"]);
  });

  test("allow_always is not asked again, nor after a resume in a new process", async () => {
    const launch = home();
    const first = await start(launch);
    const run = "touch built && echo built";
    first.prompt(model({ run }, { run }, { say: "1" }));
    const asked = await first.fact("permission");
    first.answer(asked, "allow_always");
    await first.fact("turn_ended");
    expect(first.facts.filter((fact) => fact.type === "permission")).toHaveLength(1);
    await first.end();
    const second = await start({ ...launch, session: session(first) }, { grants: [asked.data] });
    const facts = await second.turn(model({ run }, { say: "2" }));
    expect(kinds(facts)).not.toContain("permission");
    expect(results(facts)).toEqual(["built\n"]);
  });

  test("a tool of the user's MCP server is asked for, and can be allowed for the session", async () => {
    const server = join(import.meta.dir, "mcp-server.ts");
    const pipe = await start(home({}, `[mcp_servers.pk]\ncommand = "${process.execPath}"\nargs = ["${server}"]\n`));
    const poke = { call: { name: "poke", namespace: "mcp__pk", args: { a: "1" } } };
    pipe.prompt(model(poke, poke, { say: "ok" }));
    const asked = await pipe.fact("permission");
    expect(asked).toMatchObject({ kind: "tool", tool: "pk.poke", detail: { input: { a: "1" } } });
    pipe.answer(asked, "allow_always");
    await pipe.fact("turn_ended");
    expect(pipe.facts.filter((fact) => fact.type === "permission")).toHaveLength(1);
    expect(results(pipe.facts)).toEqual(["poked", "poked"]);
  });

  test("a question of the model comes with its choices and takes an answer", async () => {
    const pipe = await start();
    const questions = [
      {
        id: "q1",
        header: "H",
        question: "Which?",
        options: [
          { label: "Red", description: "r" },
          { label: "Blue", description: "b" },
        ],
      },
    ];
    pipe.prompt(model({ call: { name: "request_user_input", args: { questions } } }, { say: "ok" }));
    const asked = await pipe.fact("permission");
    expect(asked).toMatchObject({ kind: "question", title: "Which?" });
    pipe.answer(asked, "allow", { "Which?": "Blue" });
    await pipe.fact("turn_ended");
    expect(JSON.stringify(stub.requests.at(-1)?.body)).toContain("Blue");
  });
});

real("interrupt", () => {
  test("ends a text, keeps the conversation", async () => {
    const pipe = await start();
    pipe.prompt(model({ say: "0123456789".repeat(50), chunks: 100, gate: join(root, "never") }));
    await pipe.fact("delta");
    pipe.interrupt();
    expect((await pipe.fact("turn_ended")).outcome).toBe("interrupted");
    expect(lastText(await pipe.turn("on"))).toBe("echo: on");
  });

  test("sent together with the input it still ends the turn", async () => {
    const pipe = await start();
    pipe.prompt(model({ hang: true }));
    pipe.interrupt();
    expect((await pipe.fact("turn_ended")).outcome).toBe("interrupted");
  });

  test("takes an open question along", async () => {
    const pipe = await start();
    pipe.prompt(model({ run: "touch never.txt" }));
    const asked = await pipe.fact("permission");
    pipe.interrupt();
    expect((await pipe.fact("turn_ended")).outcome).toBe("interrupted");
    pipe.answer(asked, "allow");
    expect(lastText(await pipe.turn("on"))).toBe("echo: on");
    expect(pipe.state().asks).toEqual({});
  });

  test("ends what runs in the background", async () => {
    const pipe = await start(home({ permissions: "allow" }));
    await pipe.turn(model({ run: "sleep 300", runArgs: { yield_time_ms: 300 } }, { say: "started" }));
    await pipe.fact("background", { where: ({ tasks }) => tasks === 1 });
    const from = pipe.facts.length;
    pipe.prompt(model({ hang: true }));
    await pipe.fact("turn_started", { from });
    pipe.interrupt();
    await pipe.fact("background", { from, where: ({ tasks }) => tasks === 0 });
  });

  test("a background command that ends by itself is no longer counted", async () => {
    const pipe = await start(home({ permissions: "allow" }));
    const gate = join(root, "let-the-background-end");
    const run = `until [ -e '${gate}' ]; do sleep 0.1; done; echo late`;
    await pipe.turn(model({ run, runArgs: { yield_time_ms: 300 } }, { say: "started" }));
    await pipe.fact("background", { where: ({ tasks }) => tasks === 1 });
    writeFileSync(gate, "");
    await pipe.fact("background", { where: ({ tasks }) => tasks === 0 });
    expect(results(pipe.facts)).toEqual(["late\n"]);
  });
});
