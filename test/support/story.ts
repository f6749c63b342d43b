/**
 * What must be true of any agent's event log, whatever happened to it: every change of status goes on from the one
 * before, nothing rests while a turn is open, a turn ends once, an input ends once, a message is told once.
 */
import type { Json } from "./api.ts";

const RESTING = ["idle", "error", "exited"];
/** Which state of an input may follow which. "queued" again: it was put back, or its turn was opened. */
const FOLLOWS: Readonly<Record<string, readonly string[]>> = {
  queued: ["queued", "written", "cancelled", "ended", "unknown"],
  written: ["written", "queued", "accepted", "ended", "unknown", "cancelled"],
  accepted: ["accepted", "ended"],
};

/**
 * Everything that is wrong with the log, in words; empty when it is a good one. `events` are all of one agent, in
 * order.
 */
export function flawsIn(events: readonly Json[]): string[] {
  const flaws: string[] = [];
  const asked = new Set<string>();
  const told = new Set<string>();
  const turns = new Map<string, "open" | "ended">();
  const inputs = new Map<string, string>();
  let status = "";
  let newest = 0;
  for (const { id, type, data } of events) {
    const at = `event ${String(id)}`;
    if (Number(id) <= newest) flaws.push(`${at} comes after ${newest}`);
    newest = Number(id);
    const open = [...turns].filter(([, state]) => state === "open").map(([turn]) => turn);
    switch (String(type)) {
      case "agent_status": {
        const [from, to] = [String(data?.["from"]), String(data?.["to"])];
        if (status !== "" && from !== status)
          flaws.push(`${at}: the status was ${status}, the change is from ${from} to ${to}`);
        status = to;
        if (RESTING.includes(to) && open.length > 0) flaws.push(`${at}: ${to} in the middle of turn ${open.join()}`);
        if (RESTING.includes(to) && asked.size > 0) flaws.push(`${at}: ${to} while ${asked.size} permissions are open`);
        if (to === "waiting_input" && asked.size === 0) flaws.push(`${at}: waiting_input, and nothing is asked`);
        break;
      }
      case "turn_started": {
        const turn = String(data?.["turn"]?.["id"]);
        if (turns.has(turn)) flaws.push(`${at}: turn ${turn} begins twice`);
        if (open.length > 0) flaws.push(`${at}: turn ${turn} begins within ${open.join()}`);
        turns.set(turn, "open");
        break;
      }
      case "turn_ended": {
        const turn = String(data?.["turn"]?.["id"]);
        if (turns.get(turn) !== "open")
          flaws.push(`${at}: turn ${turn} ends, but it is ${turns.get(turn) ?? "not begun"}`);
        turns.set(turn, "ended");
        break;
      }
      case "input": {
        const [n, to] = [String(data?.["input"]?.["n"]), String(data?.["input"]?.["state"])];
        const from = inputs.get(n);
        if (from !== undefined && FOLLOWS[from]?.includes(to) !== true)
          flaws.push(`${at}: input ${n} goes from ${from} to ${to}`);
        inputs.set(n, to);
        break;
      }
      case "message": {
        const message = String(data?.["message"]?.["id"]);
        if (told.has(message)) flaws.push(`${at}: message ${message} is told twice`);
        told.add(message);
        break;
      }
      case "permission_requested":
        asked.add(String(data?.["permission"]?.["id"]));
        break;
      case "permission_settled":
        if (!asked.delete(String(data?.["permission"]?.["id"])))
          flaws.push(`${at}: a permission is settled twice, or was never asked`);
        break;
    }
  }
  return flaws;
}

/** What the agent was, one after the other. */
export function statusesIn(events: readonly Json[]): string[] {
  return events.filter(({ type }) => String(type) === "agent_status").map(({ data }) => String(data?.["to"]));
}
