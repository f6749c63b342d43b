/** `doctor`: the whole set-up, one line a check, with the step that mends what is wrong. */
import { findFile, parseFile } from "../../config/file.ts";
import type { HarnessConfig } from "../../config/harness.ts";
import { harnessSpec } from "../../config/harness.ts";
import { isObject } from "../../lib/check.ts";
import { EXIT } from "../../words/exits.ts";
import { findAddress } from "../address.ts";
import { createClient } from "../client.ts";
import type { Style } from "../colours.ts";
import type { Context } from "../command.ts";
import type { Check } from "../doctor/check.ts";
import { checkDaemon } from "../doctor/daemon.ts";
import { checkFleet } from "../doctor/fleet.ts";
import { checkProviders, lookHere } from "../doctor/providers.ts";
import { checkSetup } from "../doctor/setup.ts";
import { checkSystem } from "../doctor/system.ts";
import { checkWebhook } from "../doctor/webhook.ts";
import { printJson } from "../print.ts";
import type { ProviderShape } from "../shapes.ts";
import { get } from "../shapes.ts";
import { printTable } from "../table.ts";
import { LOOK_MS } from "./providers.ts";
import { given } from "../../lib/given.ts";

const STYLES: Readonly<Record<Check["level"], Style>> = { ok: "green", warn: "yellow", FAIL: "red" };

export async function run({ args, env, io }: Context): Promise<number> {
  const path = args.value("config");
  const setup = checkSetup(path, env);
  const broken = setup.config === null && setup.checks.some(({ level }) => level === "FAIL");
  const client = broken && args.value("url") === undefined ? null : createClient(findAddress(args, env));
  const daemon = client === null ? { checks: [], answers: false } : await checkDaemon(client);
  const reports: readonly ProviderShape[] =
    client !== null && daemon.answers
      ? await get(client, "/providers", "providers", { timeoutMs: LOOK_MS })
      : setup.config === null
        ? []
        : await lookHere(setup.config, env);
  const checks: readonly Check[] = [
    ...setup.checks,
    ...daemon.checks,
    ...checkSystem(output),
    ...(reports.length === 0 ? [] : checkProviders(reports, namedProviders(path, env))),
    ...(await webhookOf(setup.config)),
    ...(setup.config === null ? [] : await checkFleet(setup.config)),
  ];
  if (args.has("json")) printJson(io.out, { checks, providers: reports });
  else {
    const where =
      daemon.answers && client !== null ? `the daemon at ${client.where}` : "this shell (there is no daemon to ask)";
    io.say(`providers as seen from ${where}`);
    printTable(
      io.out,
      [
        { head: "", whole: true },
        { head: "CHECK", whole: true },
        { head: "WHAT", shrinkTo: 30 },
        { head: "MEND", shrinkTo: 16 },
      ],
      checks.map(({ level, name, text, mend = "" }) => [{ text: level, style: STYLES[level] }, name, text, mend]),
      "nothing was checked",
    );
  }
  return checks.some(({ level }) => level === "FAIL") ? EXIT.error : EXIT.ok;
}

const webhookOf = (config: HarnessConfig | null): Promise<readonly Check[]> =>
  config === null ? Promise.resolve([]) : checkWebhook(config);

/** Those that the file speaks of. */
function namedProviders(path: string | undefined, env: Context["env"]): ReadonlySet<string> {
  const file = findFile(harnessSpec, { env, ...given({ path }) }, []);
  const providers = file === undefined ? undefined : parseFile(file.text, [])?.["providers"];
  return new Set(isObject(providers) ? Object.keys(providers) : []);
}

function output(argv: readonly string[]): string | null {
  try {
    const done = Bun.spawnSync([...argv], { stdin: "ignore", stdout: "pipe", stderr: "ignore", timeout: 3000 });
    return done.exitCode === 0 ? done.stdout.toString() : null;
  } catch {
    return null; // there is no such program
  }
}
