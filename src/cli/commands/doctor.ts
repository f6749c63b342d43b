/** `doctor`: a real handshake with every installed agent program; by the daemon where one runs, else by ourselves. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createReporter } from "../../agents/report.ts";
import { loadHarnessConfig } from "../../config/harness.ts";
import { formatProblems } from "../../config/load.ts";
import { selfCommand } from "../../daemon.ts";
import { systemClock } from "../../lib/clock.ts";
import { HarnessError } from "../../lib/errors.ts";
import { providerTable } from "../../providers/index.ts";
import type { ProviderReport } from "../../providers/report.ts";
import { findAddress } from "../address.ts";
import { usage } from "../args.ts";
import { createClient } from "../client.ts";
import type { Context } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printJson } from "../print.ts";
import { printTable } from "../table.ts";

/** Handshakes run side by side, each with its own deadline; this is longer than the longest. */
const LOOK_MS = 90_000;

export async function run(context: Context): Promise<number> {
  const { args, env, io } = context;
  const client = createClient(findAddress(args, env));
  let where = `the daemon at ${client.where}`;
  let reports: readonly ProviderReport[];
  try {
    // The daemon made these of its own reports.
    ({ providers: reports } = (await client.call("/api/v1/providers", { timeoutMs: LOOK_MS })) as {
      providers: readonly ProviderReport[];
    });
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    if (error.code !== "UNREACHABLE") throw error;
    where = "this shell (no daemon answers)";
    reports = await lookHere(context);
  }
  if (args.has("json")) printJson(io.out, { providers: reports });
  else {
    io.out.line(`Seen from ${where}:`);
    printTable(
      io.out,
      [
        { head: "PROVIDER", whole: true },
        { head: "READY" },
        { head: "VERSION" },
        { head: "PATH", dropAt: 1 },
        { head: "WHAT", shrinkTo: 16 },
      ],
      rowsOf(reports),
      "no providers",
    );
  }
  // A program that is not installed is no illness; one that is there and cannot be used is.
  const ill = reports.some((each) => each.path !== null && !each.available) || !reports.some((each) => each.available);
  return ill ? EXIT.error : EXIT.ok;
}

async function lookHere({ args, env }: Context): Promise<readonly ProviderReport[]> {
  const path = args.value("config");
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

function rowsOf(reports: readonly ProviderReport[]): readonly (readonly string[])[] {
  return reports.map(({ name, available, version, path, login, reason }) => [
    name,
    available ? "ready" : "no",
    version ?? "-",
    path ?? "-",
    available ? (login?.detail ?? "") : (reason ?? "?"),
  ]);
}
