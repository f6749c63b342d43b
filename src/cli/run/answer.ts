/**
 * The text of a run on a terminal: shown as it comes and not repeated; where the stored message is another one than
 * what was streamed, it follows under a rule. Pure but for what it keeps.
 */
import type { MessageShape } from "../shapes.ts";
import type { View } from "./view.ts";

export interface AnswerText {
  delta(key: string, text: string): void;
  message(message: MessageShape): void;
}

const RULE = "────────";

export function openAnswer(view: Pick<View, "stream" | "lineStart">): AnswerText {
  /** What was shown of each message so far. */
  const streamed = new Map<string, string>();
  /** Told as messages: text that is streamed after it says nothing new. */
  const told = new Set<string>();
  let last: string | null = null;
  return {
    delta(key, text) {
      if (told.has(key)) return;
      if (last !== null && last !== key) view.lineStart();
      last = key;
      streamed.set(key, (streamed.get(key) ?? "") + text);
      view.stream(text);
    },
    message({ key, text, role, subagent }) {
      if (role !== "assistant" || subagent !== undefined || text === "") return;
      // A message is told again when it grew.
      const shown = streamed.get(key) ?? "";
      streamed.set(key, text);
      told.add(key);
      last = null;
      if (shown.trim() !== text.trim()) {
        const goesOn = text.startsWith(shown);
        if (!goesOn) view.lineStart();
        view.stream(goesOn ? text.slice(shown.length) : `${RULE}\n${text}`);
      }
      view.lineStart();
    },
  };
}
