/**
 * The program's own screen, for a person who takes a conversation over: how it is started on the conversation, and
 * where the program keeps what was said there. Pure. Every flag that keeps an untrusted repository out is given to the
 * screen as well; where that cannot be done it is refused.
 */
import type { MessageRole, Part } from "../words/said.ts";
import type { Launch, LaunchContext } from "./contract.ts";
import { LaunchRefused } from "./contract.ts";

export interface ScreenLaunch {
  readonly argv: readonly string[];
  /** Set by us and no secret; what the agent was given by others stays with the daemon. */
  readonly env: Readonly<Record<string, string>>;
  /** As those of a process of ours, the last of which may have been started on other terms, or by an older daemon. */
  readonly files?: Launch["files"];
}

/** Something that was said, as the program keeps it. */
export interface Kept {
  /** The program's own name for it. */
  readonly key: string;
  readonly role: MessageRole;
  readonly parts: readonly Part[];
  /** Epoch ms. */
  readonly at: number;
}

export type HistorySource =
  /** The newest file below `root` that the pattern of `Bun.Glob` fits. */
  | { readonly from: "file"; readonly root: string; readonly pattern: string }
  /** What the program prints. */
  | { readonly from: "program"; readonly argv: readonly string[] };

export interface ProviderScreen {
  /** Where a flag would end a version that does not know it: the command that prints which ones it knows. */
  help?(context: LaunchContext): readonly string[];
  /** `help`: what was printed; empty when nothing was. Throws `LaunchRefused`. */
  launch(context: LaunchContext, help?: string): ScreenLaunch;
  history(context: LaunchContext): HistorySource;
  /** Everything in it that was said, oldest first; what is not understood is left out. Never throws. */
  read(text: string): readonly Kept[];
}

/** The conversation's id. Throws `LaunchRefused` where nothing was said yet. */
export function conversationOf({ session }: LaunchContext): string {
  if (session !== null && /^[A-Za-z0-9_-]{1,128}$/.test(session)) return session;
  throw new LaunchRefused("NO_CONVERSATION", "there is no conversation yet: send the agent something first");
}

/** JSON lines; a line that is none is left out. */
export function jsonLines(text: string): readonly unknown[] {
  return text.split("\n").flatMap((line) => {
    if (line === "") return [];
    try {
      return [JSON.parse(line) as unknown];
    } catch {
      return []; // the last one may be half written
    }
  });
}
