/**
 * What a person sees: `run` in a real terminal, its questions, Ctrl-C, and the full screen of `ps --watch`.
 * file-timeout: 400 s
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";
import type { Cli } from "../support/cli.ts";
import { cliOf, script } from "../support/cli.ts";
import type { Pane } from "../support/tmux.ts";
import { haveTool, openPane } from "../support/tmux.ts";

setDefaultTimeout(90_000);

let box: Box;
let cli: Cli;
let pane: Pane;
let n = 0;
const here = haveTool("tmux");

beforeAll(async () => {
  box = await makeBox({
    providers: {
      "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
      codex: { enabled: false },
      opencode: { enabled: false },
      pi: { enabled: false },
    },
  });
  await box.start();
  cli = cliOf(box);
  await cli("projects", "add", "shop", box.cwd);
});
afterAll(() => box.close());
beforeEach(() => {
  if (here) pane = openPane({ ...box.env, AH_URL: box.api().url, AH: BINARY }, box.cwd);
});
afterEach(() => {
  if (here) pane.close();
});

const gate = (name: string): string => join(box.dir, `${name}-${n}`);
const open = (name: string): void => writeFileSync(gate(name), "");
const ASK = { ask: "Bash", input: { command: "rm -rf build", description: "clean the build" }, result: "" };

/** The task lies in a file, so that the shell's line stays short. */
async function run(flags: string, ...steps: readonly unknown[]): Promise<string> {
  n += 1;
  const name = `r${n}`;
  writeFileSync(join(box.cwd, "task"), script(...steps));
  pane.line(`$AH run --name ${name} ${flags} "$(cat task)"; echo "code=$?"`);
  return `shop/${name}`;
}
const codeOf = async (): Promise<number> => Number(/^code=(\d+)$/m.exec(await pane.sees(/^code=\d+$/m))?.[1]);
/** It hears what its agent does: its stream is open, and it heeds signals. */
const follows = (): Promise<string> => pane.sees(/◔ \d+:\d\d (?!starts)/);
const statusOf = async (agent: string): Promise<string> => {
  const [project, name] = agent.split("/");
  const { body } = await box.api().call("GET", `/projects/${project}/agents/${name}`);
  return String(body["agent"]?.["status"]);
};

