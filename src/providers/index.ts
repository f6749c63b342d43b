/** The providers of this daemon: the built-in ones and those of the config, each with the codec of its kind. */
import { acpCodec } from "./acp/codec.ts";
import { claudeCodec } from "./claude-code/codec.ts";
import { codexCodec } from "./codex/codec.ts";
import { commandCodec } from "./command.ts";
import { opencodeCodec } from "./opencode/codec.ts";
import { piCodec } from "./pi/codec.ts";
import type { ProviderKind, ProviderSettings } from "../words/kinds.ts";
import type { AnyCodec, Codec } from "./contract.ts";
import { LaunchRefused } from "./contract.ts";

export interface Provider {
  readonly name: string;
  readonly settings: ProviderSettings;
  readonly codec: AnyCodec;
}

export type ProviderTable = ReadonlyMap<string, Provider>;

/**
 * Forgets the type of a codec's state: it is opaque to everybody else, and only ever handed back to the codec that made
 * it.
 */
function opaque<S>(codec: Codec<S>): AnyCodec {
  return codec as unknown as AnyCodec;
}

const CODECS: Readonly<Record<ProviderKind, AnyCodec>> = {
  "claude-code": opaque(claudeCodec),
  codex: opaque(codexCodec),
  opencode: opaque(opencodeCodec),
  pi: opaque(piCodec),
  acp: opaque(acpCodec),
  command: opaque(commandCodec),
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
  const nothing = { state: null, facts: [], lines: [] };
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
      start: () => nothing,
      adopt: () => nothing,
      frame: () => nothing,
      prompt: () => nothing,
      interrupt: () => nothing,
      answer: () => nothing,
      farewell: () => ({ lines: [], graceMs: 0 }),
      exit: () => [],
    },
  };
}
