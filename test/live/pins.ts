/**
 * The agent programs that are tried for real, each in the one version that every `make test-live` runs: the newest that
 * passed. The README's "tried with" is made from this table, and `make test-live NAME=VERSION,…` tries others.
 */
import type { ProviderKind } from "../../src/words/kinds.ts";

export interface Pin {
  readonly title: string;
  readonly kind: ProviderKind;
  readonly newest: string;
}

export const PINS = {
  CLAUDE: { title: "Claude Code", kind: "claude-code", newest: "2.1.332" },
  CODEX: { title: "Codex", kind: "codex", newest: "0.169.0" },
  OPENCODE: { title: "OpenCode", kind: "opencode", newest: "1.18.33" },
  PI: { title: "Pi", kind: "pi", newest: "1.5.2" },
  GEMINI: { title: "Gemini CLI", kind: "acp", newest: "0.61.0" },
  QWEN: { title: "Qwen Code", kind: "acp", newest: "0.24.4" },
} as const satisfies Record<string, Pin>;

export type Program = keyof typeof PINS;

/** The version that is tried: the one that `make test-live NAME=…` named, else the pin. */
export function versionOf(env: Readonly<Record<string, string | undefined>>, program: Program): string {
  return env[`AH_TEST_${program}`] ?? PINS[program].newest;
}
