/** What is said between a person, an agent and its program: messages, questions and their answers, what it used. */

export const MESSAGE_ROLES = ["user", "assistant", "tool", "system"] as const;
export type MessageRole = (typeof MESSAGE_ROLES)[number];

export type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "thinking"; readonly text: string }
  | {
      readonly type: "tool_use";
      readonly id: string;
      readonly name: string;
      readonly input: unknown;
    }
  | {
      readonly type: "tool_result";
      readonly id: string;
      readonly text: string;
      readonly isError: boolean;
    };

export interface Message {
  readonly id: number;
  /** Unique in the agent; text that was streamed for it has carried the same. */
  readonly key: string;
  readonly turnId: string | null;
  readonly role: MessageRole;
  readonly text: string;
  readonly parts: readonly Part[];
  readonly createdAt: string;
  /** Present when a sub-agent said it, not the agent itself. */
  readonly subagent?: string;
  /** Present when it was not said through us: a person had the conversation in the program's own screen. */
  readonly via?: "attach";
  readonly truncated?: true;
}

export const PERMISSION_KINDS = ["tool", "question", "plan"] as const;
export type PermissionKind = (typeof PERMISSION_KINDS)[number];

export const DECISIONS = ["allow", "allow_always", "deny"] as const;
export type Decision = (typeof DECISIONS)[number];

export const PERMISSION_STATES = ["pending", "allowed", "denied", "withdrawn"] as const;
export type PermissionState = (typeof PERMISSION_STATES)[number];
export type SettledState = Exclude<PermissionState, "pending">;

/** Who or what settled a permission. */
export const SETTLERS = ["user", "policy", "timeout", "agent", "turn_end", "exit"] as const;
export type Settler = (typeof SETTLERS)[number];

/** For questions: question text (or id) → chosen label(s) or free text. */
export type Answers = Readonly<Record<string, string | readonly string[]>>;

/** What was decided, as it is stored. */
export interface Verdict {
  readonly decision: Decision;
  readonly message?: string;
  readonly answers?: Answers;
}

/** The program waits for a person. */
export interface PermissionRequest {
  /** The provider's id, unique within the run; the same id again is the same question. */
  readonly id: string;
  readonly kind: PermissionKind;
  readonly tool: string;
  /** One line for a person: what would be done. */
  readonly title: string;
  /** The whole request for a careful reader (command, path, diff; for questions `{questions:[…]}`). */
  readonly detail: unknown;
  readonly options: readonly Decision[];
  /** Kept with the row and handed back with the answer; never shown. */
  readonly data: unknown;
  readonly subagent?: string;
}

/** An answer on its way to the program. */
export interface Answer extends Verdict {
  /** The provider's id of the permission. */
  readonly id: string;
  readonly kind: PermissionKind;
  readonly data: unknown;
}

/** A picture that goes with an input. */
export interface Picture {
  readonly name: string;
  readonly mediaType: string;
  /** Of our copy, absolute. */
  readonly path: string;
  /** The bytes; empty for programs that read the file themselves. */
  readonly dataBase64: string;
}

/** An input that was (or may have been) handed to the program. */
export interface PromptInput {
  /** UUID v4, made when the input was stored; stays the same when it is sent again. */
  readonly key: string;
  readonly text: string;
  /** true = verbatim, no slash commands or other client-side expansion. */
  readonly raw: boolean;
  /**
   * Epoch ms of the first sending; stays the same when it is sent again (for providers whose ids are ordered by time).
   */
  readonly writtenAtMs: number;
  /** How many earlier inputs of the agent with the same text were sent; told of those an earlier process got. */
  readonly sameBefore?: number;
  readonly pictures?: readonly Picture[];
  /** A JSON Schema that the result of its turn must fit. */
  readonly schema?: Readonly<Record<string, unknown>>;
}

export const USAGE_KEYS = ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "costUsd"] as const;
export type UsageKey = (typeof USAGE_KEYS)[number];

/** As far as the provider tells them. Absent = not told. */
export type Usage = { readonly [K in UsageKey]?: number };

/** What was spent. `estimated`: some of it was never told, because what would have told it was ended before. */
export type Spent = Usage & { readonly estimated?: true };

/** What it can be added up by. */
export const USAGE_BY = ["project", "agent", "account", "day"] as const;
