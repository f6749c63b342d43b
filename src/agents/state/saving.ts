/**
 * Saving what a turn left goes on behind its end where that takes long and nothing else is to be done: who waits for
 * the turn is told of it, and the next one begins only when it is saved, or its time is over.
 */
import type { AgentState, Closing } from "../../words/agent.ts";
import { advance } from "./turns.ts";
import type { Work } from "./work.ts";

/** So long a turn's end waits for it. */
export const SAVING_WAIT_MS = 2000;

/** Only what is saved is missing to its end. */
export const maySaveBehind = ({ steps, expired, limitMs }: Closing): boolean =>
  steps.length === 1 && steps[0] === "snapshot" && !expired && limitMs > SAVING_WAIT_MS;

export function savingDue({ saving }: Pick<AgentState, "saving">, graceMs: number): number | null {
  return saving === null ? null : saving.since + saving.limitMs + (saving.expired ? graceMs : 0);
}

/** Its time is over: it is told so once, and then done without. */
export function onSavingDue(work: Work): void {
  const { s, out } = work;
  if (s.saving === null) return;
  if (!s.saving.expired) {
    s.saving = { ...s.saving, expired: true };
    out.push({ do: "close_expired" });
    return;
  }
  dropSaving(work);
  goOn(work);
}

/** True: it was this. What it came to was stored by whoever did it. */
export function saved(work: Work, turn: string, step: string): boolean {
  const { s } = work;
  if (s.saving === null || s.saving.turn !== turn || step !== "snapshot") return false;
  s.saving = null;
  goOn(work);
  return true;
}

function goOn(work: Work): void {
  const { s, env } = work;
  if (s.turn !== null || s.wanted) s.cause = { source: env.source, detail: "saved", at: env.nowMs };
  advance(work);
}

/** Nobody wants it any more, or what is saved now has it, too. */
export function dropSaving({ s, out }: Work): void {
  if (s.saving === null) return;
  s.saving = null;
  out.push({ do: "close_cancel" });
}
