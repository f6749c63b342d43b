/** The codec against the real Pi (exact version, see pi.install.ts) and a stub model, over pipes. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LaunchContext, ProviderFact } from "../../src/providers/contract.ts";
import type { Answer } from "../../src/words/said.ts";
import { describeReal } from "./install.ts";
import type { Driven } from "./pi-drive.ts";
import { drivePi } from "./pi-drive.ts";
import { writePiHome } from "./pi-home.ts";
import { installPi, PI_VERSION } from "./pi.install.ts";
import { startChatStub } from "./stub-chat.ts";

const installed = await installPi(process.env);
const real = describeReal("Pi", installed);
const command = "skip" in installed ? [] : installed.command;

const root = mkdtempSync(join(tmpdir(), "ah-pi-"));
const stub = startChatStub();
const running: Driven[] = [];
let agents = 0;

beforeAll(() => writePiHome(join(root, "pi-home"), stub.url));
afterEach(async () => {
  for (const each of running.splice(0)) await each.kill("SIGKILL");
});
afterAll(async () => {
  await stub.stop();
  rmSync(root, { recursive: true });
});

function context(changes: Partial<LaunchContext> = {}): LaunchContext {
  agents += 1;
  const home = join(root, `agent-${agents}`);
  mkdirSync(join(home, "project"), { recursive: true });
  mkdirSync(join(home, "files"), { recursive: true });
  return {
    command,
    args: [],
    agentId: "a3f2b1c0",
    agentUuid: crypto.randomUUID(),
    session: null,
    cwd: join(home, "project"),
    agentDir: join(home, "files"),
    model: "stub/stub-1",
    permissions: "ask",
    systemPrompt: null,
    trusted: false,
    isRoot: false,
    self: [],
    env: {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: home,
      PI_CODING_AGENT_DIR: join(root, "pi-home"),
      STUB_API_KEY: "stub-key",
    },
    ...changes,
  };
}

async function ready(options: Parameters<typeof drivePi>[0] = { launch: context() }): Promise<Driven> {
  const driven = drivePi(options);
  running.push(driven);
  await driven.next("ready");
  return driven;
}

function script(...steps: readonly object[]): string {
  return `MODEL ${JSON.stringify(steps)}`;
}

function answerTo(
  fact: Extract<ProviderFact, { type: "permission" }>,
  decision: Answer["decision"],
  more: Partial<Answer> = {},
): Answer {
  return { id: fact.id, kind: fact.kind, data: fact.data, decision, ...more };
}

/** One tool call an answer, then a text. */
const bash = (...lines: string[]) => [
  ...lines.map((line) => ({ call: [{ name: "bash", args: { command: line } }] })),
  { say: "tool done" },
];

