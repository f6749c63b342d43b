/**
 * From a command line to an exit code: finds the command, reads its arguments, loads it, and is the one place where an
 * error becomes a line. Each command is loaded when it is asked for: who wants the version does not wait for the rest.
 */
import { HarnessError, errorText, exitOf } from "../lib/errors.ts";
import { EXIT } from "../words/exits.ts";
import type { Args } from "./args.ts";
import { parseArgs, usage } from "./args.ts";
import type { Environment } from "../config/load.ts";
import type { Client } from "./client.ts";
import type { Command, Context } from "./command.ts";
import { findCommand, isFor } from "./dispatch.ts";
import { BrokenPipe, openIo, openOutput } from "./io.ts";
import { SERVE } from "./table/serve.ts";
import { oneLine } from "./text.ts";
import { given } from "../lib/given.ts";

const allCommands = async (): Promise<readonly Command[]> => (await import("./commands.ts")).COMMANDS;

export async function main(argv: readonly string[], env: Environment): Promise<number> {
  let name = "";
  let wantsJson = false;
  try {
    const [command, rest] = findCommand(argv, isFor(argv, SERVE) ? [SERVE] : await allCommands());
    name = command.name;
    const args = command.raw === true ? rawArgs(rest) : parseArgs(rest, command);
    wantsJson = args.has("json");
    if (args.has("help")) {
      const { printHelp } = await import("./help.ts");
      printHelp(openOutput(1, args.value("color"), env), await allCommands(), command);
      return EXIT.ok;
    }
    const io = openIo(args, env);
    let client: Client | undefined;
    const connect = async (): Promise<void> => {
      const [{ findAddress }, { createClient }] = await Promise.all([import("./address.ts"), import("./client.ts")]);
      client = createClient(findAddress(args, env), args.value("node"));
    };
    if (args.has("node") && command.routes === undefined)
      throw usage(`--node: ${name} is about this machine alone; only what asks a daemon can ask another one`);
    if (command.routes !== undefined) await connect();
    const context: Context = {
      args,
      commands: allCommands,
      env,
      io,
      client() {
        if (client === undefined) throw new Error(`${name} names no route, so it has no client`);
        return client;
      },
    };
    return await (await command.load()).run(context);
  } catch (error) {
    return failed(error, name, wantsJson || argv.includes("--json"), env);
  }
}

function rawArgs(words: readonly string[]): Args {
  const none = () => undefined;
  return {
    words,
    has: () => false,
    off: () => false,
    value: none,
    all: () => [],
    number: none,
    duration: none,
  };
}

/** One line on stderr, the error as JSON on stdout when JSON was asked for, and the code. */
function failed(error: unknown, command: string, json: boolean, env: Environment): number {
  if (error instanceof BrokenPipe) return EXIT.brokenPipe;
  const known = error instanceof HarnessError;
  const place = known && error.code === "USAGE" && command !== "" ? `agent-harness ${command}` : "agent-harness";
  const text = (known ? error.message : errorText(error)).split("\n").map(oneLine).join("\n");
  openOutput(2).line(`${place}: ${text}`);
  if (known && error.issues !== undefined && error.issues.length > 1)
    for (const { path, message } of error.issues)
      openOutput(2).line(oneLine(`  ${path === "" ? "" : `${path}: `}${message}`));
  if (!known || env["AH_DEBUG"] === "1") {
    const stack = error instanceof Error ? error.stack : undefined;
    if (env["AH_DEBUG"] === "1" && stack !== undefined) openOutput(2).line(stack);
  }
  if (!json) return known ? exitOf(error) : EXIT.error;
  try {
    const { shown: code, issues } = known ? error : { shown: "INTERNAL", issues: undefined };
    openOutput(1).line(JSON.stringify({ error: code, message: text, ...given({ issues }) }));
  } catch {
    // stdout is what failed
  }
  return known ? exitOf(error) : EXIT.error;
}
