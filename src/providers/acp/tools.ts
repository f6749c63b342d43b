/**
 * Tool calls of a turn: each becomes one tool_use and one tool_result, however often the agent repeats its updates.
 * Agents differ in what comes first: a pending `tool_call` without its input, one in progress, or no `tool_call` at all
 * but an update after a permission request; so a call is announced when it is known to run, with all that was said till
 * then.
 */
import type { ProviderFact } from "../contract.ts";
import { contentText } from "./content.ts";
import { closeMessage, type Moved } from "./message.ts";
import { type AcpState, takeMessageKey, type Tool } from "./state.ts";
import { type Fields, items, maybeIdOf, maybeText } from "../read.ts";

/** A `tool_call` or `tool_call_update`. */
export function toolUpdate(before: AcpState, update: Fields): Moved {
  const id = maybeIdOf(update, "toolCallId");
  if (id === undefined) return { state: before, facts: [] };
  const known = before.tools[id];
  if (known?.done === true) return { state: before, facts: [] };
  // A new call ends the text before it; updates of a running one do not.
  const { state, facts } = known === undefined ? closeMessage(before) : { state: before, facts: [] };
  const tool = merged(known, update);
  const status = maybeText(update, "status") ?? "";
  const ended = status === "completed" || status === "failed";
  const used =
    ended || status === "in_progress" ? announce(state, id, tool) : { state: keep(state, id, tool), facts: [] };
  if (!ended) return { state: used.state, facts: [...facts, ...used.facts] };
  const { state: taken, key } = takeMessageKey(used.state);
  return {
    state: keep(taken, id, { ...tool, input: null, output: "", used: true, done: true }),
    facts: [
      ...facts,
      ...used.facts,
      {
        type: "part",
        key,
        role: "tool",
        part: { type: "tool_result", id, text: outputOf(tool, update), isError: status === "failed" },
      },
      { type: "message_done", key },
    ],
  };
}

/**
 * The turn is over: calls that never got as far as running are announced, so that nothing the agent wanted is missing.
 */
export function closeTools(before: AcpState): Moved {
  let state = before;
  const facts: ProviderFact[] = [];
  for (const [id, tool] of Object.entries(before.tools)) {
    const announced = announce(state, id, tool);
    state = announced.state;
    facts.push(...announced.facts);
  }
  return { state, facts };
}

function announce(state: AcpState, id: string, tool: Tool): Moved {
  if (tool.used) return { state: keep(state, id, tool), facts: [] };
  const { state: taken, key } = takeMessageKey(state);
  const part = { type: "tool_use", id, name: tool.name ?? tool.kind, input: inputOf(tool) } as const;
  // The input went out with the fact; the state stays small.
  return {
    state: keep(taken, id, { ...tool, used: true, input: null }),
    facts: [
      { type: "part", key, role: "assistant", part },
      { type: "message_done", key },
    ],
  };
}

function keep(state: AcpState, id: string, tool: Tool): AcpState {
  return { ...state, tools: { ...state.tools, [id]: tool } };
}

/** Later updates bring only what changed. */
function merged(known: Tool | undefined, update: Fields): Tool {
  const rawInput = update["rawInput"];
  const content = update["content"];
  return {
    title: maybeText(update, "title") ?? known?.title ?? "",
    kind: maybeText(update, "kind") ?? known?.kind ?? "other",
    name: maybeText(update, "name") ?? known?.name ?? null,
    input: known?.used === true ? null : isEmpty(rawInput) ? (known?.input ?? null) : rawInput,
    output: Array.isArray(content) && content.length > 0 ? contentOf(update) : (known?.output ?? ""),
    used: known?.used ?? false,
    done: false,
  };
}

/** Not every agent tells the input; then its one line for people is all there is. */
function inputOf({ input, title, output }: Tool): unknown {
  if (input !== null) return input;
  return output === "" ? { title } : { title, description: output };
}

/** What the last update holds counts; an empty list says that nothing is shown, a missing one that nothing changed. */
function outputOf(tool: Tool, update: Fields): string {
  const content = update["content"];
  if (!Array.isArray(content)) return rawOutputOf(update) || tool.output;
  return contentOf(update) || rawOutputOf(update);
}

function rawOutputOf(update: Fields): string {
  const raw = update["rawOutput"];
  if (raw === undefined || raw === null) return "";
  return typeof raw === "string" ? raw : (maybeText(raw, "output") ?? maybeText(raw, "error") ?? JSON.stringify(raw));
}

/** The text of a call's content; a diff stands for itself only where no text says what was done. */
function contentOf(update: Fields): string {
  const shown = items(update, "content");
  const texts = shown.filter((item) => item["type"] === "content").map((item) => contentText(item["content"]));
  const diffs = shown
    .filter((item) => item["type"] === "diff")
    .map((item) => `changed ${maybeText(item, "path") ?? "a file"}`);
  return (texts.some((text) => text !== "") ? texts : diffs).join("\n");
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);
}