describe.if(here)("run in a terminal", () => {
  test("streams the text once, shows tools, and leaves no rest of its line", async () => {
    n += 1;
    await run(
      "",
      { tool: "Bash", input: { command: "ls -la" }, result: "a\nb", gate: gate("tool").replace(/\d+$/, String(n + 1)) },
      { say: "one two three four", chunks: 4, gate: gate("half").replace(/\d+$/, String(n + 1)) },
    );
    await follows();
    open("tool");
    await pane.sees(/one tw/);
    open("half");
    expect(await codeOf()).toBe(0);
    const screen = pane.screen();
    expect(screen.match(/one two three four$/gm)?.length).toBe(1);
    expect(screen).toMatch(/^ {2}Bash {2}ls -la {2}→ 2 lines$/m);
    expect(screen).not.toContain("◔");
    expect(screen).toMatch(/^completed in 0:\d\d/m);
  });

  test.each([
    ["a", 0, "done"],
    ["A", 0, "done"],
    ["d not in production", 0, "done"],
    ["l", 4, "waits: "],
  ])("a request is shown whole and answered with %p: %d", async (line, code, says) => {
    await run("", ASK, { say: "done" });
    const asked = await pane.sees("leave it waiting (l):");
    expect(asked).toContain("Bash asks: clean the build");
    expect(asked).toContain("  │ rm -rf build");
    // What comes before a question is dropped: each line waits for its own.
    const askedTimes = (times: number): Promise<boolean> =>
      eventually(`question ${times}`, () => (pane.screen().match(/leave it waiting \(l\):/g)?.length ?? 0) >= times);
    pane.line("rubbish");
    await askedTimes(2);
    pane.line("");
    await askedTimes(3);
    pane.line(line);
    expect(await codeOf()).toBe(code);
    expect(pane.screen()).toContain(says);
    expect(pane.screen()).not.toContain("somebody else");
  });

  test("what was typed before the question answers nothing", async () => {
    const name = await run("", { tool: "Bash", input: {}, gate: gate("t").replace(/\d+$/, String(n + 1)) }, ASK, {
      say: "done",
    });
    await eventually("it works", async () => (await statusOf(name)) === "processing");
    pane.line("a");
    await Bun.sleep(500);
    open("t");
    await pane.sees("leave it waiting (l):");
    await Bun.sleep(500);
    expect(await statusOf(name)).toBe("waiting_input");
    pane.line("d");
    expect(await codeOf()).toBe(0);
  });

  test("Ctrl-C once aborts the turn: 5; also at a question, which it never denies", async () => {
    const name = await run("", { tool: "Bash", input: {}, gate: gate("never") });
    await eventually("it works", async () => (await statusOf(name)) === "processing");
    await follows();
    pane.key("C-c");
    expect(await codeOf()).toBe(5);
    pane.line("clear");
    const asks = await run("", ASK);
    await pane.sees("leave it waiting (l):");
    await Bun.sleep(300);
    pane.key("C-c");
    expect(await codeOf()).toBe(5);
    const { permissions } = await box.api().get(`/projects/shop/agents/${asks.slice(5)}/permissions`);
    expect([...(permissions ?? [])].map((each) => String(each["state"]))).toEqual(["withdrawn"]);
  });

  test("Ctrl-C twice leaves it: 130, and the agent works on", async () => {
    const name = await run("", { tool: "Bash", input: {}, gate: gate("never") });
    const path = `/projects/shop/agents/${name.slice(5)}`;
    await eventually("it works", async () => (await statusOf(name)) === "processing");
    // Stopped before it has begun, it would find an abort of nothing when it goes on.
    const doing = async () => String((await box.api().get(path))["agent"]?.["activity"]?.["kind"]);
    await eventually("its tool to run", async () => (await doing()) === "tool");
    await follows();
    // A program that stands still does not heed the abort: there is time for the second one.
    const { process: running } = await box.api().get(`${path}/debug`);
    const pid = Number(running?.["pid"]);
    process.kill(pid, "SIGSTOP");
    pane.key("C-c");
    await pane.sees("aborting; once more leaves it to itself");
    pane.key("C-c");
    expect(await codeOf()).toBe(130);
    expect(pane.screen()).toContain(`agent-harness logs -f ${name}`);
    expect(await statusOf(name)).toBe("processing");
    process.kill(pid, "SIGCONT");
    await eventually("the abort to be heeded", async () => (await statusOf(name)) === "idle");
  });

  test("who leaves before the abort has arrived leaves when it has", async () => {
    const name = await run("", { tool: "Bash", input: {}, gate: gate("never") });
    await eventually("it works", async () => (await statusOf(name)) === "processing");
    await follows();
    process.kill(box.pid(), "SIGSTOP");
    try {
      pane.key("C-c");
      await pane.sees("aborting; once more leaves it to itself");
      pane.key("C-c");
      await pane.sees(`${name} goes on`);
    } finally {
      process.kill(box.pid(), "SIGCONT");
    }
    expect(await codeOf()).toBe(130);
    expect(pane.screen()).not.toContain("may not be aborted");
    await eventually("the abort to be heeded", async () => (await statusOf(name)) === "idle");
  });

  test("a third Ctrl-C waits for nobody, and says what that may mean", async () => {
    const name = await run("", { tool: "Bash", input: {}, gate: gate("never") });
    await eventually("it works", async () => (await statusOf(name)) === "processing");
    await follows();
    process.kill(box.pid(), "SIGSTOP");
    try {
      for (const says of ["aborting; once more", "goes on"]) {
        pane.key("C-c");
        await pane.sees(says);
      }
      const pressedMs = performance.now();
      pane.key("C-c");
      await pane.sees("may not be aborted");
      expect(performance.now() - pressedMs).toBeLessThan(4000); // by itself it says so after 5 s
      expect(await codeOf()).toBe(130);
    } finally {
      process.kill(box.pid(), "SIGCONT");
    }
  });

  test("somebody else's answer takes the question away, and the run goes on", async () => {
    const name = await run("", ASK, { say: "done" });
    await pane.sees("leave it waiting (l):");
    await Bun.sleep(300);
    expect((await cli("approve", name, "p1")).code).toBe(0);
    expect(await codeOf()).toBe(0);
    expect(pane.screen()).toContain("p1 was allowed by somebody else");
  });

  test("a text from stdin leaves the terminal for the questions", async () => {
    writeFileSync(join(box.cwd, "task"), script(ASK, { say: "done" }));
    pane.line('$AH run --name piped - < task; echo "code=$?"');
    await pane.sees("leave it waiting (l):");
    await Bun.sleep(300);
    pane.line("a");
    expect(await codeOf()).toBe(0);
  });

  test("a narrower window tears no line", async () => {
    await run(
      "",
      { tool: "Bash", input: { command: "sleep" }, gate: gate("w").replace(/\d+$/, String(n + 1)) },
      { say: "after" },
    );
    await pane.sees("◔");
    pane.resize(40, 20);
    await Bun.sleep(1500);
    open("w");
    expect(await codeOf()).toBe(0);
    expect(pane.screen()).not.toContain("◔");
  });
});

