/** The providers of this daemon: the built-in ones and those of the config, each with the codec of its kind. */
import { acpCodec } from "./acp/codec.ts";
import { claudeCodec } from "./claude-code/codec.ts";
import { codexCodec } from "./codex/codec.ts";
import { commandCodec } from "./command.ts";
import { opencodeCodec } from "./opencode/codec.ts";
import { piCodec } from "./pi/codec.ts";
import type { ProviderKind, ProviderSettings } from "../words/kinds.ts";
import { sealed } from "./sealed.ts";
import type { AnyCodec } from "./contract.ts";
import { LaunchRefused } from "./contract.ts";

export interface Provider {
  readonly name: string;
  readonly settings: ProviderSettings;
  readonly codec: AnyCodec;
}

export type ProviderTable = ReadonlyMap<string, Provider>;

const CODECS: Readonly<Record<ProviderKind, AnyCodec>> = {
  "claude-code": sealed(claudeCodec),
  codex: sealed(codexCodec),
  opencode: sealed(opencodeCodec),
  pi: sealed(piCodec),
  acp: sealed(acpCodec),
  command: sealed(commandCodec),
};

export function providerTable(settings: Readonly<Record<string, ProviderSettings>>): ProviderTable {
  return new Map(
    Object.entries(settings).map(([name, each]) => [name, { name, settings: each, codec: CODECS[each.kind] }]),
  );
}

/**
 * Stands in for a provider that was taken out of the config while agents of it exist: they are shown, but cannot be
 * started.
 */
export function missingProvider(name: string): Provider {
  const keep = (state: unknown) => ({ state, facts: [], lines: [] });
  return {
    name,
    settings: { kind: "command", command: [], args: [], env: {}, passEnv: [], enabled: false },
    codec: {
      kind: "missing",
      traits: {
        redelivery: "none",
        tornLine: "newline",
        oneshot: false,
        startDeadlineMs: 1000,
        maxPromptChars: null,
        passEnv: [],
        stripEnv: [],
      },
      launch() {
        throw new LaunchRefused(
          "PROVIDER_UNAVAILABLE",
          `the config has no provider "${name}": put it back under providers.${name}`,
        );
      },
      start: () => keep(null),
      adopt: keep,
      isFrame: () => false,
      frame: keep,
      prompt: keep,
      interrupt: keep,
      answer: keep,
      farewell: () => ({ lines: [], graceMs: 0 }),
      read: (json) => ({ ok: true, state: json }),
      exit: () => [],
    },
  };
}
