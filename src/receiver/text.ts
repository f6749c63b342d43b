/** Making foreign text harmless: what an agent wrote must stay data in a chat channel and in another agent's prompt. */
import { UNSEEN } from "../lib/text.ts";

/** Several lines without other controls. */
export function manyLines(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(UNSEEN, (unit) => (unit === "\n" || unit === "\t" ? unit : ""));
}

/** For text outside a fence: shows as typed, pings nobody, links nothing. */
export function escapeMarkdown(text: string): string {
  return (
    text
      .replace(/[\\*_~`|>#\-[\]()<:]/g, "\\$&")
      // A zero-width space behind the @, so that not even the look of a mention is left.
      .replace(/@/g, "@\u200b")
  );
}

/** Inside a fence only a closing fence matters: runs of three backticks are broken by zero-width spaces. */
export function fenced(text: string): string {
  const harmless = text.replace(/`{3,}/g, (run) => run.split("").join("\u200b"));
  return `\`\`\`\n${harmless}\n\`\`\``;
}

/** "4 s", "3 min 12 s", "2 h 5 min". */
export function humanDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
