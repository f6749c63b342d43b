/**
 * The conversation as lines to read. A tool is told once, together with its result, so it is kept back until the result
 * or something else comes. Pure but for what it keeps.
 */
import type { Paint } from "./colours.ts";
import { tokensOf } from "./doing.ts";
import type { MessageShape, PartShape, TurnShape } from "./shapes.ts";
import { fit, lines, pad, squeezed, wrap } from "./text.ts";
import { resultWords, toolArgument } from "./tools.ts";
import { clockTime, count, money, timeOfDay } from "./figures.ts";

export interface Style {
  /** null: for programs, tab-separated and nothing cut. */
  readonly width: number | null;
  readonly paint: Paint;
  readonly tools: "short" | "full" | "none";
  readonly thinking: boolean;
  /** What the agent is called. */
  readonly agent: string;
}

export interface Conversation {
  message(message: MessageShape): readonly string[];
  turnEnded(turn: TurnShape, n?: number): readonly string[];
  /** Anything else that is worth a line. */
  note(at: string, text: string): readonly string[];
  /** What was kept back. */
  flush(): readonly string[];
}

const WHO = 8;

export function openConversation(style: Style): Conversation {
  const { paint } = style;
  /** Tools without a result so far, by their id. */
  const open = new Map<string, { readonly at: string; readonly part: PartShape }>();

  const row = (at: string, who: string, body: readonly string[], indent = 0): readonly string[] => {
    if (style.width === null) return [`${at}\t${who}\t${body.join(" ")}`];
    const head = `${timeOfDay(Date.parse(at))} ${" ".repeat(indent)}`;
    const label = pad(fit(who, WHO), WHO + 1 - indent);
    const room = Math.max(10, style.width - head.length - label.length);
    const wrapped = body.flatMap((line) => wrap(line, room));
    return wrapped.map((line, i) =>
      i === 0
        ? `${paint("dim", head)}${paint("bold", label)}${line}`
        : `${" ".repeat(head.length + label.length)}${line}`,
    );
  };

  const tool = ({ at, part }: { at: string; part: PartShape }, result: PartShape | null): readonly string[] => {
    if (style.tools === "none") return [];
    const words = result === null ? "" : resultWords(result);
    const line = `${toolArgument(part.input)}${words === "" ? "" : `  → ${words}`}`;
    if (style.tools === "short") {
      const room = style.width === null ? null : Math.max(10, style.width - 20);
      return row(at, part.name ?? "tool", [room === null ? line : fit(line, room)], 2);
    }
    const detail = [
      ...lines(typeof part.input === "string" ? part.input : JSON.stringify(part.input, null, 2)),
      ...(result === null ? [] : ["→", ...lines(result.text ?? "")]),
    ];
    return row(at, part.name ?? "tool", detail, 2);
  };

  const flush = (): readonly string[] => {
    const told = [...open.values()].flatMap((each) => tool(each, null));
    open.clear();
    return told;
  };

  return {
    flush,
    message({ role, parts, createdAt, subagent, via }) {
      const whose = role === "user" ? "you" : role === "system" ? "system" : (subagent ?? style.agent);
      const who = via === undefined ? whose : `${whose}*`;
      return parts.flatMap((part) => {
        switch (part.type) {
          case "text": {
            if ((part.text ?? "").trim() === "") return [];
            return [...flush(), ...row(createdAt, who, lines((part.text ?? "").trim()))];
          }
          case "thinking":
            return style.thinking ? row(createdAt, "thinks", lines((part.text ?? "").trim())) : [];
          case "tool_use":
            open.set(part.id ?? "", { at: createdAt, part });
            return [];
          case "tool_result": {
            const asked = open.get(part.id ?? "");
            open.delete(part.id ?? "");
            return asked === undefined ? [] : tool(asked, part);
          }
        }
      });
    },
    turnEnded(turn, n) {
      const at = turn.endedAt ?? turn.startedAt;
      return [...flush(), ...row(at, "──", [turnWords(turn, n)])];
    },
    note: (at, text) => [...flush(), ...row(at, "──", [squeezed(text)])],
  };
}

/** `turn 3 completed in 1:19, 18k tokens, $0.12` */
export function turnWords(turn: TurnShape, n?: number): string {
  const took = turn.endedAt === null ? "" : ` in ${clockTime(Date.parse(turn.endedAt) - Date.parse(turn.startedAt))}`;
  const tokens = turn.usage === undefined || turn.usage === null ? null : tokensOf(turn.usage);
  const cost = turn.usage?.costUsd;
  return [
    `${n === undefined ? "" : `turn ${n} `}${turn.outcome ?? "runs"}${took}`,
    ...(tokens === null ? [] : [`${count(tokens)} tokens`]),
    ...(cost === undefined ? [] : [money(cost)]),
    ...(turn.error === undefined || turn.error === null ? [] : [`${turn.error.code}: ${squeezed(turn.error.message)}`]),
  ].join(", ");
}
