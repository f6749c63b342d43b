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
