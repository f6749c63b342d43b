/** How a provider stands: where its program is, its version, and what has to be done when it cannot be used. */
import type { Provider } from "../providers/index.ts";
import type { ProviderReport } from "../providers/report.ts";
import type { VersionProbe } from "../process/probe.ts";
import { childEnvironment } from "./environment.ts";
import { findProgram } from "./terms.ts";

export async function reportOf(
  { name, settings, codec }: Provider, inherited: Readonly<Record<string, string | undefined>>, probe: VersionProbe,
): Promise<ProviderReport> {
  const { kind, command, enabled } = settings;
  const env = childEnvironment({ inherited, traits: codec.traits, passEnv: settings.passEnv, configured: settings.env, requested: {}, ours: {} });
  const [program = "", ...args] = command;
  const path = findProgram(program, env["PATH"], "/");
  const base = { name, kind, command: [...command], path };
  if (!enabled) return { ...base, version: null, available: false, reason: `switched off: set providers.${name}.enabled to true` };
  if (path === null) {
    return { ...base, version: null, available: false, reason: `the program "${program}" is not in PATH: install it, or set providers.${name}.command` };
  }
  // A plain command is anything: asking it for a version might do its work.
  if (codec.traits.oneshot) return { ...base, version: null, available: true, reason: null };
  const { version, problem } = await probe.versionOf(path, args, env);
  return { ...base, version, available: problem === null, reason: problem };
}
