/** Where an agent works, and what is kept of it. */

export const WORKSPACE_KINDS = ["shared", "worktree", "copy"] as const;
export type WorkspaceKind = (typeof WORKSPACE_KINDS)[number];

/** Run once, when the folder is there and before the agent is. */
export interface WorkspaceSetup {
  readonly command: string | readonly string[];
  readonly timeoutMs?: number;
}

/** What was asked for; the project's own folder where nothing was. */
export interface WorkspaceWish {
  readonly kind: "worktree" | "copy";
  /** A branch, tag or commit; of a worktree. */
  readonly base?: string;
  readonly branch?: string;
  /** Ignored files of the project's folder that come along. */
  readonly copy?: readonly string[];
  readonly setup?: WorkspaceSetup;
}

/**
 * `making`: not to be worked in yet, also after a death in the middle. `kept`: its agent is gone, and it can be brought
 * back. `recovered`: it was.
 */
export const WORKSPACE_STATES = ["making", "ready", "kept", "recovered"] as const;
export type WorkspaceState = (typeof WORKSPACE_STATES)[number];

/** What an agent's work comes to, since it began. */
export interface WorkFigures {
  readonly files: number;
  readonly insertions: number;
  readonly deletions: number;
}
