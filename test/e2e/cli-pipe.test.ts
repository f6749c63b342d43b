/**
 * What scripts read, byte for byte: every table and every list of the command line in a pipe against a file that is
 * kept (`test/fixtures/cli-pipe.txt`). Ids, times, places and the program's own lines are named, nothing else is. A
 * change of that file is a change of what other people's scripts rely on: `AH_TEST_GOLDEN=1` writes it anew.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import type { Cli } from "../support/cli.ts";
import { cliOf, script } from "../support/cli.ts";
import { startHook } from "../support/hook.ts";
import type { Hook } from "../support/hook.ts";

setDefaultTimeout(90_000);

const GOLDEN = join(import.meta.dir, "../fixtures/cli-pipe.txt");
let box: Box;
let hook: Hook;
let cli: Cli;

beforeAll(async () => {
  hook = await startHook();
  box = await makeBox({
    providers: {
      "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
      codex: { enabled: false },
      opencode: { enabled: false },
      pi: { enabled: false },
    },
    webhook: { url: hook.url() },
  });
  await box.start();
  cli = cliOf(box);
  await cli("projects", "add", "shop", box.cwd, "--provider", "claude-code");
  const tool = { tool: "Bash", input: { command: "bun test\t--all\nexit" }, result: "ok" };
  await cli(
    "run",
    "--project",
    "shop",
    "--name",
    "talks",
    "--meta",
    "ticket=T-1",
    script(tool, { say: "two\nlines\tand a tab" }),
  );
  await cli(
    "run",
    "--project",
    "shop",
    "--name",
    "fails",
    script({ fail: "rate_limit", message: "the model refused" }),
  );
  const ask = { ask: "Bash", input: { command: "rm -rf build\ndist", description: "tidy up" } };
  await cli("run", "--project", "shop", "--name", "asks", "--detach", script(ask));
  await cli("wait", "shop/asks", "--until", "waiting_input");
  await cli("send", "shop/asks", "and then this");
  await eventually("the notices to be delivered", async () => {
    const { deliveries } = await box.api().get("/deliveries?state=pending");
    return [...(deliveries ?? [])].length === 0;
  });
});
afterAll(async () => {
  await box.close();
  await hook.down();
});

/** In the order in which they stand in the file. */
const LINES: readonly (readonly string[])[] = [
  ["ps"],
  ["ps", "-q"],
  ["ps", "--sort", "name", "--status", "idle"],
  ["show", "shop/talks"],
  ["show", "shop/asks"],
  ["show", "shop/fails"],
  ["inputs", "shop/talks"],
  ["inputs", "shop/asks"],
  ["messages", "shop/talks"],
  ["logs", "shop/talks"],
  ["logs", "shop/talks", "--tools", "full"],
  ["events", "shop/talks", "--types", "agent_status"],
  ["permissions"],
  ["wait", "shop/fails"],
  ["projects"],
  ["projects", "show", "shop"],
  ["deliveries", "--agent", "shop/fails"],
  ["attach", "shop/talks", "--print"],
  ["open", "shop/talks"],
];

test("each line of every command in a pipe is what it was", async () => {
  let all = "";
  for (const line of LINES) {
    const said = await cli(...line);
    expect({ line, err: said.err }).toEqual({ line, err: "" });
    all += `$ agent-harness ${line.join(" ")}\n${named(said.out)}${said.code === 0 ? "" : `(exit code ${said.code})\n`}\n`;
  }
  if (process.env["AH_TEST_GOLDEN"] === "1") writeFileSync(GOLDEN, all);
  expect(all).toBe(readFileSync(GOLDEN, "utf8"));
});

/** What is another one in each run, by what it is. */
function named(out: string): string {
  return out
    .replaceAll(realpathSync(box.dir), "DIR")
    .replaceAll(box.dir, "DIR")
    .replaceAll(process.execPath, "BUN")
    .replaceAll(join(FAKES, "claude.ts"), "CLAUDE")
    .replaceAll(box.api().url, "URL")
    .replaceAll(hook.url(), "HOOK")
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "UUID")
    .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replace(/\b[0-9a-f]{8}\b/g, "ID")
    .replace(/\bmsg_[0-9a-f]+/g, "MSG")
    .replace(/"offset":\d+,"text":"(\\.|[^"\\])*"/g, '"offset":N,"text":"LINE"')
    .replace(/\b\d:\d\d\b/g, "M:SS");
}
