/** The codec and the fake agent over real pipes: each proves that the other speaks the protocol's shapes. */
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LaunchContext, ProviderFact } from "../../../src/providers/contract.ts";
import { longText } from "../../fakes/script.ts";
import { type AcpPipe, saidIn, startPipe } from "../../live/acp-pipe.ts";

const fake = join(import.meta.dir, "../../fakes/acp.ts");
const pipes: AcpPipe[] = [];
const dirs: string[] = [];

afterEach(async () => {
  await Promise.all(pipes.splice(0).map((pipe) => pipe.end("SIGKILL")));
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

function place(): string {
  const dir = mkdtempSync(join(tmpdir(), "acp-fake-"));
  dirs.push(dir);
  return dir;
}

function start(options: Record<string, unknown> = {}, launch: Partial<LaunchContext> = {}, dir = place()): AcpPipe {
  const env = {
    PATH: process.env["PATH"] ?? "",
    FAKE_ACP: JSON.stringify(options),
    FAKE_HISTORY: join(dir, "history.jsonl"),
  };
  const pipe = startPipe({ command: [process.execPath, fake], dir, env, launch });
  pipes.push(pipe);
  return pipe;
}

async function ready(
  options: Record<string, unknown> = {},
  launch: Partial<LaunchContext> = {},
  dir?: string,
): Promise<AcpPipe> {
  const pipe = start(options, launch, dir);
  await pipe.fact("ready");
  return pipe;
}

const script = (...steps: readonly unknown[]) => `SCRIPT ${JSON.stringify(steps)}`;
const partTypes = (facts: readonly ProviderFact[]) =>
  facts.flatMap((fact) => (fact.type === "part" ? [fact.part.type] : []));

describe.each([
  ["messageIds", {}],
  ["no messageIds", { messageIds: false }],
  ["tools that are pending first", { pendingFirst: true }],
])("an agent with %s", (_what, options) => {
  test("answers, thinks, uses a tool and ends with its last text", async () => {
    const pipe = await ready(options);
    expect(saidIn(await pipe.turn("grüße 🎉"))).toEqual(["echo: grüße 🎉"]);
    const facts = await pipe.turn(
      script(
        { think: "hm" },
        { say: "Let me look.", chunks: 3 },
        { tool: "Bash", input: { command: "ls" }, result: "a.txt" },
        { say: "One file." },
      ),
    );
    expect(partTypes(facts)).toEqual(["thinking", "text", "tool_use", "tool_result", "text"]);
    expect(saidIn(facts).at(-1)).toBe("One file.");
    expect(facts.at(-1)).toEqual({ type: "turn_ended", outcome: "completed" });
    expect(facts).toContainEqual({ type: "unknown_frame", kind: "update fake_novelty" });
  });

  test("asks, and each answer counts", async () => {
    const pipe = await ready(options);
    for (const [decision, result] of [
      ["allow", "ran"],
      ["allow_always", "ran"],
      ["deny", undefined],
    ] as const) {
      const from = pipe.facts.length;
      pipe.prompt(script({ ask: "Bash", input: { command: "make" }, result: "ran" }));
      pipe.answer((await pipe.fact("permission", { from })).id, decision);
      await pipe.fact("turn_ended", { from });
      const results = pipe.facts
        .slice(from)
        .flatMap((fact) => (fact.type === "part" && fact.part.type === "tool_result" ? [fact.part] : []));
      expect(results.map(({ isError, text }) => (isError ? undefined : text)).at(0)).toBe(result);
      expect(pipe.facts.slice(from)).toContainEqual(expect.objectContaining({ type: "permission_closed" }));
    }
  });

  test("is interrupted while it talks, while it asks, and in a tool; then works on", async () => {
    const pipe = await ready(options);
    const dir = dirs.at(-1) ?? "";
    const runs: readonly [unknown, ProviderFact["type"]][] = [
      [{ say: "one two three four", chunks: 4, gate: join(dir, "never") }, "delta"],
      [{ ask: "Bash", input: { command: "make" } }, "permission"],
      [{ tool: "Bash", input: { command: "make" }, gate: join(dir, "never") }, "part"],
    ];
    for (const [step, sign] of runs) {
      const from = pipe.facts.length;
      pipe.prompt(script(step, { say: "never said" }));
      await pipe.fact(sign, { from });
      pipe.interrupt();
      expect(await pipe.fact("turn_ended", { from })).toEqual({ type: "turn_ended", outcome: "interrupted" });
      expect(saidIn(pipe.facts.slice(from))).not.toContain("never said");
    }
    expect(saidIn(await pipe.turn("still there?"))).toEqual(["echo: still there?"]);
  });
});

test("two questions at once are answered one by one, the second first", async () => {
  const pipe = await ready();
  const from = pipe.facts.length;
  pipe.prompt(
    script(
      {
        ask2: [
          { ask: "Bash", input: { command: "a" }, result: "ran a" },
          { ask: "Bash", input: { command: "b" }, result: "ran b" },
        ],
      },
      { say: "both" },
    ),
  );
  const second = await pipe.fact("permission", { from, where: ({ title }) => title === "b" });
  const first = await pipe.fact("permission", { from, where: ({ title }) => title === "a" });
  pipe.answer(second.id, "deny");
  pipe.answer(first.id, "allow");
  await pipe.fact("turn_ended", { from });
  const results = pipe.facts
    .slice(from)
    .flatMap((fact) => (fact.type === "part" && fact.part.type === "tool_result" ? [fact.part.text] : []));
  expect(results).toEqual(["ran a"]);
});

test("a question that the agent takes back is closed", async () => {
  const pipe = await ready();
  const facts = await pipe.turn(script({ withdraw: { ask: "Bash" } }, { say: "never mind" }));
  const asked = facts.find((fact) => fact.type === "permission");
  expect(asked).toBeDefined();
  expect(facts).toContainEqual({ type: "permission_closed", id: asked?.type === "permission" ? asked.id : "" });
  expect(saidIn(facts)).toEqual(["never mind"]);
});

test("files that are written through us, unasked, are refused and the turn goes on", async () => {
  const pipe = await ready({}, { permissions: "allow" });
  const facts = await pipe.turn(
    script(
      { ask: "Write", input: { path: "/f" }, result: "written" },
      { question: "Which?", options: ["a"] },
      { say: "done" },
    ),
  );
  expect(saidIn(facts)).toEqual(["done"]);
  expect(facts).toContainEqual({ type: "unknown_frame", kind: "request fs/write_text_file" });
});

test("a refused tool may end the turn without any text", async () => {
  const pipe = await ready({}, { permissions: "deny" });
  const facts = await pipe.turn(script({ ask: "Bash", input: { command: "rm" } }));
  expect(saidIn(facts)).toEqual([]);
  expect(facts.at(-1)).toEqual({ type: "turn_ended", outcome: "completed" });
});

test("permissions of a sub-agent reach the person, its talk is not the agent's", async () => {
  const pipe = await ready();
  const from = pipe.facts.length;
  pipe.prompt(
    script(
      { say: "parent" },
      { subagent: [{ say: "child" }, { ask: "Bash", input: { command: "make" } }, { say: "child done" }] },
    ),
  );
  const asked = await pipe.fact("permission", { from });
  expect(asked.subagent).toBeDefined();
  pipe.answer(asked.id, "allow");
  await pipe.fact("turn_ended", { from });
  expect(saidIn(pipe.facts.slice(from))).toEqual(["parent"]);
});

test.each([
  ["overloaded", { code: "overloaded", message: "Internal error: try later" }],
  ["401", { code: "401", message: "try later" }],
  ["max_tokens", { code: "max_tokens" }],
])("a failure %s is a failed turn, and the next one works", async (fail, error) => {
  const pipe = await ready();
  expect((await pipe.turn(script({ retry: 2, status: 529 }, { fail, message: "try later" }))).at(-1)).toMatchObject({
    outcome: "failed",
    error,
  });
  expect(saidIn(await pipe.turn("again"))).toEqual(["echo: again"]);
});

test.each(["end_turn", "error"])("a cancel that is answered with %s is an interrupted turn", async (cancelled) => {
  const pipe = await ready({ cancelled });
  const from = pipe.facts.length;
  pipe.prompt(script({ say: "a" }, { gate: join(dirs.at(-1) ?? "", "never") }));
  await pipe.fact("delta", { from });
  pipe.interrupt();
  expect(await pipe.fact("turn_ended", { from })).toEqual({ type: "turn_ended", outcome: "interrupted" });
});

describe("a conversation", () => {
  test.each(["load", "resume"])(
    "goes on in a new process by session/%s, and nothing of it is said twice",
    async (resume) => {
      const dir = place();
      const first = await ready({ resume }, {}, dir);
      await first.turn("one");
      await first.turn(script({ say: "two" }, { tool: "Bash" }, { say: "three" }));
      const session = first.state.session;
      await first.end("SIGKILL");
      const second = await ready({ resume }, { session }, dir);
      expect(second.facts).toContainEqual({ type: "session", id: session ?? "" });
      const facts = await second.turn("four");
      expect(saidIn(second.facts)).toEqual(["echo: four"]);
      expect(facts.at(-1)).toEqual({ type: "turn_ended", outcome: "completed" });
    },
  );

  test("that is unknown is a failed start", async () => {
    const pipe = start({}, { session: "nowhere" });
    expect(await pipe.fact("start_failed")).toMatchObject({ code: "RESUME_REFUSED" });
  });
});

test.each<[Record<string, unknown>, Partial<LaunchContext>, string]>([
  [{ protocolVersion: 2 }, {}, "PROTOCOL_VERSION"],
  [{ auth: "login" }, {}, "AUTH_REQUIRED"],
  [{ models: "none" }, { model: "fake-2" }, "MODEL_UNSUPPORTED"],
  [{ models: "config" }, { model: "fake-9" }, "MODEL_REFUSED"],
  [{ models: "set_model" }, { model: "fake-9" }, "MODEL_REFUSED"],
])("an agent with %j, started with %j, fails with %s", async (options, launch, code) => {
  expect((await start(options, launch).fact("start_failed")).code).toBe(code);
});

test.each(["config", "set_model"])("a model is chosen by %s", async (models) => {
  const pipe = await ready({ models }, { model: "fake-2" });
  expect(saidIn(await pipe.turn("hi"))).toEqual(["echo: hi"]);
});

test("a login that ran out fails the turn with the mending step", async () => {
  const pipe = await ready({ auth: "prompt" });
  expect((await pipe.turn("hi")).at(-1)).toMatchObject({ outcome: "failed", error: { code: "AUTH_REQUIRED" } });
});

test("half lines, garbage, long lines and 200 KB of unicode arrive whole", async () => {
  const pipe = await ready();
  expect(
    saidIn(await pipe.turn(script({ half: "halves" }, { garbage: "Debugger attached." }, { long: 300_000 }))),
  ).toEqual(["halves", longText(300_000)]);
  const text = "grüße 🎉 漢字\n".repeat(11_000);
  expect(saidIn(await pipe.turn(text))).toEqual([`echo: ${text}`]);
});

test("a crash keeps what was said", async () => {
  const pipe = await ready();
  const from = pipe.facts.length;
  pipe.prompt(script({ say: "last words" }, { crash: true }));
  await pipe.fact("delta", { from });
  await pipe.end();
  expect(saidIn(pipe.facts.slice(from))).toEqual(["last words"]);
  expect(pipe.facts.some((fact) => fact.type === "turn_ended")).toBe(false);
});

test("gates and marks let a test and the agent meet", async () => {
  const pipe = await ready();
  const dir = dirs.at(-1) ?? "";
  const from = pipe.facts.length;
  pipe.prompt(script({ mark: join(dir, "here") }, { say: "a" }, { gate: join(dir, "go") }, { say: "b" }));
  await pipe.fact("delta", { from });
  expect(existsSync(join(dir, "here"))).toBe(true);
  writeFileSync(join(dir, "go"), "");
  await pipe.fact("turn_ended", { from });
  expect(saidIn(pipe.facts.slice(from))).toEqual(["a", "b"]);
});
