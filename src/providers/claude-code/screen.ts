/**
 * Claude Code's own screen. Never beside our process: both would go on and fork the conversation without a word.
 * Measured with 2.1.330: without a permission mode the screen begins in one that asks nobody.
 */
import type { LaunchContext } from "../contract.ts";
import type { Fields } from "../read.ts";
import { fields, isFields, items, text } from "../read.ts";
import type { Part } from "../../words/said.ts";
import type { Kept, ProviderScreen } from "../screen.ts";
import { conversationOf, jsonLines } from "../screen.ts";
import { resumedSession, systemPrompt } from "./launch.ts";

export const claudeScreen: ProviderScreen = {
  launch(context) {
    return {
      argv: [
        ...context.command,
        "--resume",
        conversation(context),
        "--permission-mode",
        "default",
        ...(context.trusted ? [] : ["--setting-sources", "user", "--strict-mcp-config"]),
        ...(context.model === null ? [] : ["--model", context.model]),
        ...systemPrompt(context).argv,
        ...context.args,
      ],
      env: { DISABLE_AUTOUPDATER: "1" },
      files: systemPrompt(context).files,
    };
  },
  history(context) {
    const { CLAUDE_CONFIG_DIR: given, HOME: home = "/" } = context.env;
    return { from: "file", root: given ?? `${home}/.claude`, pattern: `projects/*/${conversation(context)}.jsonl` };
  },
  read: (kept) => jsonLines(kept).filter(isFields).flatMap(readEntry),
};

const conversation = (context: LaunchContext): string =>
  conversationOf({ ...context, session: resumedSession(context) });

/** Sub-agents and what the program tells itself are not what was said. */
function readEntry(entry: Fields): readonly Kept[] {
  const type = text(entry, "type");
  const key = text(entry, "uuid");
  const at = Date.parse(text(entry, "timestamp"));
  if ((type !== "user" && type !== "assistant") || key === "" || Number.isNaN(at)) return [];
  if (entry["isSidechain"] === true || entry["isMeta"] === true) return [];
  const message = fields(entry, "message");
  const { content } = message;
  const parts = typeof content === "string" ? [textPart(content)] : items(message, "content").flatMap(readBlock);
  if (parts.length === 0) return [];
  const answers = parts.every((part) => part.type === "tool_result");
  return [{ key, role: type === "user" && answers ? "tool" : type, parts, at }];
}

const textPart = (said: string): Part => ({ type: "text", text: said });

function readBlock(block: Fields): readonly Part[] {
  switch (block["type"]) {
    case "text":
      return [textPart(text(block, "text"))];
    case "thinking":
      return [{ type: "thinking", text: text(block, "thinking") }];
    case "tool_use":
      return [{ type: "tool_use", id: text(block, "id"), name: text(block, "name"), input: block["input"] ?? {} }];
    case "tool_result": {
      const { content } = block;
      const said =
        typeof content === "string"
          ? content
          : items(block, "content")
              .map((each) => text(each, "text"))
              .join("");
      return [{ type: "tool_result", id: text(block, "tool_use_id"), text: said, isError: block["is_error"] === true }];
    }
    default:
      return [];
  }
}
