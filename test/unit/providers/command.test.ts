import { describe, expect, test } from "bun:test";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandCodec } from "../../../src/providers/command.ts";
import {
  type ExitContext,
  type LaunchContext,
  LaunchRefused,
  type ProviderFact,
} from "../../../src/providers/contract.ts";

const input = { key: "k1", text: "do it", raw: false, writtenAtMs: 0 };

function context(more: Partial<LaunchContext> = {}): LaunchContext {
  return {
    command: ["/bin/tool"],
    args: ["-q"],
    agentId: "a3f2b1c0",
    agentUuid: "00000000-0000-4000-8000-000000000000",
    session: null,
    cwd: "/srv/project",
    agentDir: "/srv/agent",
    model: null,
    permissions: "ask",
    systemPrompt: null,
    trusted: false,
    env: {},
    isRoot: false,
    self: ["agent-harness"],
    ...more,
  };
}

function start(more: Partial<LaunchContext> = {}) {
  return commandCodec.start({ launch: context(more), nowMs: 0, unconfirmed: [], grants: [] });
}

function ended(exit: Partial<ExitContext>, { interrupted = false } = {}): readonly ProviderFact[] {
  let { state } = commandCodec.prompt(start().state, input, 0);
  if (interrupted) ({ state } = commandCodec.interrupt(state, 0));
  return commandCodec.exit(state, { code: 0, stderrTail: "", stdout: { text: "", truncated: false }, ...exit });
}

function refusal(more: Partial<LaunchContext>): string {
  try {
    commandCodec.launch(context(more));
  } catch (error) {
    if (error instanceof LaunchRefused) return error.code;
    throw error;
  }
  return "launched";
}

describe("argv", () => {
  test("is the command and its arguments; a prompt for stdin is not in it", () => {
    expect(commandCodec.launch(context({ prompt: { text: "do it", as: "stdin" } })).argv).toEqual(["/bin/tool", "-q"]);
  });

  test("ends with the prompt when it is an argument", () => {
    expect(commandCodec.launch(context({ prompt: { text: "do it", as: "arg" } })).argv).toEqual([
      "/bin/tool",
      "-q",
      "do it",
    ]);
  });

  test("what no argument can carry is refused before the spawn", () => {
    const text = "é".repeat(65_535);
    expect(refusal({ prompt: { text: `${text}x`, as: "arg" } })).toBe("launched");
    expect(refusal({ prompt: { text: `${text}xx`, as: "arg" } })).toBe("PROMPT_TOO_LARGE");
    expect(refusal({ prompt: { text: "a\0b", as: "arg" } })).toBe("PROMPT_INVALID");
    expect(refusal({ prompt: { text: `${text}xx`, as: "stdin" } })).toBe("launched");
  });

  test("a model or a system prompt, which a plain program cannot take, is refused", () => {
    expect(refusal({ model: "big" })).toBe("MODEL_UNSUPPORTED");
    expect(refusal({ systemPrompt: "be brief" })).toBe("SYSTEM_PROMPT_UNSUPPORTED");
  });
});

