/** Kinds of providers, and how they are to deal with permissions. */

export const PROVIDER_KINDS = ["claude-code", "codex", "opencode", "pi", "acp", "command"] as const;
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

/** What an agent may do without being asked about it. The first is the default. */
export const PERMISSION_MODES = ["ask", "allow", "deny"] as const;
export type PermissionMode = (typeof PERMISSION_MODES)[number];

/** How a plain command gets its task: on its standard input, or as its last argument. */
export const PROMPT_WAYS = ["stdin", "arg"] as const;
export type PromptWay = (typeof PROMPT_WAYS)[number];

/** A provider as the config has it. */
export interface ProviderSettings {
  readonly kind: ProviderKind;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly passEnv: readonly string[];
  readonly model?: string;
  readonly permissions?: PermissionMode;
  readonly enabled: boolean;
  readonly promptAs?: PromptWay;
  /** Whoever names the same account of a kind shares its limits. */
  readonly account?: string;
}
