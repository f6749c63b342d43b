/** The codec over pipes with the fake Pi: the traps that only show when both sides have a clock of their own. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LaunchContext } from "../../../src/providers/contract.ts";
import type { Driven } from "../../live/pi-drive.ts";
import { drivePi } from "../../live/pi-drive.ts";
import { launchContext } from "../providers/pi/helpers.ts";

const root = mkdtempSync(join(tmpdir(), "ah-fake-pi-"));
const fake = join(import.meta.dir, "../../fakes/pi.ts");
const running: Driven[] = [];
let agents = 0;
afterEach(async () => {
  for (const each of running.splice(0)) await each.kill("SIGKILL");
});
afterAll(() => rmSync(root, { recursive: true }));

function context(env: Readonly<Record<string, string>> = {}, changes: Partial<LaunchContext> = {}): LaunchContext {
  agents += 1;
  const agentDir = join(root, `agent-${agents}`);
  return launchContext({
    command: [process.execPath, fake],
    cwd: root,
    agentDir,
    model: "fake/one",
    env: { PATH: process.env["PATH"] ?? "", HOME: root, ...env },
    ...changes,
  });
}

function drive(options: Omit<Parameters<typeof drivePi>[0], "deadlineMs">): Driven {
  const driven = drivePi({ ...options, deadlineMs: 10_000 });
  running.push(driven);
  return driven;
}

async function ready(launch = context()): Promise<Driven> {
  const driven = drive({ launch });
  await driven.next("ready");
  return driven;
}

const script = (...steps: readonly object[]) => `SCRIPT ${JSON.stringify(steps)}`;
const completed = { type: "turn_ended", outcome: "completed" } as const;
const interrupted = { type: "turn_ended", outcome: "interrupted" } as const;
const ends = (driven: Driven) => driven.facts.filter(({ type }) => type === "turn_ended");

describe.each(["0.87", "1.5"])("the fake Pi %s", (flavour) => {
  const env = { FAKE_PI: flavour };

  test("echoes, says several blocks, thinks, uses a tool", async () => {
    const driven = await ready(context(env));
    driven.prompt("hello");
    expect(await driven.next("turn_ended")).toEqual(completed);
    expect(driven.lastText()).toBe("echo: hello");
    driven.prompt(
      script(
        { think: "hm" },
        { tool: "bash", input: { command: "ls" }, result: "no", fail: true },
        { say: ["one ", "two"], chunks: 3 },
      ),
    );
    await driven.next("turn_ended");
    expect(driven.lastText()).toBe("one two");
    expect(driven.facts).toContainEqual(
      expect.objectContaining({ role: "tool", part: expect.objectContaining({ isError: true, text: "no" }) }),
    );
    expect(driven.facts.some(({ type }) => type === "unknown_frame")).toBe(false);
  });

  test.each(["trap:overflow", "trap:error", "trap:queued", "trap:mcp"])(
    "%s is one turn that completes",
    async (tool) => {
      const driven = await ready(context(env));
      driven.prompt(script({ say: "before" }, { tool }, { say: "after" }));
      await driven.next("turn_ended");
      driven.prompt("next");
      await driven.next("turn_ended");
      expect(ends(driven)).toEqual([completed, completed]);
      expect(driven.lastText()).toBe("echo: next");
    },
  );

  test("retries, then fails with the provider's own word", async () => {
    const driven = await ready(context(env));
    driven.prompt(script({ retry: 2, status: 529 }, { fail: "overloaded_error", message: "too much" }));
    expect(await driven.next("retrying")).toMatchObject({ attempt: 1, status: 529 });
    await driven.next("retry_over");
    expect(await driven.next("turn_ended")).toMatchObject({
      outcome: "failed",
      error: { code: "overloaded_error", message: expect.stringContaining("too much") },
    });
  });

  test("is interrupted at once, in a text, in a tool, while asking, and in a retry", async () => {
    const driven = await ready(context(env));
    const never = join(root, "never");
    driven.prompt(script({ gate: never }));
    driven.interrupt();
    expect(await driven.next("turn_ended")).toEqual(interrupted);
    driven.prompt(script({ say: "half of it", chunks: 4, gate: never }));
    await driven.next("delta");
    driven.interrupt();
    expect(await driven.next("turn_ended")).toEqual(interrupted);
    expect("half of it").toStartWith(driven.lastText());
    driven.prompt(script({ tool: "bash", gate: never }));
    await driven.next("part");
    driven.interrupt();
    expect(await driven.next("turn_ended")).toEqual(interrupted);
    driven.prompt(script({ ask: "bash", input: { command: "ls" } }));
    const { id } = await driven.next("permission");
    driven.interrupt();
    expect((await driven.next("permission_closed")).id).toBe(id);
    expect(await driven.next("turn_ended")).toEqual(interrupted);
    driven.prompt(script({ retry: 1, status: 500, gate: never }));
    await driven.next("retrying");
    driven.interrupt();
    expect(await driven.next("turn_ended")).toEqual(interrupted);
    driven.prompt("alive?");
    expect(await driven.next("turn_ended")).toEqual(completed);
  });

  test("asks through our own extension, takes a question back, and asks the user", async () => {
    const driven = await ready(context(env));
    driven.prompt(
      script(
        {
          ask2: [
            { ask: "bash", input: { command: "a" }, result: "ran" },
            { ask: "write", input: { path: "b" } },
          ],
        },
        { withdraw: { ask: "edit" } },
        { question: "Which?", options: ["Red", "Blue"] },
      ),
    );
    const one = await driven.next("permission");
    driven.answer({ id: one.id, kind: one.kind, data: one.data, decision: "allow" });
    expect((await driven.next("permission_closed")).id).toBe(one.id);
    const two = await driven.next("permission");
    driven.answer({ id: two.id, kind: two.kind, data: two.data, decision: "deny", message: "no files" });
    expect(
      (await driven.next("part", ({ role, part }) => role === "tool" && part.type === "tool_result" && part.isError))
        .part,
    ).toMatchObject({ text: expect.stringContaining("no files") });
    const taken = await driven.next("permission");
    expect((await driven.next("permission_closed", ({ id }) => id === taken.id)).id).toBe(taken.id);
    const question = await driven.next("permission");
    driven.answer({
      id: question.id,
      kind: question.kind,
      data: question.data,
      decision: "allow",
      answers: { "Which?": "Blue" },
    });
    await driven.next("turn_ended");
    expect(driven.facts).toContainEqual(
      expect.objectContaining({
        part: { type: "tool_result", id: expect.any(String), text: "The user answered: Blue", isError: false },
      }),
    );
  });

  test("handles a command without a run, and expands a template", async () => {
    const driven = await ready(context(env));
    const key = driven.prompt("/handled");
    expect((await driven.next("input_accepted")).key).toBe(key);
    expect(await driven.next("turn_ended")).toEqual(completed);
    const expanded = driven.prompt("/expand x");
    expect((await driven.next("input_accepted")).key).toBe(expanded);
    await driven.next("turn_ended");
    expect(driven.lastText()).toBe("echo: expanded: x");
  });

  test("a turn that begins by itself", async () => {
    const driven = await ready(context(env));
    const gate = join(root, `gate-${flavour}`);
    driven.prompt(script({ say: "later" }, { background: [{ say: "woken" }], gate }));
    await driven.next("turn_ended");
    writeFileSync(gate, "");
    await driven.next("turn_started");
    expect(await driven.next("turn_ended")).toEqual(completed);
    expect(driven.lastText()).toBe("woken");
  });
});

describe("the fake Pi as real Pi misbehaves", () => {
  test("a second prompt before agent_start is lost and leaves a stray agent_settled", async () => {
    const driven = await ready();
    process.kill(driven.pid, "SIGSTOP"); // so that both are there before it begins
    driven.prompt("first");
    driven.write(`${JSON.stringify({ id: "rude", type: "prompt", message: "lost", streamingBehavior: "followUp" })}\n`);
    process.kill(driven.pid, "SIGCONT");
    expect(await driven.next("turn_ended")).toEqual(completed);
    expect(driven.lastText()).toBe("echo: first");
    expect(ends(driven)).toHaveLength(1);
  });

  test("an abort before agent_start is answered and does nothing", async () => {
    const driven = await ready();
    process.kill(driven.pid, "SIGSTOP"); // so that both are there before it begins
    driven.prompt("first");
    driven.write(`${JSON.stringify({ id: "rude", type: "abort" })}\n`);
    process.kill(driven.pid, "SIGCONT");
    expect(await driven.next("turn_ended")).toEqual(completed);
  });

  test("a line that is null kills it, a torn one does not", async () => {
    const driven = await ready();
    driven.write('{"id":"to\n');
    await driven.next("note", ({ code }) => code === "torn_line");
    driven.write("null\n");
    expect(await driven.ended).toBe(1);
  });

  test("too old a version is refused, an unknown model and a missing key are told", async () => {
    const old = drive({ launch: context({ FAKE_PI: "0.74" }) });
    expect(await old.next("start_failed")).toMatchObject({ code: "VERSION_UNSUPPORTED" });
    const wrong = drive({ launch: context({}, { model: "nobody/x" }) });
    expect(await wrong.ended).toBe(1);
    expect(wrong.stderr()).toContain('Model "nobody/x" not found');
    const keyless = await ready(context({ FAKE_PI_NO_KEY: "1" }));
    keyless.prompt("x");
    expect(await keyless.next("turn_ended")).toMatchObject({
      outcome: "failed",
      error: { message: expect.stringContaining("No API key") },
    });
  });

  test("its history tells a new process which input had reached it", async () => {
    const launch = context();
    const driven = await ready(launch);
    driven.prompt("warm up");
    await driven.next("turn_ended");
    const mark = join(root, "crash-mark");
    const before = Date.now();
    const crash = script({ mark }, { crash: true });
    const key = driven.prompt(crash);
    await driven.ended;
    expect(existsSync(mark)).toBe(true);
    const unconfirmed = [
      { key, text: crash, raw: false, writtenAtMs: before },
      { key: "unseen", text: "unseen", raw: false, writtenAtMs: before },
    ];
    const again = drive({ launch, unconfirmed });
    expect((await again.next("input_accepted")).key).toBe(key);
    expect((await again.next("input_absent")).key).toBe("unseen");
  });
});
