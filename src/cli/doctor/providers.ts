/** Each agent program, really started once: by the daemon where one answers, else by ourselves. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createReporter } from "../../agents/report.ts";
import type { HarnessConfig } from "../../config/harness.ts";
import type { Environment } from "../../config/load.ts";
import { selfCommand } from "../../daemon.ts";
import { systemClock } from "../../lib/clock.ts";
import { providerTable } from "../../providers/index.ts";
import type { ProviderShape } from "../shapes.ts";
import type { Check } from "./check.ts";
import { fail, ok, warn } from "./check.ts";

/** What this shell can see of them; leaves nothing behind. */
export async function lookHere(config: HarnessConfig, env: Environment): Promise<readonly ProviderShape[]> {
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
    const table = providerTable(config.providers);
    return await Promise.all([...table.values()].map((each) => reporter.examine(each)));
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** `configured`: names that the config file speaks of; what nobody asked for may be missing. */
export function checkProviders(reports: readonly ProviderShape[], configured: ReadonlySet<string>): readonly Check[] {
  const checks = reports.flatMap((report) => [
    checkProvider(report, configured.has(report.name)),
    ...(report.warnings ?? []).map(({ code, message }) => warn(report.name, message, mendOf(code, report.name))),
  ]);
  return reports.some(({ available }) => available)
    ? checks
    : [...checks, fail("providers", "none can be used", "install one: claude, codex, opencode or pi")];
}

const mendOf = (code: string, name: string): string =>
  code === "mode_not_enforced"
    ? `make it ask in its own settings (providers.${name}.args and env reach it), or say that it need not: providers.${name}.permissions "allow"`
    : "look at the notes of its agents";

function checkProvider({ name, available, path, version, login, reason }: ProviderShape, configured: boolean): Check {
  const where = [version, path].filter((each) => each !== null).join(" ");
  if (available && login?.loggedIn === false) {
    const [what = "", ...mend] = login.detail.split(": ");
    return (configured ? fail : warn)(name, `${where}: ${what}`, mend.join(": ") || "log in once");
  }
  if (available) return ok(name, [where, login?.detail ?? ""].filter((each) => each !== "").join(", "));
  const [what = "", ...mend] = (reason ?? "it cannot be used").split(": ");
  const off = what.startsWith("switched off");
  if (off) return ok(name, "switched off");
  const level = path !== null || configured ? fail : warn;
  return level(name, what, mend.join(": ") || "run it by hand once");
}
