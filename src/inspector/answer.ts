/** Sends a person's answer and remembers what this page has sent: the card goes by the event, not by the answer. */
import type { Client } from "./client.ts";
import { ApiError, agentPath, problemText } from "./client.ts";
import { moment } from "./format.ts";
import type { Permission } from "./shapes.ts";
import { readAll, readPermission } from "./shapes.ts";
import { keyOf } from "./place.ts";

export interface Decision {
  readonly decision: "allow" | "allow_always" | "deny";
  readonly message?: string;
  readonly answers?: Readonly<Record<string, string | readonly string[]>>;
}

const sent = new Map<string, "sending" | "taken">();

/** This page has answered it, and the daemon took the answer. */
export const wasTaken = (permission: Permission): boolean => sent.get(keyOf(permission)) === "taken";

/** The same, or the answer is on its way. */
export const wasSent = (permission: Permission): boolean => sent.has(keyOf(permission));

/** Resolves with null when it was taken, else with what to tell. */
export async function sendAnswer(
  client: Client,
  permission: Permission,
  decision: Decision,
  nowMs: number,
): Promise<string | null> {
  const { project, agent, id, hash } = permission;
  const path = `${agentPath({ project, id: agent })}/permissions`;
  const key = keyOf(permission);
  sent.set(key, "sending");
  try {
    await client.send("POST", `${path}/${encodeURIComponent(id)}`, {
      body: { ...decision, ...(hash === null ? {} : { expect: hash }) },
    });
    sent.set(key, "taken");
    return null;
  } catch (error) {
    sent.delete(key);
    if (!(error instanceof ApiError) || error.status !== 409) return problemText(error);
    const stored = await client.get(path).catch(() => null);
    const all = readAll(stored?.body["permissions"], (each) => readPermission(each, { project, agent }));
    const settled = all.find((each) => each.id === id && each.state !== "pending");
    return settled === undefined ? error.message : settledText(settled, nowMs);
  }
}

/** How a request was settled, in a sentence. */
export function settledText({ state, settledBy, settledAt }: Permission, nowMs: number): string {
  const at = settledAt === null ? "" : ` at ${moment(settledAt, nowMs)}`;
  const how = state === "allowed" ? "allowed" : state === "denied" ? "denied" : state;
  switch (settledBy) {
    case "user":
      return `Already ${how}${at}`;
    case "policy":
      return `${capital(how)} by the agent's mode${at}`;
    case "timeout":
      return `${capital(how)}${at}: nobody answered in time`;
    case "turn_end":
      return `No longer asked: its turn ended${at}`;
    case "exit":
      return `No longer asked: its program ended${at}`;
    case "agent":
      return `No longer asked: the agent took it back${at}`;
    case "elsewhere":
      return "No longer asked";
    default:
      return `${capital(how)}${at}`;
  }
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
