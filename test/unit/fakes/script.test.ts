import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOut } from "../../fakes/out.ts";
import { createEngine, type Decision, longText, parseScript, type Wire } from "../../fakes/script.ts";

/** A wire that writes what it is asked to show as words. */
function wordWire(parallelAsks = true) {
  const log: string[] = [];
  const asks: { id: string; answer: (decision: Decision) => void }[] = [];
  const out = createOut((bytes) => void log.push(Buffer.from(bytes).toString()));
  const wire: Wire = {
    parallelAsks,
    turnStart: (turn) => void log.push(`start ${turn.origin}`),
    turnEnd: (_turn, end) =>
      void log.push(end.outcome === "completed" ? `end "${end.lastText}"` : `end ${end.outcome}`),
    async say(blocks, _chunks, pause) {
      await pause();
      out.raw(`say ${blocks.join("|")}`);
    },
    think: (text) => void log.push(`think ${text}`),
    empty: () => void log.push("empty"),
    toolCall: (call) => void log.push(`call ${call.name}`),
    toolResult: (call, outcome) => void log.push(`result ${call.name} ${outcome.text}${outcome.isError ? " !" : ""}`),
    ask: (call) =>
      new Promise((answer) => {
        log.push(`ask ${call.name}`);
        asks.push({ id: call.id, answer });
      }),
    question: (question) => Promise.resolve(question.options[0] ?? ""),
    withdraw: () => void log.push("withdraw"),
    retry: (attempt, of, status) => void log.push(`retry ${attempt}/${of} ${status}`),
    raw: (bytes) => void log.push(`raw ${bytes.trim()}`),
    cut: out.cut,
    release: out.release,
  };
  return { wire, log, asks };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("condition never came true");
    await Bun.sleep(2);
  }
}

const script = (steps: unknown) => `please\nSCRIPT ${JSON.stringify(steps)}\nthanks`;

describe("parseScript", () => {
  test("a prompt without a SCRIPT line is echoed", () => {
    expect(parseScript("hello\nworld")).toEqual([{ say: "echo: hello\nworld" }]);
  });
  test("a failing tool is a tool, a fail step is a failure", () => {
    const steps = [
      { tool: "Bash", fail: true },
      { fail: "code", message: "m" },
    ];
    expect(parseScript(script(steps))).toEqual(steps as never);
  });
  test.each([
    [[{ sya: "x" }], "no known step"],
    [[{ say: "x", chunk: 3 }], 'has no "chunk"'],
    [[{ background: [{ nope: 1 }], gate: "/g" }], "script[0].background[0] is no known step"],
    [{}, "must be an array"],
  ])("what cannot be read is said: %j", (steps, reason) => {
    const [step] = parseScript(script(steps));
    expect(step !== undefined && "say" in step ? step.say : "").toContain(reason);
  });
});

describe("the engine", () => {
  test("runs steps in order and turns one after the other", async () => {
    const { wire, log } = wordWire();
    const engine = createEngine(wire);
    await Promise.all([
      engine.prompt(script([{ think: "hm" }, { tool: "Bash", result: "r", fail: true }, { say: ["a", "b"] }]), "k1"),
      engine.prompt("hi", "k2"),
    ]);
    expect(log).toEqual([
      "start input",
      "think hm",
      "call Bash",
      "result Bash r !",
      "say a|b",
      'end "ab"',
      "start input",
      "say echo: hi",
      'end "echo: hi"',
    ]);
  });

  test("two asks are open at once, and each is answered for itself", async () => {
    const { wire, log, asks } = wordWire();
    const done = createEngine(wire).prompt(script([{ ask2: [{ ask: "A", result: "ra" }, { ask: "B" }] }]), null);
    await until(() => asks.length === 2);
    asks[1]?.answer({ allow: false, message: "no" });
    await until(() => log.includes("result B no !"));
    asks[0]?.answer({ allow: true });
    await done;
    expect(log.at(-2)).toBe("result A ra");
  });

  test("where the provider cannot, the second ask waits for the first answer", async () => {
    const { wire, log, asks } = wordWire(false);
    const done = createEngine(wire).prompt(script([{ ask2: [{ ask: "A" }, { ask: "B" }] }]), null);
    await until(() => asks.length === 1);
    expect(log).not.toContain("ask B");
    asks[0]?.answer({ allow: true });
    await until(() => asks.length === 2);
    asks[1]?.answer({ allow: true });
    await done;
  });

  test.each([
    ["a gate", [{ gate: "/nowhere/gate" }, { say: "never" }]],
    ["a text", [{ say: "never", gate: "/nowhere/gate" }]],
    ["a tool", [{ tool: "Bash", gate: "/nowhere/gate" }]],
    ["an ask", [{ ask: "Bash" }]],
  ])("an interrupt ends the turn in %s", async (_where, steps) => {
    const { wire, log } = wordWire();
    const engine = createEngine(wire);
    const done = engine.prompt(script(steps), null);
    await until(() => log.length > 0);
    expect(engine.interrupt()).toBe(true);
    await done;
    expect(log.at(-1)).toBe("end interrupted");
    expect(log.filter((line) => line.startsWith("say"))).toEqual([]);
    expect(engine.interrupt()).toBe(false);
  });

  test("an interrupted ask is withdrawn", async () => {
    const { wire, log, asks } = wordWire();
    const engine = createEngine(wire);
    const done = engine.prompt(script([{ ask: "Bash" }]), null);
    await until(() => asks.length === 1);
    engine.interrupt();
    await done;
    expect(log.slice(-2)).toEqual(["withdraw", "end interrupted"]);
  });

  test("a half line is completed by the next step that writes, not by a gate", async () => {
    const dir = mkdtempSync(join(tmpdir(), "fake-script-"));
    const { wire, log } = wordWire();
    const done = createEngine(wire).prompt(
      script([{ half: "abcdefgh" }, { mark: join(dir, "m") }, { gate: join(dir, "g") }, { say: "next" }]),
      null,
    );
    await until(() => existsSync(join(dir, "m")));
    expect(log).toEqual(["start input", "say ab"]);
    writeFileSync(join(dir, "g"), "");
    await done;
    expect(log).toEqual(["start input", "say ab", "cdefgh", "say next", 'end "next"']);
    rmSync(dir, { recursive: true });
  });

  test("a background task starts a turn of its own when its gate opens", async () => {
    const dir = mkdtempSync(join(tmpdir(), "fake-script-"));
    const { wire, log } = wordWire();
    await createEngine(wire).prompt(
      script([{ background: [{ say: "late" }], gate: join(dir, "g") }, { say: "now" }]),
      null,
    );
    expect(log.at(-1)).toBe('end "now"');
    writeFileSync(join(dir, "g"), "");
    await until(() => log.at(-1) === 'end "late"');
    expect(log).toContain("start agent");
    rmSync(dir, { recursive: true });
  });

  test("a long text has exactly its length", () => {
    expect(longText(1000)).toHaveLength(1000);
  });
});

test("an interrupt ends what was given and has not begun, and nothing behind it", async () => {
  const { wire, log } = wordWire();
  const engine = createEngine(wire);
  const turns = [engine.prompt(script([{ say: "one" }]), null), engine.prompt(script([{ say: "two" }]), null)];
  expect(engine.interrupt()).toBe(true);
  await Promise.all(turns);
  expect(log).toEqual(["start input", "end interrupted", "start input", "say two", 'end "two"']);
  expect(engine.interrupt()).toBe(false);
});
