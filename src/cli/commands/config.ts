/** `config`: every key, its value and where that came from. `config check FILE` reads it as the daemon would. */
import { harnessSpec, loadHarnessConfig } from "../../config/harness.ts";
import { formatProblems } from "../../config/load.ts";
import { keyOrigins } from "../../config/origins.ts";
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import type { Context } from "../command.ts";
import { printJson } from "../print.ts";
import { printTable } from "../table.ts";
import { given } from "../../lib/given.ts";

export function run({ args, env, io }: Context): number {
  const path = args.value("config");
  const loaded = keyOrigins(harnessSpec, { env, ...given({ path }) });
  if (!loaded.ok) throw usage(formatProblems(loaded.problems, loaded.source));
  if (args.has("json")) {
    printJson(io.out, { file: loaded.source, keys: loaded.value });
    return EXIT.ok;
  }
  io.say(loaded.source === null ? "there is no config file: these are the defaults" : `from ${loaded.source}`);
  printTable(
    io.out,
    [{ head: "KEY", whole: true }, { head: "VALUE", shrinkTo: 16 }, { head: "FROM" }],
    loaded.value.map(({ key, value, origin }) => [
      key,
      value === undefined ? { text: "-", style: "dim" } : typeof value === "string" ? value : JSON.stringify(value),
      { text: origin, style: origin === "default" ? "dim" : "bold" },
    ]),
    "no keys",
  );
  return EXIT.ok;
}

/** Secrets are read, too: run it as the daemon's user. */
export function check({ args, env, io }: Context): number {
  const [path = ""] = args.words;
  const loaded = loadHarnessConfig({ env, path });
  if (!loaded.ok) throw usage(formatProblems(loaded.problems, loaded.source));
  if (args.has("json")) printJson(io.out, { file: loaded.source, problems: [] });
  else io.say(`${loaded.source ?? path} is fine`);
  return EXIT.ok;
}
