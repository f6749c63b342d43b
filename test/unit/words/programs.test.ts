/** Which program a name means. */
import { expect, test } from "bun:test";
import { COMMANDS } from "../../../src/cli/commands.ts";
import type { Program } from "../../../src/words/programs.ts";
import { HELPER_MODES, programOf } from "../../../src/words/programs.ts";

const NAMES: readonly [string, string | undefined, Program][] = [
  ["webhook-receiver", undefined, "webhook-receiver"],
  ["/usr/local/bin/webhook-receiver", "check", "webhook-receiver"],
  ["./webhook-receiver-0.2.0", "serve", "webhook-receiver"],
  ["webhook-receiver-v0.2.0-linux-x64", undefined, "webhook-receiver"],
  ["webhook-receiver_1", undefined, "webhook-receiver"],
  [".webhook-receiver-wrapped", undefined, "webhook-receiver"],
  ["/nix/store/x/bin/.webhook-receiver-0.2.0-wrapped", undefined, "webhook-receiver"],
  ["-webhook-receiver", undefined, "webhook-receiver"],
  ["agent-harness", undefined, "agent-harness"],
  ["agent-harness-0.2.0", "serve", "agent-harness"],
  [".agent-harness-wrapped", undefined, "agent-harness"],
  ["webhook-receivers", undefined, "agent-harness"],
  ["webhook-receiver-for-tests", undefined, "agent-harness"],
  ["/srv/webhook-receiver/ah", undefined, "agent-harness"],
  ["anything", undefined, "agent-harness"],
  ["", undefined, "agent-harness"],
];
test.each(NAMES)("%j with the first argument %j is %s", (argv0, first, program) => {
  expect(programOf(argv0, first)).toBe(program);
});

test("a helper mode wins over the name: the running file may have the other one", () => {
  for (const mode of HELPER_MODES) expect(programOf("/opt/webhook-receiver", mode)).toBe("agent-harness");
});

test("every helper mode is a hidden command", () => {
  const hidden = COMMANDS.filter((command) => command.hidden === true).map(({ name }) => name);
  for (const mode of HELPER_MODES) expect(hidden).toContain(mode);
});
