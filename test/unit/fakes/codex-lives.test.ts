/** The codec against the fake `codex app-server`: interrupts, a process after another, a daemon after another. */
import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { lastText } from "../../live/codex-pipe.ts";
import { endAll, newDir, script, session, start, types } from "./codex-start.ts";

afterEach(endAll);

describe("interrupt", () => {
  test("ends the turn in the middle of a text, and the conversation goes on", async () => {
    const dir = newDir();
    const pipe = await start({ dir });
    pipe.prompt(script({ say: "long text", chunks: 4, gate: join(dir, "never") }));
    await pipe.fact("delta");
    pipe.interrupt();
    expect((await pipe.fact("turn_ended")).outcome).toBe("interrupted");
    expect(lastText(pipe.facts)).toBe("");
    expect(lastText(await pipe.turn("hi"))).toBe("echo: hi");
  });

  test("works before Codex said that the turn began", async () => {
    const dir = newDir();
    const pipe = await start({ dir });
    pipe.prompt(script({ gate: join(dir, "never") }));
    pipe.interrupt();
    expect((await pipe.fact("turn_ended")).outcome).toBe("interrupted");
  });

  test("takes an open question along, and its late answer is not sent", async () => {
    const pipe = await start();
    pipe.prompt(script({ ask: "Bash", input: { command: "x" } }));
    const asked = await pipe.fact("permission");
    pipe.interrupt();
    await pipe.fact("turn_ended");
    expect(pipe.state().asks).toEqual({});
    pipe.answer(asked, "allow");
    expect(lastText(await pipe.turn("hi"))).toBe("echo: hi");
  });

  test("when nothing runs the turn is over at once", async () => {
    const pipe = await start();
    pipe.interrupt();
    expect(pipe.facts.at(-1)).toEqual({ type: "turn_ended", outcome: "interrupted" });
  });
});

describe("resuming", () => {
  const input = (key: string) => ({ key, text: "t", raw: false, writtenAtMs: 0 });

  test("continues the conversation, and its history decides about inputs that nobody saw confirmed", async () => {
    const dir = newDir();
    const first = await start({ dir });
    first.prompt(script({ crash: true }), "key-1");
    await expect(first.fact("turn_ended")).rejects.toThrow("Codex ended");
    const second = await start({
      dir,
      launch: { session: session(first) },
      unconfirmed: [input("key-1"), input("key-2")],
    });
    const told = types(second.facts).filter((type) => type.startsWith("input_") || type === "ready");
    expect(told).toEqual(["input_accepted", "input_absent", "ready"]);
    expect(second.facts).toContainEqual({ type: "input_absent", key: "key-2" });
    expect(session(second)).toBe(session(first));
  });

  test("a turn that was announced, but never got its message, is absent", async () => {
    const dir = newDir();
    const first = await start({ dir });
    await first.turn("hi");
    await first.end();
    const second = await start({ dir, launch: { session: session(first) }, fake: { echoGate: join(dir, "never") } });
    second.prompt("lost", "key-lost");
    await second.fact("turn_started");
    expect(second.facts).not.toContainEqual({ type: "input_accepted", key: "key-lost" });
    await second.end("SIGKILL");
    const third = await start({ dir, launch: { session: session(first) }, unconfirmed: [input("key-lost")] });
    expect(third.facts).toContainEqual({ type: "input_absent", key: "key-lost" });
  });

  test("a conversation without a turn is begun again", async () => {
    const first = await start();
    await first.end();
    const second = await start({ launch: { session: session(first) }, unconfirmed: [input("key-1")] });
    expect(session(second)).not.toBe(session(first));
    expect(second.facts).toContainEqual({ type: "input_absent", key: "key-1" });
    expect(second.facts).toContainEqual(expect.objectContaining({ type: "note", code: "conversation_restarted" }));
  });
});

describe("adoption", () => {
  test("a question survives the daemon and is answered by its id", async () => {
    const pipe = await start();
    pipe.prompt(script({ ask: "Bash", input: { command: "x" }, result: "ran" }, { say: "done" }));
    const asked = await pipe.fact("permission");
    pipe.adopt({
      open: [asked.id, "77"],
      unsettled: [{ id: asked.id, kind: "tool", data: asked.data, decision: "allow" }],
    });
    await pipe.fact("turn_ended");
    expect(pipe.facts).toContainEqual({ type: "permission_closed", id: "77" });
    expect(lastText(pipe.facts)).toBe("done");
    expect(types(pipe.facts)).not.toContain("start_failed");
  });

  test("an input whose line was torn is absent, and can be sent again", async () => {
    const pipe = await start();
    await pipe.turn("first");
    const from = pipe.facts.length;
    const key = "torn-key";
    // The codec believes that the line is out, Codex never got it.
    pipe.lose(() => pipe.prompt("torn", key));
    pipe.adopt({ unconfirmed: [{ key, text: "torn", raw: false, writtenAtMs: 0 }] });
    await pipe.fact("input_absent", { from, where: (fact) => fact.key === key });
    expect(types(pipe.facts.slice(from))).not.toContain("turn_ended");
    expect(lastText(await pipe.turn("again"))).toBe("echo: again");
  });

  test("an input that is on its way is neither absent nor doubled", async () => {
    const dir = newDir();
    const echoGate = join(dir, "echo");
    const pipe = await start({ dir, fake: { echoGate } });
    const key = pipe.prompt("hi", "key-1");
    pipe.adopt({ unconfirmed: [{ key, text: "hi", raw: false, writtenAtMs: 0 }] });
    await pipe.fact("turn_started");
    writeFileSync(echoGate, "");
    await pipe.fact("turn_ended");
    expect(pipe.facts).toContainEqual({ type: "input_accepted", key });
    expect(types(pipe.facts)).not.toContain("input_absent");
  });

  test("an interrupt that was asked for is sent again", async () => {
    const dir = newDir();
    const pipe = await start({ dir });
    pipe.prompt(script({ gate: join(dir, "never") }));
    await pipe.fact("turn_started");
    pipe.adopt({ interrupting: true });
    expect((await pipe.fact("turn_ended")).outcome).toBe("interrupted");
  });
});
