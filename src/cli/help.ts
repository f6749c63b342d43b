/** The help pages, made from the table of commands; none is wider than 80 columns. */
import { VERSION } from "../lib/version.ts";
import { EXIT_MEANS } from "../words/exits.ts";
import { painter } from "./colours.ts";
import type { Command } from "./command.ts";
import type { Flag } from "./grammar.ts";
import { COMMON_FLAGS } from "./grammar.ts";
import type { Output } from "./io.ts";
import { pad, wrap } from "./text.ts";

const WIDTH = 80;
const KEYS = 26;

const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ["Work", ["run", "send", "ps", "show", "logs", "messages", "result", "wait", "set", "inputs"]],
  ["What they did", ["changes", "diff", "restore", "merge", "workspaces"]],
  ["Answer", ["permissions", "approve", "deny"]],
  ["Control", ["abort", "stop", "resume", "rm", "attach"]],
  [
    "Look closer",
    ["status", "report", "usage", "accounts", "events", "debug", "providers", "projects", "deliveries", "open", "api"],
  ],
  ["Many boxes", ["nodes", "tasks", "fleet"]],
  ["Set up", ["serve", "doctor", "config", "systemd", "completion", "version", "help"]],
];

/** `TARGET [TEXT|-] [flags]` */
export function usageOf({ name, args, flags }: Command): string {
  const words = args.map(({ name: word, optional, many }) => {
    const shown = `${word}${many === true ? "…" : ""}`;
    return optional === true ? `[${shown}]` : shown;
  });
  return [name, ...words, ...(flags.length > 0 ? ["[flags]"] : [])].join(" ");
}

/** Of one command, or of all. */
export function printHelp(out: Output, commands: readonly Command[], command: Command | undefined): void {
  const paint = painter(out);
  const bold = (text: string): string => paint("bold", text);
  out.write(
    `${(command === undefined || command.name === "help" ? overview(commands, bold) : page(command, bold)).join("\n")}\n`,
  );
}

function overview(commands: readonly Command[], bold: (text: string) => string): string[] {
  const known = new Map(commands.map((command) => [command.name, command]));
  return [
    `agent-harness ${VERSION}: runs coding agents unattended behind one HTTP API`,
    "",
    '  agent-harness run "fix the failing test"     in this folder, to its end',
    "  agent-harness ps                             what every agent is doing",
    "",
    bold("agent-harness COMMAND [TARGET…] [TEXT] [flags]"),
    ...GROUPS.flatMap(([title, names]) => [
      "",
      bold(title),
      ...names.flatMap((name) => entry(name, known.get(name)?.what)),
    ]),
    "",
    "TARGET is project/name, project/id, a name or id alone where it is unique, or a",
    ". for the newest agent of this folder. agent-harness help COMMAND says more.",
    "Address: --url, AH_URL, else the config file. Token: AH_AUTH_TOKEN, else the",
    "config file. Config: --config, AH_CONFIG, ~/.config/agent-harness/harness.json,",
    "/etc/agent-harness/harness.json; none = defaults.",
  ];
}

function page(command: Command, bold: (text: string) => string): string[] {
  const { name, what, flags, examples, exits, subs, aliases } = command;
  return [
    ...wrap(`${name} ${what}.`, WIDTH),
    "",
    ...examples.map((example) => `  ${example}`),
    "",
    ...wrapUsage(`agent-harness ${usageOf(command)}`).map(bold),
    ...(aliases === undefined ? [] : [`also: ${aliases.join(", ")}`]),
    ...(subs === undefined
      ? []
      : ["", bold("Commands"), ...subs.flatMap((sub) => entry(usageOf(sub).replace(" [flags]", ""), sub.what))]),
    ...(flags.length === 0 ? [] : ["", bold("Flags"), ...flags.flatMap(flagLines)]),
    "",
    bold("Flags of every command"),
    ...COMMON_FLAGS.filter((flag) => !flags.some((own) => own.name === flag.name)).flatMap(flagLines),
    "",
    bold("Exit codes"),
    ...exits.flatMap((code) => entry(String(code), EXIT_MEANS[code], 6)),
  ];
}

const wrapUsage = (text: string): string[] => wrap(text, WIDTH);

function flagLines({ name, short, value, repeat, what }: Flag): string[] {
  const left = `${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
  return entry(left, `${what}${repeat === true ? " (repeatable)" : ""}`);
}

function entry(left: string, text: string | undefined, keys = KEYS): string[] {
  if (text === undefined) return [];
  const head = `  ${left}`;
  const body = wrap(text, WIDTH - keys - 2);
  if (head.length >= keys + 2) return [head, ...body.map((line) => `${" ".repeat(keys + 2)}${line}`)];
  return body.map((line, i) => `${pad(i === 0 ? head : "", keys + 2)}${line}`);
}
