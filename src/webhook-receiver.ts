#!/usr/bin/env bun
/** Entry of webhook-receiver: arguments, signals and exit codes. The only file here that touches the process. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { formatProblems } from "./config/load.ts";
import { loadReceiverConfig, type ReceiverConfig } from "./config/receiver.ts";
import { systemClock } from "./lib/clock.ts";
import { errorText, HarnessError } from "./lib/errors.ts";
import { createLogger } from "./lib/log.ts";
import { VERSION } from "./lib/version.ts";
import { checkSinks, sendTest } from "./receiver/check.ts";
import { createSinks, scrubber, startReceiver } from "./receiver/serve.ts";

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

Exit codes: 0 fine, 1 failed, 2 usage or config, 3 address in use, 4 state directory in use, 5 state directory unusable.
`;

const COMMANDS = ["serve", "check", "test", "version", "help"] as const;
type Command = (typeof COMMANDS)[number];

/** Distinct, so that a service manager or a script can tell what to mend. */
const EXIT = { fine: 0, failed: 1, usage: 2 } as const;
const EXIT_BY_CODE: Readonly<Record<string, number>> = {
  ADDRESS_IN_USE: 3,
  LISTEN_FAILED: 3,
  LOCKED: 4,
  STATE_DIR_UNUSABLE: 5,
};

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
  return { ok: true, command: command ?? "serve", ...(configPath === undefined ? {} : { configPath }) };
}

const complain = (text: string): void => void process.stderr.write(`webhook-receiver: ${text}\n`);

async function main(): Promise<number> {
  const args = parseArguments(process.argv.slice(2));
  if (!args.ok) {
    complain(`${args.message}; "webhook-receiver help" lists what there is`);
    return EXIT.usage;
  }
  const { command, configPath } = args;
  if (command === "help" || command === "version") {
    process.stdout.write(command === "help" ? HELP : `webhook-receiver ${VERSION}\n`);
    return EXIT.fine;
  }
  const loaded = loadReceiverConfig({ env: process.env, ...(configPath === undefined ? {} : { path: configPath }) });
  if (!loaded.ok) {
    complain(formatProblems(loaded.problems, loaded.source));
    return EXIT.usage;
  }
  const config = loaded.value;
  if (command === "serve") return await serve(config);

  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  print(`ok    the config is valid: ${loaded.source ?? "no file, only defaults and environment"}`);
  const sinks = createSinks(config, { env: process.env, clock: systemClock });
  const trial = { config, sinks, print, scrub: scrubber(config), signal: AbortSignal.timeout(60_000) };
  const fine =
    command === "check"
      ? await checkSinks(trial)
      : await sendTest({
          ...trial,
          nowMs: Date.now(),
          deliveryId: `test${randomBytes(3).toString("hex")}`,
          hostname: hostname(),
        });
  return fine ? EXIT.fine : EXIT.failed;
}

async function serve(config: ReceiverConfig): Promise<number> {
  // What we store may quote private code: for our user alone.
  process.umask(0o077);
  const log = createLogger({
    level: config.logLevel,
    write: (line) => void process.stderr.write(line),
    clock: systemClock,
  });
  const asked = new Promise<void>((resolve) => {
    let times = 0;
    const onSignal = (): void => {
      // A second signal means now.
      if (++times > 1) process.exit(EXIT.failed);
      resolve();
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
  try {
    const receiver = await startReceiver(config, {
      env: process.env,
      clock: systemClock,
      log,
      random: Math.random,
      ownNames: [hostname()],
    });
    await asked;
    await receiver.stop();
    return EXIT.fine;
  } catch (error) {
    complain(errorText(error));
    return error instanceof HarnessError ? (EXIT_BY_CODE[error.code] ?? EXIT.failed) : EXIT.failed;
  }
}

process.exit(await main());
