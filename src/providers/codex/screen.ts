/**
 * Codex's own screen. It takes over the thread's approval policy and sandbox, which may be "never" and "everything": a
 * person is asked instead. Not beside our process, which holds the thread's writer lock. Measured with 0.169.0.
 */
import type { Part } from "../../words/said.ts";
import type { Fields } from "../read.ts";
import { fields, isFields, items, text } from "../read.ts";
import type { Kept, ProviderScreen } from "../screen.ts";
import { conversationOf, jsonLines } from "../screen.ts";
import { folderTrust, switches } from "./launch.ts";

const NO_DAEMON = "--no-daemon";

export const codexScreen: ProviderScreen = {
  help: ({ command }) => [...command, "resume", "--help"],
  launch(context, help = "") {
    const { command, args, cwd, trusted, model } = context;
    // Older ones have no server to share, and end on a flag that they do not know (0.139.0).
    const alone = help === "" || help.includes(NO_DAEMON) ? [NO_DAEMON] : [];
    return {
      argv: [
        ...command,
        "resume",
        conversationOf(context),
        ...alone,
        "-a",
        "on-request",
        "-s",
        "workspace-write",
        ...switches(),
        "-c",
        folderTrust(cwd, trusted),
        ...(model === null ? [] : ["-m", model]),
        ...args,
      ],
      env: {},
    };
  },
  history(context) {
    const { CODEX_HOME: given, HOME: home = "/" } = context.env;
    return {
      from: "file",
      root: given ?? `${home}/.codex`,
      pattern: `sessions/*/*/*/rollout-*${conversationOf(context)}.jsonl`,
    };
  },
  read: (kept) => jsonLines(kept).filter(isFields).flatMap(readLine),
};

function readLine(line: Fields): readonly Kept[] {
  const at = Date.parse(text(line, "timestamp"));
  if (line["type"] !== "response_item" || Number.isNaN(at)) return [];
  const item = fields(line, "payload");
  const key = text(item, "id") || `${text(line, "timestamp")}-${text(item, "call_id")}`;
  switch (item["type"]) {
    case "message": {
      const role = text(item, "role");
      const said = items(item, "content")
        .map((each) => text(each, "text"))
        .join("");
      if ((role !== "user" && role !== "assistant") || said === "" || isFramed(said)) return [];
      return [{ key, role, parts: [{ type: "text", text: said }], at }];
    }
    case "function_call":
      return [{ key, role: "assistant", parts: [call(item)], at }];
    case "function_call_output": {
      const { output } = item;
      const said = typeof output === "string" ? output : JSON.stringify(output ?? "");
      return [
        {
          key,
          role: "tool",
          parts: [{ type: "tool_result", id: text(item, "call_id"), text: said, isError: false }],
          at,
        },
      ];
    }
    default:
      return [];
  }
}

function call(item: Fields): Part {
  const given = text(item, "arguments");
  let input: unknown = given;
  try {
    input = JSON.parse(given) as unknown;
  } catch {
    // shown as it is
  }
  return { type: "tool_use", id: text(item, "call_id"), name: text(item, "name"), input };
}

/** What the program says in the person's name: `<environment_context>…`, `<turn_aborted>…`, the project's AGENTS.md. */
const isFramed = (said: string): boolean => /^(<[a-z_]+>|# AGENTS\.md instructions)/.test(said);