describe.if(here)("approve --next", () => {
  test("shows all of a long request before it asks", async () => {
    for (const waits of (await cli("permissions")).out.trimEnd().split("\n")) {
      const [agent = "", id = ""] = waits.split("\t");
      if (agent !== "") await cli("deny", agent, id);
    }
    const command = Array.from({ length: 300 }, (_, i) => `echo line-${i}`).join("\n");
    await cli("run", "--detach", "--name", "long", script({ ask: "Bash", input: { command }, result: "" }));
    await cli("wait", "shop/long", "--until", "waiting_input");
    pane.line('$AH approve --next; echo "code=$?"');
    // Each prompt names another number of lines: one that was answered already is none that asks.
    let asked = "";
    for (let pages = 0; pages < 20; pages += 1) {
      const screen = await eventually("the next prompt", () => {
        const now = pane.screen();
        const last = now.match(/-- \d+ more lines, Enter shows them --|allow it\? \[y\/N\]/g)?.at(-1) ?? asked;
        return last !== asked && [last, now];
      });
      [asked = ""] = screen;
      if (asked.startsWith("allow it?")) break;
      expect(screen[1]).not.toContain("echo line-299");
      pane.key("Enter");
    }
    const last = await pane.sees("allow it? [y/N]");
    expect(last).toContain("echo line-299");
    pane.line("y");
    expect(await codeOf()).toBe(0);
  });
});

describe.if(here)("a table with nothing in it", () => {
  test.each([
    ["ps --status limited", "no agents"],
    ["deliveries --state dead", "no webhooks"],
    ["inputs shop/fresh", "nothing was sent yet"],
    ["permissions shop/fresh", "nothing waits for you"],
  ])("says so on a terminal: %s", async (line, says) => {
    await box
      .api()
      .post("/projects/shop/agents", { name: "fresh", provider: "claude-code" })
      .catch(() => undefined);
    pane.line(`$AH ${line}; echo "code=$?"`);
    expect(await codeOf()).toBe(0);
    expect(pane.screen()).toContain(says);
  });
});

describe.if(here)("ps --watch", () => {
  test("follows what happens, and leaves the table in the normal screen", async () => {
    pane.line('$AH ps --watch; echo "code=$?"');
    await pane.sees("q quit");
    await cli("run", "--detach", "--name", "watched", script(ASK, { say: "done" }));
    await pane.sees(/watched +waiting_input/);
    pane.key("/");
    pane.type("watched");
    pane.key("Enter");
    await pane.sees(/› shop\/watched/);
    pane.type("a");
    await pane.sees("leave it waiting (l):");
    await Bun.sleep(300);
    pane.line("a");
    await pane.sees(/watched +idle/);
    pane.type("q");
    const left = await pane.sees("code=0");
    expect(left).toMatch(/shop\/watched +idle/);
    expect(left).not.toContain("q quit");
  });
});

describe.if(here)("colours", () => {
  test.each([
    ["NO_COLOR=", true],
    ["NO_COLOR=1", false],
    ["TERM=dumb", false],
    ["NO_COLOR=1 TERM=dumb", false],
  ])("with %s: %p", async (variables, coloured) => {
    pane.line(`env ${variables} script -qec '$AH help' /dev/null | grep -c $'\\e'; echo done`);
    const count = Number(/^(\d+)\s+done$/m.exec(await pane.sees(/^\d+\s+done$/m))?.[1]);
    expect(count > 0).toBe(coloured);
  });
  test("--color always beats all, and a pipe has none", async () => {
    expect((await cli.with({ env: { NO_COLOR: "1" } })("help", "--color", "always")).out).toContain("\u001b[1m");
    expect((await cli("help")).out).not.toContain("\u001b");
  });
});
