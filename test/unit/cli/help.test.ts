/** The help: a person who only types `help` finds everything. */
import { expect, test } from "bun:test";
import type { Command } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { printHelp } from "../../../src/cli/help.ts";

function pageOf(command: Command | undefined): string[] {
  let text = "";
  const out = {
    isTty: false,
    colours: false,
    width: () => 80,
    height: () => 24,
    write: (more: string | Uint8Array) => void (text += String(more)),
    line: (more: string) => void (text += `${more}\n`),
  };
  printHelp(out, COMMANDS, command);
  return text.split("\n");
}

const visible = COMMANDS.filter(({ hidden }) => hidden !== true);
const all = visible.flatMap((command) => [command, ...(command.subs ?? [])]).filter(({ name }) => name !== "help");

test.each(all.map((command) => [command.name, command] as const))(
  "the page of %p has its sentence, its examples, its flags and its exit codes within 80 columns",
  (name, command) => {
    const page = pageOf(command);
    const text = page.join(" ").replace(/\s+/g, " ");
    expect(page.filter((line) => Bun.stringWidth(line) > 80)).toEqual([]);
    expect(text).toContain(`${name} ${command.what}.`);
    for (const example of command.examples) expect(page).toContain(`  ${example}`);
    for (const { name: flag } of command.flags) expect(text).toContain(`--${flag}`);
    for (const code of command.exits) expect(page.some((line) => line.startsWith(`  ${code} `))).toBe(true);
    for (const { name: sub } of command.subs ?? []) expect(text).toContain(sub);
  },
);

test("the overview names every command once, and is not wider than 80 columns", () => {
  const page = pageOf(undefined);
  expect(page.filter((line) => Bun.stringWidth(line) > 80)).toEqual([]);
  const named = page.flatMap((line) => /^ {2}([a-z]+)(?: {2}|$)/.exec(line)?.[1] ?? []);
  expect(named.toSorted()).toEqual(visible.map(({ name }) => name).toSorted());
});