describe("a run", () => {
  test("is ready at once and has its input with the spawn", () => {
    const { state, facts } = start({ permissions: "allow", trusted: true });
    expect(facts).toEqual([{ type: "ready" }]);
    const prompted = commandCodec.prompt(state, input, 0);
    expect(prompted).toEqual({
      state: { input: "k1", interrupting: false },
      facts: [{ type: "input_accepted", key: "k1" }, { type: "turn_started" }],
      lines: [],
    });
  });

  test("says what it cannot enforce", () => {
    const note = start().facts[1];
    expect(note).toMatchObject({ type: "note", code: "not_enforced" });
    expect(note?.type === "note" && note.message).toContain('permissions "ask" and the project\'s missing trust');
  });

  test("takes stdout whole as one message and completes on exit 0", () => {
    expect(ended({ stdout: { text: "a\nb\n", truncated: false } })).toEqual([
      { type: "part", key: "answer", role: "assistant", part: { type: "text", text: "a\nb\n" } },
      { type: "message_done", key: "answer" },
      { type: "turn_ended", outcome: "completed" },
    ]);
  });

  test("an empty stdout is an empty message", () => {
    expect(ended({})[0]).toEqual({ type: "part", key: "answer", role: "assistant", part: { type: "text", text: "" } });
  });

  test("a cut answer says so", () => {
    expect(ended({ stdout: { text: "abc", truncated: true } })).toContainEqual({
      type: "note",
      level: "warn",
      code: "output_truncated",
      message: "the answer was cut after 3 characters",
    });
  });

  const ends: readonly [string, Partial<ExitContext>, ProviderFact][] = [
    [
      "exit 3",
      { code: 3, stderrTail: "no such file\n" },
      {
        type: "turn_ended",
        outcome: "failed",
        error: { code: "COMMAND_FAILED", message: "the command ended with code 3: no such file" },
      },
    ],
    [
      "exit 137",
      { code: 137 },
      {
        type: "turn_ended",
        outcome: "failed",
        error: { code: "COMMAND_FAILED", message: "the command ended with code 137 or signal 9" },
      },
    ],
    [
      "an exit that nobody saw",
      { code: null },
      {
        type: "turn_ended",
        outcome: "lost",
        error: { code: "EXIT_UNKNOWN", message: "the process is gone and left no exit code" },
      },
    ],
  ];
  test.each(ends)("%s ends the turn as it is", (_what, exit, fact) => {
    expect(ended(exit).at(-1)).toEqual(fact);
  });

  test("an asked end is interrupted, whatever the code, and what was said stays", () => {
    const facts = ended({ code: 143, stdout: { text: "half", truncated: false } }, { interrupted: true });
    expect(facts.at(-1)).toEqual({ type: "turn_ended", outcome: "interrupted" });
    expect(facts[0]).toMatchObject({ part: { text: "half" } });
  });

  test("a process that never got its input ends no turn", () => {
    expect(commandCodec.exit(start().state, { code: 1, stderrTail: "" })).toEqual([]);
  });
});

describe("the fake command", () => {
  const fake = join(import.meta.dir, "../../fakes/command.ts");

  async function run(prompt: string, as: "stdin" | "arg"): Promise<readonly ProviderFact[]> {
    const dir = mkdtempSync(join(tmpdir(), "command-"));
    try {
      writeFileSync(join(dir, "prompt"), as === "stdin" ? prompt : "");
      const { argv } = commandCodec.launch(
        context({
          command: [process.execPath, fake],
          args: as === "arg" ? ["--arg"] : [],
          prompt: { text: prompt, as },
        }),
      );
      const child = Bun.spawn([...argv], {
        stdin: openSync(join(dir, "prompt"), "r"),
        stdout: "pipe",
        stderr: "pipe",
        cwd: dir,
      });
      const [text, stderrTail, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
      const { state } = commandCodec.prompt(start().state, { ...input, text: prompt }, 0);
      return commandCodec.exit(state, { code, stderrTail, stdout: { text, truncated: false } });
    } finally {
      rmSync(dir, { recursive: true });
    }
  }

  test.each(["stdin", "arg"] as const)("answers a prompt from %s", async (as) => {
    const facts = await run("grüße 🎉", as);
    expect(facts[0]).toMatchObject({ part: { type: "text", text: "echo: grüße 🎉" } });
    expect(facts.at(-1)).toEqual({ type: "turn_ended", outcome: "completed" });
  });

  test("fails with its exit code and what it said on stderr", async () => {
    const facts = await run('SCRIPT [{"say":"part"},{"fail":"boom","message":"no disk"}]', "stdin");
    expect(facts[0]).toMatchObject({ part: { text: "part" } });
    expect(facts.at(-1)).toMatchObject({
      outcome: "failed",
      error: { message: "the command ended with code 3: boom: no disk" },
    });
  });
});
