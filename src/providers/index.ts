/** The providers of this daemon: the built-in ones and those of the config, each with the codec of its kind. */
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

/** Loaded when the config has a provider of the kind: a box carries in memory what it uses. */
const CODECS: Readonly<Record<ProviderKind, () => Promise<AnyCodec>>> = {
  "claude-code": async () => sealed((await import("./claude-code/codec.ts")).claudeCodec),
  codex: async () => sealed((await import("./codex/codec.ts")).codexCodec),
  opencode: async () => sealed((await import("./opencode/codec.ts")).opencodeCodec),
  pi: async () => sealed((await import("./pi/codec.ts")).piCodec),
  acp: async () => sealed((await import("./acp/codec.ts")).acpCodec),
  command: async () => sealed((await import("./command.ts")).commandCodec),
};

export async function providerTable(settings: Readonly<Record<string, ProviderSettings>>): Promise<ProviderTable> {
  const kinds = new Set(Object.values(settings).map(({ kind }) => kind));
  const codecs = new Map(await Promise.all([...kinds].map(async (kind) => [kind, await CODECS[kind]()] as const)));
  return new Map(
    Object.entries(settings).flatMap(([name, each]) => {
      const codec = codecs.get(each.kind);
      return codec === undefined ? [] : [[name, { name, settings: each, codec }] as const];
    }),
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
