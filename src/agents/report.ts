/**
 * How a provider stands: where its program is, its version and login, and what has to be done when it cannot be used.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { createVersionProbe, fingerprint } from "../process/probe.ts";
import type { ConfiguredProvider, Provider } from "../providers/index.ts";
import type { ProviderReport } from "../providers/report.ts";
import { childEnvironment } from "./environment.ts";
import type { HandshakeAnswer } from "./handshake.ts";
import { handshake } from "./handshake.ts";
import { findProgram } from "./run-settings.ts";

export interface ReporterDeps {
  readonly inheritedEnv: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly stateDir: string;
  readonly isRoot: boolean;
  readonly self: readonly string[];
  readonly newUuid: () => string;
}

export interface Reporter {
  /** Only what `--version` says: cheap enough for `status`. */
  glance(provider: ConfiguredProvider): Promise<ProviderReport>;
  /** With a real handshake; kept as long as the program's path, size and time of change are the same. */
  examine(provider: ConfiguredProvider): Promise<ProviderReport>;
}

const GLANCE_MS = 3000;
const EXAMINE_MS = 15_000;

export function createReporter(deps: ReporterDeps): Reporter {
  const versions = createVersionProbe();
  const handshakes = new Map<string, Promise<HandshakeAnswer>>();

  const glance = async (configured: ConfiguredProvider): Promise<ProviderReport> => {
    const provider = await configured.load();
    const { name, settings, codec } = provider;
    const [program = "", ...args] = settings.command;
    const env = environmentOf(deps, provider);
    const path = findProgram(program, env["PATH"], "/");
    const base = { name, kind: settings.kind, command: [...settings.command], path, login: null, warnings: [] };
    if (!settings.enabled)
      return {
        ...base,
        version: null,
        available: false,
        reason: `switched off: set providers.${name}.enabled to true`,
      };
    if (path === null) {
      return {
        ...base,
        version: null,
        available: false,
        reason: `the program "${program}" is not in PATH: install it, or set providers.${name}.command`,
      };
    }
    // A plain command is anything: asking it for a version might do its work.
    if (codec.traits.oneshot) return { ...base, version: null, available: true, reason: null };
    // Asked on in the background: one program that does not answer must not hold up what is known of the others.
    const asked = await within(versions.versionOf(path, args, env), GLANCE_MS, deps.clock);
    if (asked === null) {
      const reason = `--version has not answered within ${GLANCE_MS / 1000} s; ask again`;
      return { ...base, version: null, available: true, reason };
    }
    return { ...base, version: asked.version, available: asked.problem === null, reason: asked.problem };
  };

  const shake = (provider: Provider, path: string): Promise<HandshakeAnswer> => {
    const { settings, codec } = provider;
    const [, ...args] = settings.command;
    const key = `${provider.name} ${fingerprint(path, [...args, ...settings.args])}`;
    let answer = handshakes.get(key);
    if (answer === undefined) {
      const scratchDir = join(deps.stateDir, "probes");
      mkdirSync(scratchDir, { recursive: true, mode: 0o700 });
      answer = handshake({
        codec,
        clock: deps.clock,
        scratchDir,
        context: {
          command: [path, ...args],
          args: settings.args,
          agentId: "00000000",
          agentUuid: deps.newUuid(),
          session: null,
          model: settings.model ?? null,
          permissions: "ask",
          systemPrompt: null,
          trusted: false,
          env: environmentOf(deps, provider),
          isRoot: deps.isRoot,
          self: deps.self,
        },
      });
      handshakes.set(key, answer);
      // What is wrong may be mended without a new file (a login, a setting): look again next time.
      void answer.then(({ ready, login, warnings }) => {
        if (!ready || login?.loggedIn === false || warnings.length > 0) handshakes.delete(key);
      });
    }
    return answer;
  };

  return {
    glance,
    async examine(configured) {
      const report = await glance(configured);
      const provider = await configured.load();
      if (!report.available || report.path === null || provider.codec.traits.oneshot) return report;
      const answer = await within(shake(provider, report.path), EXAMINE_MS, deps.clock);
      if (answer === null) {
        const reason = `the handshake has not ended within ${EXAMINE_MS / 1000} s and goes on; ask again`;
        return { ...report, available: false, reason };
      }
      const { ready, version, login, problem } = answer;
      // Who gives its agents leave to do everything has said that nothing need be asked.
      const asks = provider.settings.permissions !== "allow";
      const warnings = answer.warnings.filter(({ code }) => asks || code !== "mode_not_enforced");
      const known = version ?? report.version;
      // A program that is too old for the handshake may not name its version there.
      const reason = problem === null || known === null || problem.includes(known) ? problem : `${problem} (${known})`;
      return { ...report, version: known, available: ready, login, reason, warnings };
    },
  };
}

/** null = not settled within the time; it goes on. */
async function within<T>(work: Promise<T>, limitMs: number, clock: Clock): Promise<T | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = clock.setTimer(limitMs, () => resolve(null));
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.cancel();
  }
}

function environmentOf({ inheritedEnv }: ReporterDeps, { settings, codec }: Provider): Record<string, string> {
  return childEnvironment({
    inherited: inheritedEnv,
    traits: codec.traits,
    passEnv: settings.passEnv,
    configured: settings.env,
    requested: {},
    ours: {},
  });
}
