#!/usr/bin/env bun
/** Entry of webhook-receiver: its arguments. What needs more than a line is loaded when it is asked for. */
import { VERSION } from "./lib/version.ts";
import { EXIT } from "./words/exits.ts";
import { given } from "./lib/given.ts";

const HELP = `webhook-receiver ${VERSION}: takes agent-harness webhooks, posts them to Discord and wakes OpenClaw.

Usage: webhook-receiver [command] [--config FILE]

  serve     take webhooks on POST /harness-webhook (the default)
  check     validate the config and try Discord and OpenClaw without sending anything
  test      send one marked test event through Discord and OpenClaw
  version   print the version
  help      print this

Config: --config FILE, else $AH_RECEIVER_CONFIG, else $XDG_CONFIG_HOME/agent-harness/receiver.json,
else /etc/agent-harness/receiver.json, else defaults. AH_RECEIVER_HOST, _PORT, _STATE_DIR, _TOKEN, _SECRET,
_DISCORD_WEBHOOK_URL, _OPENCLAW_HOOK_URL and _OPENCLAW_HOOK_TOKEN beat the file.

Routes: POST /harness-webhook, GET /health, GET /deliveries, GET /deliveries/:id,
POST /deliveries/:id/redeliver, GET /metrics.

Exit codes: 0 fine, 1 failed, 2 usage or config, 69 address in use, 73 state directory unusable,
75 state directory in use.`;

const COMMANDS = ["serve", "check", "test", "version", "help"] as const;
type Command = (typeof COMMANDS)[number];

type Arguments =
  | { readonly ok: true; readonly command: Command; readonly configPath?: string }
  | { readonly ok: false; readonly message: string };

function parseArguments(argv: readonly string[]): Arguments {
  let command: Command | undefined;
  let configPath: string | undefined;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--help" || word === "-h") return { ok: true, command: "help" };
    if (word === "--version" || word === "-V") return { ok: true, command: "version" };
    if (word === "--config" || word.startsWith("--config=")) {
      const value = word === "--config" ? argv[++i] : word.slice("--config=".length);
      if (!value) return { ok: false, message: "--config needs the path of a file" };
      configPath = value;
      continue;
    }
    const known = COMMANDS.find((name) => name === word);
    if (!known) return { ok: false, message: `got ${JSON.stringify(word)}, expected one of ${COMMANDS.join(", ")}` };
    if (command) return { ok: false, message: `got a second command ${JSON.stringify(word)} after ${command}` };
    command = known;
  }
  return { ok: true, command: command ?? "serve", ...given({ configPath }) };
}

async function main(): Promise<number> {
  const args = parseArguments(process.argv.slice(2));
  if (!args.ok) {
    console.error(`webhook-receiver: ${args.message}; "webhook-receiver help" lists what there is`);
    return EXIT.usage;
  }
  const { command, configPath } = args;
  if (command === "help" || command === "version") {
    console.log(command === "help" ? HELP : `webhook-receiver ${VERSION}`);
    return EXIT.ok;
  }
  const { runCommand } = await import("./receiver/commands.ts");
  return await runCommand(command, configPath);
}

process.exit(await main());
