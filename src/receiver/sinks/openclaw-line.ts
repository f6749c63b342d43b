/**
 * The one line that OpenClaw gets for an event, or for a burst of them. Pure, and the same for the same deliveries: a
 * retry must be byte-identical, because OpenClaw recognises a repeated line only by its text. So: no attempt number and
 * no clock in it. Its queue holds 20 lines and drops the oldest silently, hence few and short ones.
 */
import { HarnessError } from "../../lib/errors.ts";
import { excerpt, oneLine } from "../../lib/text.ts";
import { agentLabel, checkText, eventVerb, type HarnessEvent } from "../event.ts";

export const LINE_MAX = 1000;
/** Agents named in one line. More wait for the next line rather than being left out. */
export const MERGE_MAX_AGENTS = 15;
const QUOTE_MAX = 400;

export interface Reported {
  /** The short delivery id. */
  readonly id: string;
  readonly event: HarnessEvent;
}

/** `reported` is in the order of arrival and not empty. At most 1000 UTF-16 units, no controls, no line break. */
export function openclawLine(reported: readonly Reported[]): string {
  const agents = byAgent(reported);
  const [only] = agents;
  if (agents.length === 1 && only) return excerpt(inFull(only), LINE_MAX);
  const head = `${reported.length} coding agent events: `;
  const tail = ` [delivery ${reported[0]?.id ?? "?"} and ${reported.length - 1} more]`;
  const share = Math.floor((LINE_MAX - head.length - tail.length) / agents.length) - 2;
  return `${head}${agents.map((events, i) => inBrief(events, i + 1, share)).join("; ")}${tail}`;
}

/** The part of `waiting` that fits one line: in order, of at most 15 agents. */
export function mergeable<T>(waiting: readonly T[], eventOf: (item: T) => HarnessEvent): readonly T[] {
  const agents = new Set<string>();
  const taken: T[] = [];
  for (const item of waiting) {
    agents.add(agentKey(eventOf(item)));
    if (agents.size > MERGE_MAX_AGENTS) break;
    taken.push(item);
  }
  return taken;
}

function agentKey({ project, agentId }: HarnessEvent): string {
  return JSON.stringify([project, agentId]);
}

function byAgent(reported: readonly Reported[]): readonly (readonly Reported[])[] {
  const groups = new Map<string, Reported[]>();
  for (const item of reported) {
    const key = agentKey(item.event);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups.values()];
}

/** `Coding agent fix-login (a3f2b1c0, claude-code) in project shop completed: "…" [delivery 1a2b3c4d5e]`. */
function inFull(events: readonly Reported[]): string {
  const { event, id } = latest(events);
  const named = event.name === null ? "" : `${clean(event.agentId, 20)}, `;
  const who = `Coding agent ${clean(agentLabel(event), 64)} (${named}${clean(event.provider, 30)}) in project ${clean(event.project, 64)}${event.node === null ? "" : ` on ${clean(event.node, 64)}`}`;
  return `${who} ${clean(eventVerb(event.event), 60)}${count(events)}${quote(event, QUOTE_MAX)} [delivery ${id}]`;
}

/** `(2) shop/fix-login completed: "…"`, at most `max` units. */
function inBrief(events: readonly Reported[], number: number, max: number): string {
  const { event } = latest(events);
  const what = clean(event.event.replace(/^agent_/, "").replaceAll("_", " "), 20);
  const who = `(${number}) ${clean(event.project, 20)}/${clean(agentLabel(event), 20)} ${what}${count(events)}`;
  const room = max - who.length - 4;
  // A quote of a few letters says nothing.
  return excerpt(room < 24 ? who : who + quote(event, room), max);
}

/** What happened last to an agent is its state. */
function latest(events: readonly Reported[]): Reported {
  const last = events.at(-1);
  if (!last) throw new HarnessError("INTERNAL", "cannot describe an agent without events");
  return last;
}

function count(events: readonly Reported[]): string {
  return events.length > 1 ? ` (${events.length} events)` : "";
}

function quote(event: HarnessEvent, max: number): string {
  const said = oneLine(
    [event.account, event.error, event.budget, checkText(event), event.changes]
      .concat(event.result, event.question, event.lastMessage)
      .filter((text) => text !== null)
      .join(" · "),
  );
  // Its own quotation marks must not seem to end the quote.
  return said === "" ? "" : `: "${excerpt(said.replaceAll('"', "'"), max)}"`;
}

function clean(text: string, max: number): string {
  return excerpt(oneLine(text), max) || "?";
}
