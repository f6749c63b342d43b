/** What is shown of a run while it goes on: the text, the tools, and the line at the bottom. */
import { painter } from "../colours.ts";
import type { Context } from "../command.ts";
import { tokensOf } from "../doing.ts";
import { clockTime, count } from "../figures.ts";
import type { AgentShape, MessageShape, PartShape } from "../shapes.ts";
import type { StreamEvent } from "../stream.ts";
import { fit, oneLine, pad } from "../text.ts";
import { resultWords, toolArgument } from "../tools.ts";
import { openAnswer } from "./answer.ts";
import { openView } from "./view.ts";

export interface Display {
  delta(key: string, text: string): void;
  /** What the agent is at, in its own words. */
  activity(text: string): void;
  message(message: MessageShape): void;
  turnStarted(event: StreamEvent): void;
  note(text: string): void;
  retrying(attempt: number, reason: string): void;
  /** A line on stderr that `-q` does not silence. */
  say(text: string): void;
  hold(): void;
  release(): void;
  close(): void;
}

export function openDisplay({ args, io }: Context, agent: AgentShape): Display {
  const quiet = args.has("quiet");
  const view = openView(io, quiet);
  const answer = io.out.isTty && !args.has("json") ? openAnswer(view) : null;
  const paint = painter(io.err);
  const open = new Map<string, PartShape>();
  const told = new Map<number, number>();
  let startedAt = performance.now();
  let tools = 0;
  let state = "starts";

  view.show(() => {
    const tokens = tokensOf(agent.usage);
    return [
      `◔ ${clockTime(performance.now() - startedAt)} ${oneLine(state)}`,
      ...(tools === 0 ? [] : [`${tools} ${tools === 1 ? "tool" : "tools"}`]),
      ...(tokens === null ? [] : [count(tokens)]),
    ].join(" · ");
  });
  const chat = (text: string): void => {
    if (!quiet) view.line(text);
  };
  const part = (each: PartShape): void => {
    if (each.type === "tool_use") {
      open.set(each.id ?? "", each);
      tools++;
      return;
    }
    if (each.type !== "tool_result") return;
    const asked = open.get(each.id ?? "");
    open.delete(each.id ?? "");
    if (asked === undefined) return;
    const words = resultWords(each);
    const line = `  ${pad(asked.name ?? "tool", 5)} ${toolArgument(asked.input)}${words === "" ? "" : `  → ${words}`}`;
    chat(paint("dim", io.err.isTty ? fit(line, io.err.width()) : line));
  };

  return {
    delta: (key, text) => answer?.delta(key, text),
    activity(text) {
      state = text;
    },
    message(message) {
      const before = told.get(message.id) ?? 0;
      told.set(message.id, message.parts.length);
      for (const each of message.parts.slice(before)) part(each);
      answer?.message(message);
    },
    turnStarted() {
      startedAt = performance.now();
      state = "works";
    },
    note: (text) => chat(paint("dim", `  ${oneLine(text)}`)),
    retrying(attempt, reason) {
      state = `tries again (${attempt}): ${reason}`;
    },
    say: (text) => view.line(oneLine(text)),
    hold: view.hold,
    release: view.release,
    close: view.close,
  };
}
