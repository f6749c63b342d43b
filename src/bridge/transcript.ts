/**
 * What was said, told once: keeps the newest state of each message's parts and gives out those that are final, in their
 * order. A text is final when its message is complete, or when a tool that comes after it has begun: before that a
 * dropped connection may empty it again and say it anew in another part.
 *
 * The server writes its events from objects that go on changing, so a message may be complete in its very first frame,
 * before any of its parts was sent. What the stream leaves open is settled by the stored messages at the turn's end.
 */
import type { BridgeLine } from "../providers/opencode/lines.ts";
import type { Part } from "../words/said.ts";
import type { MessageInfo, WireMessage, WirePart } from "./wire.ts";

interface Open {
  readonly info: MessageInfo;
  readonly parts: Map<string, WirePart>;
  /** `id` of parts that went out, `id/result` of tools whose result did. */
  readonly told: Set<string>;
  /** Its end went out. */
  done: boolean;
}

export interface Transcript {
  message(info: MessageInfo): BridgeLine[];
  part(part: WirePart): BridgeLine[];
  /** The stored truth about a message; `final`: its turn is over, whatever it looks like. */
  stored(message: WireMessage, final: boolean): BridgeLine[];
  /** Is it what the agent says, not what it thinks? */
  isSpeech(message: string, part: string): boolean;
  /**
   * The turn is over: gives out what is left (of sub-agents, whose messages nobody reads again), then nothing of it any
   * more.
   */
  close(): BridgeLine[];
}

const REMEMBERED = 2000;
const WORDS: ReadonlySet<string> = new Set(["text", "reasoning"]);

/**
 * `childOf` names the sub-agent's session, null for the agent's own; `skip` is true for user messages that are known
 * already.
 */
export function createTranscript(
  childOf: (session: string) => string | null,
  skip: (id: string) => boolean,
): Transcript {
  const open = new Map<string, Open>();
  const closed = new Set<string>();
  /** Parts that came before their message. */
  const early = new Map<string, WirePart[]>();

  function entry(info: MessageInfo): Open {
    const known = open.get(info.id);
    const made: Open = {
      info,
      parts: known?.parts ?? new Map(),
      told: known?.told ?? new Set(),
      done: known?.done ?? false,
    };
    open.set(info.id, made);
    for (const part of early.get(info.id) ?? []) made.parts.set(part.id, part);
    early.delete(info.id);
    return made;
  }

  function flush(message: Open, final: boolean): BridgeLine[] {
    const { info, parts, told } = message;
    if (info.role === "user") return user(info, [...parts.values()]);
    const child = childOf(info.session);
    const inOrder = [...parts.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const lines: BridgeLine[] = [];
    const began = ({ tool }: WirePart) => tool !== null && tool.status !== "pending";

    for (const [at, part] of inOrder.entries()) {
      if (told.has(part.id)) continue;
      // A text may end after the tool behind it has begun.
      if (!final && WORDS.has(part.type) && !part.ended) break;
      const said = spoken(part);
      if (said === null) continue;
      if (!final && !info.completed && !inOrder.slice(at).some(began)) break;
      if (!final && part.tool !== null && !began(part)) break;
      told.add(part.id);
      lines.push({ t: "part", message: info.id, role: "assistant", part: said, child });
    }
    for (const { id, tool } of inOrder) {
      const over = tool !== null && (tool.status === "completed" || tool.status === "error");
      if (!over || !told.has(id) || told.has(`${id}/result`)) continue;
      told.add(`${id}/result`);
      const result = `${info.id}/${tool.call}`;
      const part: Part = { type: "tool_result", id: tool.call, text: tool.output, isError: tool.status === "error" };
      lines.push({ t: "part", message: result, role: "tool", part, child }, { t: "message", message: result });
    }
    const complete = final || (info.completed && inOrder.some((part) => part.type === "step-finish"));
    if (complete && told.size > 0 && (!message.done || lines.length > 0)) {
      message.done = true;
      lines.push({ t: "message", message: info.id });
    }
    return lines;
  }

  /** Somebody else spoke to the agent (an attached terminal): that is part of the conversation, too. */
  function user(info: MessageInfo, parts: readonly WirePart[]): BridgeLine[] {
    if (closed.has(info.id) || skip(info.id) || childOf(info.session) !== null) return [];
    const texts = parts.filter((part) => part.type === "text" && !part.synthetic && part.text !== "");
    if (texts.length === 0) return [];
    closed.add(info.id);
    open.delete(info.id);
    return [
      ...texts.map((part): BridgeLine => ({
        t: "part",
        message: info.id,
        role: "user",
        part: { type: "text", text: part.text },
        child: null,
      })),
      { t: "message", message: info.id },
    ];
  }

  return {
    message: (info) => (closed.has(info.id) ? [] : flush(entry(info), false)),
    part(part) {
      if (closed.has(part.message)) return [];
      const message = open.get(part.message);
      if (message === undefined) {
        early.set(part.message, [...(early.get(part.message) ?? []).filter((each) => each.id !== part.id), part]);
        return [];
      }
      message.parts.set(part.id, part);
      return flush(message, false);
    },
    stored({ info, parts }, final) {
      if (closed.has(info.id)) return [];
      const message = entry(info);
      message.parts.clear(); // what the stream told may have been taken back since
      for (const part of parts) message.parts.set(part.id, part);
      return flush(message, final || info.completed);
    },
    isSpeech: (message, part) => open.get(message)?.parts.get(part)?.type === "text",
    close() {
      const lines = [...open.values()].flatMap((message) =>
        childOf(message.info.session) === null ? [] : flush(message, true),
      );
      for (const id of open.keys()) closed.add(id);
      open.clear();
      early.clear();
      // Frames of a message may be repeated after its turn; those of old turns are not.
      for (const id of closed) {
        if (closed.size <= REMEMBERED) break;
        closed.delete(id);
      }
      return lines;
    },
  };
}

/** Null for parts that say nothing: steps, snapshots, patches, empty texts. */
function spoken({ type, text, tool }: WirePart): Part | null {
  if (tool !== null) return { type: "tool_use", id: tool.call, name: tool.name, input: tool.input ?? {} };
  if (text === "") return null;
  if (type === "text") return { type: "text", text };
  return type === "reasoning" ? { type: "thinking", text } : null;
}
