/** The real Codex over the ends of processes and daemons, and in repositories that bring things to be run. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { LaunchContext } from "../../src/providers/contract.ts";
import { plant } from "./codex-home.ts";
import { real, root, stub, home, start, model, session, results, nextHome, running, ways } from "./codex-live.ts";
import { lastText, openCodex } from "./codex-pipe.ts";

real("another process, another daemon", () => {
  const input = (key: string) => ({ key, text: "t", raw: false, writtenAtMs: 0 });

  test("SIGTERM ends it, and the conversation is resumed", async () => {
    const launch = home();
    const first = await start(launch);
    await first.turn("remember 42");
    await first.end();
    const second = await start({ ...launch, session: session(first) });
    expect(session(second)).toBe(session(first));
    await second.turn("and?");
    expect(JSON.stringify(stub.requests.at(-1)?.body)).toContain("remember 42");
  });

  test("after a SIGKILL its history decides about the inputs", async () => {
    const launch = home();
    const first = await start(launch);
    const key = first.prompt(model({ hang: true }));
    await first.fact("input_accepted");
    await first.end("SIGKILL");
    const second = await start(
      { ...launch, session: session(first) },
      { unconfirmed: [input(key), input("never-sent")] },
    );
    expect(second.facts).toContainEqual({ type: "input_accepted", key });
    expect(second.facts).toContainEqual({ type: "input_absent", key: "never-sent" });
    expect(lastText(await second.turn("on"))).toBe("echo: on");
  });

  test("killed before its first turn the conversation is begun again", async () => {
    const launch = home();
    const first = await start(launch);
    await first.end("SIGKILL");
    const second = await start({ ...launch, session: session(first) }, { unconfirmed: [input("k")] });
    expect(second.facts).toContainEqual({ type: "input_absent", key: "k" });
    expect(lastText(await second.turn("on"))).toBe("echo: on");
  });

  test.skipIf(!ways.refusesSecondWriter)(
    "a second process on the same conversation is refused with the reason",
    async () => {
      const launch = home();
      const first = await start(launch);
      await first.turn("hi");
      const second = openCodex({ launch: { ...launch, session: session(first) } });
      running.push(second);
      expect(await second.fact("start_failed")).toMatchObject({
        code: "RESUME_REFUSED",
        message: expect.stringContaining("active writer"),
      });
    },
  );

  test("an adopted process goes on: a question is answered by its id", async () => {
    const pipe = await start();
    pipe.prompt(model({ run: "touch adopted && echo adopted" }, { say: "done" }));
    const asked = await pipe.fact("permission");
    pipe.adopt({ open: [asked.id], unsettled: [{ id: asked.id, kind: "tool", data: asked.data, decision: "allow" }] });
    expect((await pipe.fact("turn_ended")).outcome).toBe("completed");
    expect(results(pipe.facts)).toEqual(["adopted\n"]);
  });

  test("an adopted process tells an input that it never got from one on its way", async () => {
    const pipe = await start();
    await pipe.turn("hi");
    pipe.lose(() => pipe.prompt("lost", "lost"));
    pipe.adopt({ unconfirmed: [input("lost")] });
    await pipe.fact("input_absent", { where: ({ key }) => key === "lost" });
    const from = pipe.facts.length;
    pipe.prompt("sent", "sent");
    pipe.adopt({ unconfirmed: [input("sent")] });
    await pipe.fact("turn_ended", { from });
    expect(pipe.facts).toContainEqual({ type: "input_accepted", key: "sent" });
    expect(pipe.facts).not.toContainEqual({ type: "input_absent", key: "sent" });
  });
});

real("trust", () => {
  async function marksOf(
    changes: Partial<LaunchContext>,
    below = "",
    more = "",
  ): Promise<{ marks: readonly string[]; body: string; settings: string }> {
    const base = home({}, more);
    const marks = join(base.agentDir, "marks");
    plant(base.cwd, marks);
    const cwd = join(base.cwd, below);
    mkdirSync(cwd, { recursive: true });
    const pipe = await start({ ...base, cwd, ...changes });
    pipe.prompt(model({ run: `touch ${marks}/tool` }, { say: "done" }));
    const asked = pipe.fact("permission").then(
      (permission) => pipe.answer(permission, "allow"),
      () => undefined,
    );
    await pipe.fact("turn_ended");
    await pipe.end();
    await asked;
    const settings = readFileSync(join(base.env["CODEX_HOME"] ?? "", "config.toml"), "utf8");
    return { marks: readdirSync(marks).sort(), body: JSON.stringify(stub.requests.at(-1)?.body), settings };
  }

  for (const permissions of ["ask", "allow"] as const) {
    test(`an untrusted repository brings nothing into Codex (permissions "${permissions}")`, async () => {
      const { marks, body, settings } = await marksOf({ permissions });
      expect(marks).toEqual(["tool"]);
      expect(body).not.toContain("PLANTED SETTINGS");
      expect(settings).not.toContain("trust_level");
    });
  }

  test("not even when the user trusts its top folder in Codex itself", async () => {
    const top = join(root, nextHome(), "project");
    const { marks, body } = await marksOf(
      { permissions: "allow" },
      "deep/down",
      `[projects."${top}"]\ntrust_level = "trusted"\n`,
    );
    expect(marks).toEqual(["tool"]);
    expect(body).not.toContain("PLANTED SETTINGS");
  });

  test("a trusted repository brings its settings, hooks and MCP servers, and Codex's own settings stay as they were", async () => {
    const { marks, body, settings } = await marksOf({ permissions: "allow", trusted: true });
    expect(marks).toEqual([
      "hook-PreToolUse",
      "hook-SessionStart",
      "hook-Stop",
      "hook-UserPromptSubmit",
      "hooks-json",
      "mcp",
      "tool",
    ]);
    expect(body).toContain("PLANTED SETTINGS");
    expect(settings).not.toContain("trust_level");
  });

  test("after a resume, too", async () => {
    const base = home({ permissions: "allow", trusted: true });
    const marks = join(base.agentDir, "marks");
    const first = await start(base);
    await first.turn("hi");
    await first.end();
    plant(base.cwd, marks);
    const second = await start({ ...base, session: session(first) });
    await second.turn("again");
    expect(readdirSync(marks)).toContain("hook-UserPromptSubmit");
    await second.end();
    rmSync(marks, { recursive: true });
    mkdirSync(marks);
    const third = await start({ ...base, trusted: false, session: session(first) });
    await third.turn("again");
    expect(readdirSync(marks)).toEqual([]);
  });
});
