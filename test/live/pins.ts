/**
 * The agent programs that are tried for real, each in the one version that every `make test-live` runs: the newest that
 * passed. The README's "tried with" is made from this table, and `make test-live NAME=VERSION,…` tries others.
 */
import type { ProviderKind } from "../../src/words/kinds.ts";

export interface ByHand {
  readonly version: string;
  readonly files: "all files but its screen's" | "its codec's file";
}

export interface Pin {
  readonly title: string;
  readonly kind: ProviderKind;
  readonly newest: string;
  /** Versions that passed when somebody last ran the program's live files with them, and which files those were. */
  readonly byHand: readonly ByHand[];
}

export const PINS = {
  CLAUDE: {
    title: "Claude Code",
    kind: "claude-code",
    newest: "2.1.332",
    byHand: [{ version: "2.1.285", files: "its codec's file" }],
  },
  CODEX: {
    title: "Codex",
    kind: "codex",
    newest: "0.169.0",
    byHand: [{ version: "0.139.0", files: "all files but its screen's" }],
  },
  OPENCODE: { title: "OpenCode", kind: "opencode", newest: "1.18.33", byHand: [] },
  PI: { title: "Pi", kind: "pi", newest: "1.5.2", byHand: [{ version: "0.87.1", files: "its codec's file" }] },
  GEMINI: { title: "Gemini CLI", kind: "acp", newest: "0.61.0", byHand: [] },
  QWEN: { title: "Qwen Code", kind: "acp", newest: "0.24.4", byHand: [] },
  KIMI: { title: "Kimi Code", kind: "acp", newest: "2.1.0", byHand: [] },
  CLAUDEACP: { title: "claude-agent-acp", kind: "acp", newest: "0.101.0", byHand: [] },
  CODEXACP: { title: "codex-acp", kind: "acp", newest: "2.6.0", byHand: [] },
} as const satisfies Record<string, Pin>;

export type Program = keyof typeof PINS;

/** The version that is tried: the one that `make test-live NAME=…` named, else the pin. */
export function versionOf(env: Readonly<Record<string, string | undefined>>, program: Program): string {
  return env[`AH_TEST_${program}`] ?? PINS[program].newest;
}
