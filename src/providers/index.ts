/**
 * The providers of this daemon: the built-in ones and those of the config. The codec of a kind is loaded when the first
 * agent of that kind needs it: a box carries in memory what it uses, and not what it could use.
 */
import type { ProviderKind, ProviderSettings } from "../words/kinds.ts";
import type { AnyCodec, Codec } from "./contract.ts";
import { LaunchRefused } from "./contract.ts";

/** What the config says of a provider; enough to show it, not to run it. */
export interface ConfiguredProvider {
  readonly name: string;
  readonly settings: ProviderSettings;
  /** The same with its codec; loaded once a kind. */
  load(): Promise<Provider>;
}

export interface Provider {
  readonly name: string;
  readonly settings: ProviderSettings;
  readonly codec: AnyCodec;
}

export type ProviderTable = ReadonlyMap<string, ConfiguredProvider>;

const seal = async <S>(codec: Promise<Codec<S>>): Promise<AnyCodec> =>
  (await import("./sealed.ts")).sealed(await codec);

const CODECS: Readonly<Record<ProviderKind, () => Promise<AnyCodec>>> = {
  "claude-code": () => seal(import("./claude-code/codec.ts").then(({ claudeCodec }) => claudeCodec)),
  codex: () => seal(import("./codex/codec.ts").then(({ codexCodec }) => codexCodec)),
  opencode: () => seal(import("./opencode/codec.ts").then(({ opencodeCodec }) => opencodeCodec)),
  pi: () => seal(import("./pi/codec.ts").then(({ piCodec }) => piCodec)),
  acp: () => seal(import("./acp/codec.ts").then(({ acpCodec }) => acpCodec)),
  command: () => seal(import("./command.ts").then(({ commandCodec }) => commandCodec)),
};

export function providerTable(settings: Readonly<Record<string, ProviderSettings>>): ProviderTable {
  const loading = new Map<ProviderKind, Promise<AnyCodec>>();
  const codecOf = (kind: ProviderKind): Promise<AnyCodec> => {
    const codec = loading.get(kind) ?? CODECS[kind]();
    loading.set(kind, codec);
    return codec;
  };
  const provider = (name: string, each: ProviderSettings): ConfiguredProvider => ({
    name,
    settings: each,
    load: async () => ({ name, settings: each, codec: await codecOf(each.kind) }),
  });
  return new Map(Object.entries(settings).map(([name, each]) => [name, provider(name, each)]));
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
        metering: { tokens: "no", costUsd: "no" },
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
