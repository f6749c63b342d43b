/**
 * How a status is told: its word, its shape and how urgent it is. The one place that turns a status into words. Pure.
 */
import { age, firstLine } from "./format.ts";
import type { Agent } from "./shapes.ts";

export type Look = "waiting" | "error" | "exited" | "processing" | "starting" | "limited" | "idle" | "unknown";

const LOOKS: ReadonlyMap<string, Look> = new Map([
  ["waiting_input", "waiting"],
  ["error", "error"],
  ["exited", "exited"],
  ["processing", "processing"],
  ["starting", "starting"],
  ["limited", "limited"],
  ["idle", "idle"],
]);

/** Chips of the bar, in order of urgency, with the word that stands behind their number. */
export const CHIPS: readonly (readonly [Look, string])[] = [
  ["waiting", "wait"],
  ["error", "failed"],
  ["exited", "exited"],
  ["processing", "working"],
  ["limited", "limited"],
  ["starting", "starting"],
  ["idle", "idle"],
];

/** A status that a newer daemon has is shown by its own word. */
export const lookOf = (status: string): Look => LOOKS.get(status) ?? "unknown";

export const isBusy = ({ status }: Pick<Agent, "status">): boolean =>
  status === "processing" || status === "waiting_input" || status === "starting" || status === "limited";

export const isStalled = ({ status, cause }: Agent): boolean =>
  status === "processing" && cause.source === "timer" && cause.detail.startsWith("no frame");

/** `unseen`: a turn ended that nobody has looked at. */
export function wordOf(agent: Agent, unseen: boolean): string {
  switch (agent.status) {
    case "waiting_input":
      return "Waits for you";
    case "error":
      return "Failed";
    case "exited":
      return "Exited";
    case "limited":
      return "Limited";
    case "processing":
      return agent.retrying !== null ? "Retrying" : isStalled(agent) ? "Stalled" : "Working";
    case "starting":
      return "Starting";
    case "idle":
      return restWord(agent, unseen);
    default:
      return agent.status;
  }
}

function restWord({ turn, process }: Agent, unseen: boolean): string {
  if (process === "attached") return "Attached";
  if (turn === null) return process === "stopped" ? "Stopped" : "New";
  if (turn.outcome === "interrupted") return "Aborted";
  if (process === "stopped") return "Stopped";
  return process === "parked" && !unseen ? "Parked" : "Done";
}

/** What it does now, in one line. `title`: of the permission it waits for. */
export function doingNow(agent: Agent, title: string | null, nowMs: number): string {
  const { queuedInputs: queued, held } = agent;
  const more = queued === 0 ? "" : held ? ` · +${queued} held` : ` · +${queued} queued`;
  return nowLine(agent, title, nowMs) + more;
}

function nowLine(agent: Agent, title: string | null, nowMs: number): string {
  const { activity, retrying, provider, turn, error } = agent;
  const last = activity === null ? "" : firstLine(activity.text);
  switch (agent.status) {
    case "waiting_input":
      return title ?? (last || "waits for an answer");
    case "processing":
      if (retrying !== null)
        return `retry ${retrying.attempt}: ${retrying.reason}${retrying.status === null ? "" : ` (${retrying.status})`}`;
      if (isStalled(agent)) return `no sign for ${age(nowMs - (activity?.at ?? agent.cause.at ?? agent.updatedAt))}`;
      return last || "is thinking";
    case "limited":
      return agent.cause.detail;
    case "starting":
      return `${provider} is being ${agent.session === null ? "started" : "resumed"}`;
    case "error":
    case "exited": {
      const problem = error ?? turn?.error ?? null;
      return problem === null ? agent.cause.detail : `${problem.code}: ${firstLine(problem.message)}`;
    }
    case "idle":
      if (agent.process === "attached") return "A person has it on screen";
      return turn === null && last === "" ? "has no task yet" : last;
    default:
      return last || agent.cause.detail;
  }
}

/** Since when it is as it is. */
export const changedAt = (agent: Agent): number => agent.cause.at ?? agent.turn?.endedAt ?? agent.updatedAt;

/** Lower = more urgent: who waits, what failed unseen, what works, what ended unseen, the rest. */
export function urgency(agent: Agent, unseen: boolean): number {
  switch (lookOf(agent.status)) {
    case "waiting":
      return 0;
    case "error":
    case "exited":
      return unseen ? 1 : 6;
    case "processing":
      return 2;
    case "limited":
      return 3;
    case "starting":
      return 4;
    case "idle":
      return unseen ? 5 : 6;
    case "unknown":
      return 2;
  }
}

export const nameOf = ({ name, id }: Pick<Agent, "name" | "id">): string => name ?? id;
