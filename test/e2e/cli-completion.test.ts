/** Completions in the real shells: commands, flags, and only the targets that fit. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";
import type { Cli } from "../support/cli.ts";
import { cliOf, script } from "../support/cli.ts";
import { haveTool, openPane } from "../support/tmux.ts";

setDefaultTimeout(90_000);

let box: Box;
let cli: Cli;
let path: string;

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
  symlinkSync(BINARY, join(box.dir, "agent-harness"));
  path = `${box.dir}:${process.env["PATH"] ?? ""}`;
  await cli("projects", "add", "shop", box.cwd);
  await cli("run", "--name", "quiet", "hello");
  await cli("run", "--detach", "--name", "asker", script({ ask: "Bash", input: { command: "rm" } }));
  await cli("wait", "shop/asker", "--until", "waiting_input");
});
afterAll(() => box.close());

const env = (): Record<string, string> => ({ ...box.env, PATH: path, AH_URL: box.api().url });
/** A completion waits 0.3 s for the daemon and offers nothing then: who presses Tab presses it again. */
const offered = async (...words: string[]): Promise<string[]> => {
  const argv = ["__complete", "fish", String(words.length), "agent-harness", ...words];
  const out = await eventually(argv.join(" "), async () => (await cli(...argv)).out);
  return out
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t")[0] ?? "");
};

test("only what fits is offered", async () => {
  expect(await offered("show", "")).toEqual(["shop/quiet", "shop/asker"]);
  expect(await offered("approve", "")).toEqual(["shop/asker"]);
  expect(await offered("approve", "shop/asker", "")).toEqual(["p1"]);
  expect(await offered("ps", "--status", "w")).toEqual(["waiting_input"]);
  expect(await offered("projects", "show", "")).toEqual(["shop"]);
  expect(await offered("events", "--types", "turn_s")).toEqual(["turn_started"]);
  expect(await offered("set", "shop/quiet", "mo")).toEqual(["model="]);
});

test("a daemon that is away is silence, quickly", async () => {
  const before = performance.now();
  const said = await cli.with({ env: { AH_URL: "http://127.0.0.1:1" } })(
    "__complete",
    "bash",
    "2",
    "agent-harness",
    "show",
    "",
  );
  expect(said).toEqual({ code: 0, out: "", err: "" });
  expect(performance.now() - before).toBeLessThan(9000); // an answer is waited for for 10 s
});

const BASH =
  'source <(agent-harness completion bash); show() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _agent_harness; printf "%s\\n" "${COMPREPLY[@]}"; }';

async function bash(...words: string[]): Promise<string[]> {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const out = await eventually(quoted, async () => {
    const child = Bun.spawn(["bash", "-c", `${BASH}; compopt() { :; }; show agent-harness ${quoted}`], {
      env: env(),
      cwd: box.cwd,
      stdout: "pipe",
      stderr: "pipe",
    });
    return (await new Response(child.stdout).text()).trimEnd();
  });
  return out.split("\n");
}

test("bash: commands, flags, targets, a value behind =, and files", async () => {
  expect(await bash("sta")).toEqual(["status"]);
  expect(await bash("ps", "--so")).toEqual(["--sort"]);
  expect(await bash("show", "shop/q")).toEqual(["shop/quiet"]);
  expect(await bash("ps", "--sort", "=", "n")).toEqual(["name", "new"]);
  expect(await bash("config", "check", "/etc/host")).toContain("/etc/hosts");
});

describe.if(haveTool("tmux") && haveTool("zsh"))("zsh", () => {
  test("completes a command and a target", async () => {
    const pane = openPane(env(), box.cwd);
    try {
      pane.line("zsh -f");
      pane.line("PS1='%% '; autoload -Uz compinit && compinit -u -D; source <(agent-harness completion zsh); clear");
      await Bun.sleep(1500);
      for (const [line, whole] of [
        ["show shop/q", "show shop/quiet"],
        ["approve ", "approve shop/asker"],
      ] as const)
        await eventually(`${whole} to be completed`, async () => {
          pane.key("C-u");
          pane.type(`agent-harness ${line}`);
          pane.key("Tab");
          await Bun.sleep(500); // no wait for luck: how long a person looks before the next try
          return pane.screen().includes(whole);
        });
    } finally {
      pane.close();
    }
  });
});

describe.if(haveTool("fish"))("fish", () => {
  test("completes commands, flags and targets with their status", async () => {
    const ask = async (line: string): Promise<string> => {
      const child = Bun.spawn(
        ["fish", "--no-config", "-c", `agent-harness completion fish | source; complete -C '${line}'`],
        {
          env: env(),
          cwd: box.cwd,
          stdout: "pipe",
          stderr: "pipe",
        },
      );
      return new Response(child.stdout).text();
    };
    const told = (line: string): Promise<string> => eventually(line, () => ask(line));
    expect(await told("agent-harness sta")).toStartWith("status\t");
    expect(await told("agent-harness ps --so")).toStartWith("--sort\t");
    expect(await told("agent-harness approve ")).toMatch(/^shop\/asker\twaiting_input/);
  });
});
