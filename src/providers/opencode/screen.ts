/**
 * OpenCode's own screen, on the same store as our server's, which is ended before. The program prints what was said.
 * An untrusted project is kept out by the same variables as with us.
 */
import type { Part } from "../../words/said.ts";
import { LaunchRefused } from "../contract.ts";
import type { Fields } from "../read.ts";
import { fields, isFields, items, number, text } from "../read.ts";
import type { Kept, ProviderScreen } from "../screen.ts";
import { conversationOf } from "../screen.ts";
import { launch } from "./launch.ts";

export const opencodeScreen: ProviderScreen = {
  launch(context) {
    if (!context.trusted && context.env["OPENCODE_CONFIG_CONTENT"] !== undefined)
      throw new LaunchRefused(
        "PROJECT_UNTRUSTED",
        "the agent was given OPENCODE_CONFIG_CONTENT, which is not handed out, so the screen cannot be kept away from what " +
          "the repository brings: trust the project (trusted=true), or take the variable away",
      );
    return {
      argv: [
        ...context.command,
        "--session",
        conversationOf(context),
        ...(context.model === null ? [] : ["--model", context.model]),
      ],
      env: launch(context).env,
    };
  },
  history: (context) => ({ from: "program", argv: [...context.command, "export", conversationOf(context)] }),
  read(printed) {
    const begin = printed.indexOf("{");
    try {
      const all: unknown = JSON.parse(printed.slice(Math.max(0, begin)));
      return items(all, "messages").filter(isFields).flatMap(readMessage);
    } catch {
      return []; // it printed something else
    }
  },
};

function readMessage(message: Fields): readonly Kept[] {
  const info = fields(message, "info");
  const role = text(info, "role");
  const key = text(info, "id");
  const at = number(fields(info, "time"), "created");
  const parts = items(message, "parts").flatMap(readPart);
  return (role === "user" || role === "assistant") && key !== "" && parts.length > 0 ? [{ key, role, parts, at }] : [];
}

function readPart(part: Fields): readonly Part[] {
  switch (part["type"]) {
    case "text":
      return part["synthetic"] === true ? [] : [{ type: "text", text: text(part, "text") }];
    case "reasoning":
      return [{ type: "thinking", text: text(part, "text") }];
    case "tool": {
      const id = text(part, "callID");
      const state = fields(part, "state");
      const asked: Part = { type: "tool_use", id, name: text(part, "tool"), input: state["input"] ?? {} };
      const over = state["status"] === "completed" || state["status"] === "error";
      const said = text(state, "output") || text(state, "error");
      return over ? [asked, { type: "tool_result", id, text: said, isError: state["status"] === "error" }] : [asked];
    }
    default:
      return [];
  }
}