real("the real Pi", () => {
  test("answers two turns and tells their cost", async () => {
    const driven = await ready();
    const key = driven.prompt(script({ say: "héllo 🦀 world", chunks: 3 }));
    expect((await driven.next("input_accepted")).key).toBe(key);
    await driven.next("delta");
    expect(await driven.next("turn_ended")).toEqual({ type: "turn_ended", outcome: "completed" });
    expect(driven.lastText()).toBe("héllo 🦀 world");
    driven.prompt("again");
    expect((await driven.next("usage", ({ usage }) => usage.costUsd !== undefined)).usage.costUsd).toBeGreaterThan(0);
    await driven.next("turn_ended");
    expect(driven.lastText()).toBe("echo: again");
    expect(driven.facts.filter((fact) => fact.type === "unknown_frame")).toEqual([]);
  });

  test("runs a tool without asking when permissions are allow, and a reading tool when they are ask", async () => {
    const free = await ready({ launch: context({ permissions: "allow" }) });
    free.prompt(script(...bash("echo hi; exit 3")));
    expect((await free.next("part", ({ role }) => role === "tool")).part).toMatchObject({
      type: "tool_result",
      isError: true,
    });
    expect((await free.next("turn_ended")).outcome).toBe("completed");
    expect(free.facts.some(({ type }) => type === "permission")).toBe(false);

    const asking = await ready();
    writeFileSync(join(root, "readme.txt"), "words to read");
    asking.prompt(script({ call: [{ name: "read", args: { path: join(root, "readme.txt") } }] }, { say: "read it" }));
    expect((await asking.next("part", ({ role }) => role === "tool")).part).toMatchObject({
      text: "words to read",
      isError: false,
    });
    await asking.next("turn_ended");
    expect(asking.facts.some(({ type }) => type === "permission")).toBe(false);
  });

  test("asks before a tool that changes things: allow, deny with its reason, allow always over a new process", async () => {
    const launch = context();
    const driven = await ready({ launch });
    driven.prompt(script(...bash("touch allowed")));
    const first = await driven.next("permission");
    expect(first).toMatchObject({
      kind: "tool",
      tool: "bash",
      title: "bash: touch allowed",
      detail: { input: { command: "touch allowed" } },
    });
    expect(existsSync(join(launch.cwd, "allowed"))).toBe(false);
    driven.answer(answerTo(first, "allow"));
    expect((await driven.next("permission_closed")).id).toBe(first.id);
    await driven.next("turn_ended");
    expect(existsSync(join(launch.cwd, "allowed"))).toBe(true);

    driven.prompt(script(...bash("touch denied")));
    driven.answer(answerTo(await driven.next("permission"), "deny", { message: "not on a Sunday" }));
    expect((await driven.next("part", ({ role }) => role === "tool")).part).toMatchObject({
      isError: true,
      text: expect.stringContaining("not on a Sunday"),
    });
    await driven.next("turn_ended");
    expect(existsSync(join(launch.cwd, "denied"))).toBe(false);

    driven.prompt(script(...bash("echo always", "echo always")));
    const always = await driven.next("permission");
    driven.answer(answerTo(always, "allow_always"));
    await driven.next("turn_ended");
    driven.prompt(script(...bash("echo always")));
    await driven.next("turn_ended");
    expect(driven.facts.filter(({ type }) => type === "permission")).toHaveLength(3);
    await driven.kill("SIGTERM");

    const again = await ready({ launch, grants: [always.data] });
    again.prompt(script(...bash("echo always", "echo other")));
    expect(await again.next("permission")).toMatchObject({ title: "bash: echo other" });
  });

  test("lets the model ask the user", async () => {
    const driven = await ready();
    driven.prompt(
      script(
        { call: [{ name: "ask_user", args: { question: "Which colour?", options: ["Red", "Blue"] } }] },
        { say: "done" },
      ),
    );
    const fact = await driven.next("permission");
    expect(fact).toMatchObject({
      kind: "question",
      tool: "ask_user",
      title: "Which colour?",
      detail: { questions: [{ question: "Which colour?", options: [{ label: "Red" }, { label: "Blue" }] }] },
    });
    driven.answer(answerTo(fact, "allow", { answers: { "Which colour?": "Blue" } }));
    expect((await driven.next("part", ({ role }) => role === "tool")).part).toMatchObject({
      text: "The user answered: Blue",
    });
    await driven.next("turn_ended");
    driven.prompt(script({ call: [{ name: "ask_user", args: { question: "Your name?" } }] }, { say: "done" }));
    driven.answer(answerTo(await driven.next("permission"), "deny"));
    expect((await driven.next("part", ({ role }) => role === "tool")).part).toMatchObject({
      text: "The user did not answer.",
    });
    await driven.next("turn_ended");
  });

  test("asks for two tools of one answer one after the other", async () => {
    const driven = await ready();
    driven.prompt(
      script(
        {
          call: [
            { name: "bash", args: { command: "echo one" } },
            { name: "bash", args: { command: "echo two" } },
          ],
        },
        { say: "done" },
      ),
    );
    const one = await driven.next("permission");
    driven.answer(answerTo(one, "allow"));
    expect((await driven.next("permission_closed")).id).toBe(one.id);
    driven.answer(answerTo(await driven.next("permission"), "deny"));
    await driven.next("turn_ended");
    expect(driven.facts.filter((fact) => fact.type === "part" && fact.role === "tool")).toHaveLength(2);
  });

  test("is interrupted in a text, in a tool, while asking, and at once after the prompt", async () => {
    const driven = await ready();
    driven.prompt(script({ say: "one two three four", chunks: 4, gate: join(root, "never") }));
    await driven.next("delta");
    driven.interrupt();
    expect(await driven.next("turn_ended")).toEqual({ type: "turn_ended", outcome: "interrupted" });

    driven.prompt(script(...bash("sleep 30")));
    const asked = await driven.next("permission");
    driven.answer(answerTo(asked, "allow"));
    await driven.next("permission_closed");
    driven.interrupt();
    expect(await driven.next("turn_ended")).toEqual({ type: "turn_ended", outcome: "interrupted" });

    driven.prompt(script(...bash("echo asked")));
    const open = await driven.next("permission");
    driven.interrupt();
    expect((await driven.next("permission_closed")).id).toBe(open.id);
    expect(await driven.next("turn_ended")).toEqual({ type: "turn_ended", outcome: "interrupted" });

    driven.prompt(script({ hang: true }));
    driven.interrupt();
    expect(await driven.next("turn_ended")).toEqual({ type: "turn_ended", outcome: "interrupted" });

    driven.prompt("still there?");
    expect(await driven.next("turn_ended")).toEqual({ type: "turn_ended", outcome: "completed" });
    expect(driven.lastText()).toBe("echo: still there?");
  });

  test("tells a wrong key as failed, and recovers from a 500", async () => {
    const driven = await ready();
    driven.prompt(script({ status: 401, times: "always" }));
    expect(await driven.next("turn_ended")).toMatchObject({
      outcome: "failed",
      error: { code: "authentication_error", message: expect.stringContaining("stub 401") },
    });
    driven.prompt(script({ status: 500, times: 2, say: "recovered" }));
    expect(await driven.next("retrying")).toMatchObject({ attempt: 1, status: 500 });
    await driven.next("retry_over");
    expect(await driven.next("turn_ended")).toEqual({ type: "turn_ended", outcome: "completed" });
    expect(driven.lastText()).toBe("recovered");
    driven.prompt(script({ cut: true, say: "whole again", chunks: 4 }));
    expect(await driven.next("turn_ended")).toEqual({ type: "turn_ended", outcome: "completed" });
    expect(driven.lastText()).toBe("whole again");
  });

  test("has no key, or no such model: the program's own words", async () => {
    const keyless = context();
    const { STUB_API_KEY: _none, ...env } = keyless.env;
    const driven = await ready({ launch: { ...keyless, env } });
    driven.prompt("hello");
    expect(await driven.next("turn_ended")).toMatchObject({
      outcome: "failed",
      error: { message: expect.stringContaining("No API key found for stub") },
    });

    const wrong = drivePi({ launch: context({ model: "nobody/none" }) });
    expect(await wrong.ended).toBe(1);
    expect(wrong.stderr()).toContain('Model "nobody/none" not found');
  });

  test("a new process goes on with the conversation, its costs, and knows which inputs it had", async () => {
    const launch = context();
    const driven = await ready({ launch });
    const before = Date.now();
    const key = driven.prompt("remember me");
    await driven.next("turn_ended");
    const session = driven.state().session;
    expect(session).toBe(launch.agentUuid);
    const total = driven.state().totals;
    await driven.kill("SIGKILL");

    const again = drivePi({
      launch: { ...launch, session },
      unconfirmed: [
        { key, text: "remember me", raw: false, writtenAtMs: before },
        { key: "later", text: "remember me", raw: false, writtenAtMs: Date.now() + 5000 },
        { key: "other", text: "never written", raw: false, writtenAtMs: before },
      ],
    });
    running.push(again);
    await again.next("ready");
    expect((await again.next("input_accepted")).key).toBe(key);
    expect((await again.next("input_absent")).key).toBe("later");
    expect((await again.next("input_absent")).key).toBe("other");
    expect(again.state().totals).toEqual(total);
    again.prompt("and again");
    await again.next("turn_ended");
    expect(stub.requests.at(-1)?.roles).toEqual(["system", "user", "assistant", "user"]);
  });

  test("takes 200 KB of unicode whole, and a slash verbatim when it is raw", async () => {
    const driven = await ready({ launch: context({ systemPrompt: "Say less. ünïcödé" }) });
    const text = 'añ👩‍👩‍👧 \u2028\u2029 "quoted" \\ \t\r\n日本語 '.repeat(4000);
    expect(Buffer.byteLength(text)).toBeGreaterThan(200_000);
    driven.prompt(text);
    await driven.next("turn_ended");
    expect(stub.requests.at(-1)?.text).toBe(text);
    expect(driven.lastText()).toBe(`echo: ${text}`);
    expect(JSON.stringify(stub.requests.at(-1)?.body)).toContain("Say less. ünïcödé");
    driven.prompt("/skill:none x", { raw: true });
    await driven.next("turn_ended");
    expect(stub.requests.at(-1)?.text.trim()).toBe("/skill:none x");
  });

  test("goes on after a torn line", async () => {
    const driven = await ready();
    driven.write('{"id":"torn","type":"prom');
    driven.write("\n");
    expect(await driven.next("note", ({ code }) => code === "torn_line")).toBeDefined();
    driven.prompt("fine");
    expect((await driven.next("turn_ended")).outcome).toBe("completed");
  });

  test.each([false, true])("loads what the repository brings only when it is trusted (%p)", async (trusted) => {
    const launch = context({ trusted });
    const proof = (name: string) => join(launch.agentDir, name);
    const extension = (name: string) =>
      `import { writeFileSync } from "node:fs";\nexport default function (pi) { writeFileSync(${JSON.stringify(proof(name))}, ""); pi.registerCommand(${JSON.stringify(name)}, { description: "x", handler: async () => {} }); }\n`;
    mkdirSync(join(launch.cwd, ".pi/extensions"), { recursive: true });
    mkdirSync(join(launch.cwd, ".pi/prompts"), { recursive: true });
    writeFileSync(join(launch.cwd, ".pi/extensions/planted.ts"), extension("planted"));
    writeFileSync(join(launch.cwd, ".pi/named.ts"), extension("named"));
    writeFileSync(
      join(launch.cwd, ".pi/settings.json"),
      JSON.stringify({ extensions: [join(launch.cwd, ".pi/named.ts")], sessionDir: join(launch.cwd, "stolen") }),
    );
    writeFileSync(join(launch.cwd, ".pi/prompts/evil.md"), "planted template");
    writeFileSync(join(launch.cwd, ".pi/APPEND_SYSTEM.md"), "planted system prompt");
    const server = { command: "touch", args: [proof("mcp")] };
    for (const file of [".mcp.json", ".pi/mcp.json"])
      writeFileSync(join(launch.cwd, file), JSON.stringify({ mcpServers: { planted: server } }));

    const driven = await ready({ launch });
    driven.prompt("/evil");
    await driven.next("turn_ended");
    expect(existsSync(proof("planted"))).toBe(trusted);
    expect(existsSync(proof("named"))).toBe(trusted);
    expect(stub.requests.at(-1)?.text).toBe(trusted ? "planted template" : "/evil");
    expect(JSON.stringify(stub.requests.at(-1)?.body).includes("planted system prompt")).toBe(trusted);
    // Pi before 1.0 knows no MCP servers, and our own flag keeps the sessions in our folder.
    expect(existsSync(proof("mcp"))).toBe(trusted && !PI_VERSION.startsWith("0."));
    expect(existsSync(join(launch.cwd, "stolen"))).toBe(false);
    if (trusted) {
      const key = driven.prompt("/planted now");
      expect((await driven.next("input_accepted")).key).toBe(key);
      expect(await driven.next("turn_ended")).toEqual({ type: "turn_ended", outcome: "completed" });
    }
  });
});
