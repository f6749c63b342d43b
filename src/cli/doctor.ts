/** `doctor`: a real handshake with every installed agent program; by the daemon where one runs, else by ourselves. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createReporter } from "../agents/report.ts";
import { loadHarnessConfig } from "../config/harness.ts";
import { formatProblems } from "../config/load.ts";
import { selfCommand } from "../daemon.ts";
import { systemClock } from "../lib/clock.ts";
import { HarnessError } from "../lib/errors.ts";
import { providerTable } from "../providers/index.ts";
import type { ProviderReport } from "../providers/report.ts";
import { parseArgs, usage } from "./args.ts";
import type { ParsedArgs } from "./args.ts";
import { createClient } from "./client.ts";
import { EXIT } from "./exit.ts";
import type { Environment } from "./main.ts";
import { table } from "./print.ts";

/** Handshakes run side by side, each with its own deadline; this is longer than the longest. */
const LOOK_MS = 90_000;

export async function doctor(argv: readonly string[], env: Environment): Promise<number> {
  const args = parseArgs(argv, { json: "flag", url: "value", config: "value" });
  const client = createClient(args, env);
  let where = `the daemon at ${client.url}`;
  let reports: readonly ProviderReport[];
  try {
    // The daemon made these of its own reports.
    ({ providers: reports } = (await client.get("/api/v1/providers", LOOK_MS)) as {
      providers: readonly ProviderReport[];
    });
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    if (error.code === "UNAUTHORIZED") {
      console.error(`agent-harness: ${error.message}`);
      return EXIT.unauthorized;
    }
    if (error.code !== "UNREACHABLE") throw error;
    where = "this shell (no daemon answers)";
    reports = await lookHere(args, env);
  }
  console.log(
    args.flags.has("json")
      ? JSON.stringify({ providers: reports }, null, 2)
      : `Seen from ${where}:\n${render(reports)}`,
  );
  // A program that is not installed is no illness; one that is there and cannot be used is.
  const ill = reports.some((each) => each.path !== null && !each.available) || !reports.some((each) => each.available);
  return ill ? EXIT.error : EXIT.ok;
}

async function lookHere(args: ParsedArgs, env: Environment): Promise<readonly ProviderReport[]> {
  const path = args.values.get("config");
  const loaded = loadHarnessConfig({ env, ...(path === undefined ? {} : { path }) });
  if (!loaded.ok) throw usage(formatProblems(loaded.problems, loaded.source));
  const stateDir = mkdtempSync(join(tmpdir(), "agent-harness-doctor-"));
  try {
    const reporter = createReporter({
      inheritedEnv: env,
      clock: systemClock,
      stateDir,
      isRoot: process.getuid?.() === 0,
      self: selfCommand(),
      newUuid: () => crypto.randomUUID(),
    });
    return await Promise.all(
      [...providerTable(loaded.value.providers).values()].map((provider) => reporter.examine(provider)),
    );
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

function render(reports: readonly ProviderReport[]): string {
  return table(
    reports.map(({ name, available, version, path, login, reason }) => [
      name,
      available ? "ready" : "no",
      version ?? "-",
      path ?? "-",
      available ? (login?.detail ?? "") : (reason ?? "?"),
    ]),
  );
}
