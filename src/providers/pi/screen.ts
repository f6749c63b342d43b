/** Pi's own screen: the same command line without the protocol. Not beside our process: both would fork the session. */
import type { Part } from "../../words/said.ts";
import type { Fields } from "../read.ts";
import { fields, idOf, isFields, items, text } from "../read.ts";
import type { Kept, ProviderScreen } from "../screen.ts";
import { conversationOf, jsonLines } from "../screen.ts";
import { EXTENSION_FILE, EXTENSION_SOURCE } from "./extension.ts";

const SESSIONS = "pi/sessions";

export const piScreen: ProviderScreen = {
  launch(context) {
    const { command, args, agentDir, trusted, model, permissions } = context;
    return {
      argv: [
        ...command,
        ...args,
        "--session-dir",
        `${agentDir}/${SESSIONS}`,
        "--session",
        conversationOf(context),
        trusted ? "--approve" : "--no-approve",
        ...(model === null ? [] : ["--model", model]),
        // It asks the person before a tool works, there as here.
        ...(permissions === "allow" ? [] : ["-e", `${agentDir}/${EXTENSION_FILE}`]),
      ],
      env: { PI_SKIP_VERSION_CHECK: "1" },
      files: permissions === "allow" ? [] : [{ path: EXTENSION_FILE, content: EXTENSION_SOURCE }],
    };
  },
  history: (context) => ({
    from: "file",
    root: `${context.agentDir}/${SESSIONS}`,
    pattern: `**/*${conversationOf(context)}*.jsonl`,
  }),
  read: (kept) => jsonLines(kept).filter(isFields).flatMap(readEntry),
};

function readEntry(entry: Fields): readonly Kept[] {
  const at = Date.parse(text(entry, "timestamp"));
  if (entry["type"] !== "message" || Number.isNaN(at)) return [];
  const message = fields(entry, "message");
  const role = text(message, "role");
  const key = idOf(entry, "id");
  const { content } = message;
  const parts: readonly Part[] =
    typeof content === "string" ? [{ type: "text", text: content }] : items(message, "content").flatMap(readBlock);
  if (role === "toolResult") {
    const said = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
    const answer: Part = {
      type: "tool_result",
      id: text(message, "toolCallId"),
      text: said,
      isError: message["isError"] === true,
    };
    return [{ key, role: "tool", parts: [answer], at }];
  }
  return (role === "user" || role === "assistant") && parts.length > 0 ? [{ key, role, parts, at }] : [];
}

function readBlock(block: Fields): readonly Part[] {
  switch (block["type"]) {
    case "text":
      return [{ type: "text", text: text(block, "text") }];
    case "thinking":
      return [{ type: "thinking", text: text(block, "thinking") }];
    case "toolCall":
      return [{ type: "tool_use", id: text(block, "id"), name: text(block, "name"), input: block["arguments"] ?? {} }];
    default:
      return [];
  }
}
