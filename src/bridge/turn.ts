/** What the bridge knows of the turn that runs. Changed by `core.ts`, `turns.ts` and `ending.ts` alone. */
import type { PromptFile } from "../providers/opencode/lines.ts";
import type { WireError } from "./wire.ts";

export interface Turn {
  /** Null: it began without an input of ours. */
  readonly key: string | null;
  readonly text: string;
  readonly files: readonly PromptFile[];
  readonly writtenAtMs: number;
  anchor: string;
  accepted: boolean;
  orphan: boolean;
  posts: number;
  /** Seen at work: from then on an error or an idle can be its own. */
  busy: boolean;
  error: WireError | null;
  retrying: boolean;
  /** Since when it looks like the end. */
  idleSince: number | null;
  reads: number;
  reading: boolean;
  /** It became idle while it was being read: what is read may be from before. */
  readAgain: boolean;
  /**
   * The daemon knows of it. A turn of nobody's is told with its first message: a late frame of the last one is no turn.
   */
  told: boolean;
  interrupting: boolean;
  /** The interrupt refused a question of a sub-agent: what the turn says after that is no work done. */
  refused: boolean;
  aborts: number;
  abortedAt: number;
}

export function newTurn(begin: Pick<Turn, "key" | "text" | "files" | "writtenAtMs" | "anchor">): Turn {
  return {
    ...begin,
    told: begin.key !== null,
    accepted: false,
    orphan: false,
    posts: 0,
    busy: false,
    error: null,
    retrying: false,
    idleSince: null,
    reads: 0,
    reading: false,
    readAgain: false,
    interrupting: false,
    refused: false,
    aborts: 0,
    abortedAt: -Infinity,
  };
}
