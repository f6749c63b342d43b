/**
 * Tool calls of a turn: each becomes one tool_use and one tool_result, however often the agent repeats its updates.
 * Agents differ in what comes first: a pending `tool_call` without its input, one in progress, or no `tool_call` at all
 * but an update after a permission request; so a call is announced when it is known to run, with all that was said till
 * then.
 */
import { own } from "../../lib/own.ts";
import { excerpt } from "../../lib/text.ts";
import { patch, say } from "../draft.ts";
import { type Fields, fields, isFields, items, maybeIdOf, maybeText, NAME_CHARS, REASON_CHARS, text } from "../read.ts";
import { contentText } from "./content.ts";
import { closeMessage } from "./message.ts";
import { type Draft, takeMessageKey, type Tool } from "./state.ts";

/** A `tool_call` or `tool_call_update`. */
export function toolUpdate(draft: Draft, update: Fields): void {
  const id = maybeIdOf(update, "toolCallId");
  if (id === undefined) return;
  const known = own(draft.state.tools, id);
  if (known?.done === true) return;
  // A new call ends the text before it; updates of a running one do not.
  if (known === undefined) closeMessage(draft);
  const tool = merged(known, update);
  const status = text(update, "status");
  const ended = status === "completed" || status === "failed";
  if (ended || status === "in_progress") announce(draft, id, tool);
  else keep(draft, id, tool);
  if (!ended) return;
  const key = takeMessageKey(draft);
  keep(draft, id, { ...tool, input: null, output: "", used: true, done: true });
  const part = { type: "tool_result", id, text: outputOf(tool, update), isError: status === "failed" } as const;
  say(draft, { type: "part", key, role: "tool", part }, { type: "message_done", key });
}

/** What a permission request says of its call: some agents tell the input nowhere else. */
export function toolAsked(draft: Draft, call: Fields): void {
  const id = maybeIdOf(call, "toolCallId");
  if (id === undefined || own(draft.state.tools, id)?.done === true) return;
  keep(draft, id, merged(own(draft.state.tools, id), call));
}

/**
 * The turn is over: calls that never got as far as running are announced, so that nothing the agent wanted is missing.
 */
export function closeTools(draft: Draft): void {
  for (const [id, tool] of Object.entries(draft.state.tools)) announce(draft, id, tool);
}

function announce(draft: Draft, id: string, tool: Tool): void {
  if (tool.used) return keep(draft, id, tool);
  const key = takeMessageKey(draft);
  const part = { type: "tool_use", id, name: tool.name ?? tool.kind, input: inputOf(tool) } as const;
  // The input went out with the fact; the state stays small.
  keep(draft, id, { ...tool, used: true, input: null });
  say(draft, { type: "part", key, role: "assistant", part }, { type: "message_done", key });
}

function keep(draft: Draft, id: string, tool: Tool): void {
  patch(draft, { tools: { ...draft.state.tools, [id]: tool } });
}

/** Later updates bring only what changed. */
function merged(known: Tool | undefined, update: Fields): Tool {
  const rawInput = update["rawInput"];
  const shown = contentOf(update);
  const name = maybeText(update, "name") ?? known?.name ?? null;
  return {
    title: excerpt(maybeText(update, "title") ?? known?.title ?? "", REASON_CHARS),
    kind: excerpt(maybeText(update, "kind") ?? known?.kind ?? "other", NAME_CHARS),
    name: name === null ? null : excerpt(name, NAME_CHARS),
    input: known?.used === true ? null : isEmpty(rawInput) ? (known?.input ?? null) : rawInput,
    output: (shown !== "" ? shown : (known?.output ?? "")) + terminalOutput(update),
    used: known?.used ?? false,
    done: false,
  };
}

/** Not every agent tells the input; then what it shows to people is all there is. */
function inputOf({ input, title, output }: Tool): unknown {
  if (input !== null) return input;
  return output === "" ? { title } : { title, description: output };
}

/** What the last update holds counts; an empty list says that nothing is shown, a missing one that nothing changed. */
function outputOf(tool: Tool, update: Fields): string {
  const shown = contentOf(update) || rawOutputOf(update);
  if (shown !== "") return shown;
  return Array.isArray(update["content"]) && terminalOutput(update) === "" ? "" : tool.output;
}

function rawOutputOf(update: Fields): string {
  const raw = update["rawOutput"];
  if (raw === undefined || raw === null) return "";
  if (typeof raw === "string") return raw;
  const words = ["output", "error", "aggregated_output", "formatted_output", "stdout"].map((key) => text(raw, key));
  return words.find((each) => each !== "") ?? JSON.stringify(raw);
}

/** Output of a terminal that the agent shows as an extension, piece by piece. */
function terminalOutput(update: Fields): string {
  const meta = fields(update, "_meta");
  return text(fields(meta, "terminal_output"), "data") || text(fields(meta, "terminal_output_delta"), "data");
}

/** The text of a call's content; a diff stands for itself only where no text says what was done. */
export function contentOf(update: Fields): string {
  const shown = items(update, "content");
  const texts = shown.filter((item) => item["type"] === "content").map((item) => contentText(item["content"]));
  const diffs = shown
    .filter((item) => item["type"] === "diff")
    .map((item) => `changed ${maybeText(item, "path") ?? "a file"}`);
  return (texts.some((each) => each !== "") ? texts : diffs).join("\n");
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (isFields(value) && Object.keys(value).length === 0);
}
