/**
 * Webhooks: each ended turn is reported by one notice, each question by one, the event is that of the outcome, and each
 * notice arrived with its bytes: at the receiver's door, in its inbox once, in the channel.
 */
import type { Json } from "../../support/api.ts";
import type { Check, Evidence } from "../evidence.ts";
import { turnsOf } from "./runs.ts";

const EVENT_OF: Readonly<Record<string, string>> = {
  completed: "agent_completed",
  failed: "agent_error",
  interrupted: "agent_aborted",
  lost: "agent_exited",
};

interface Notice {
  readonly id: string;
  readonly body: Json;
}

/** As they arrived, each id once. */
function noticesOf({ arrivals }: Evidence, agent: string): readonly Notice[] {
  const found = new Map<string, Notice>();
  for (const { id, body } of arrivals) {
    const json = JSON.parse(body) as Json;
    if (String(json["agentId"]) === agent) found.set(id, { id, body: json });
  }
  return [...found.values()];
}

export const endsAreToldOnce: Check = (evidence) =>
  evidence.agents.flatMap(({ id, provider }) => {
    const notices = noticesOf(evidence, id);
    const told = notices.flatMap((notice) => [...(notice.body["turns"] ?? [])].map((turn) => ({ notice, turn })));
    const flaws: string[] = [];
    for (const { id: turn, outcome } of turnsOf(evidence.shown.events[id] ?? [])) {
      const by = told.filter((each) => String(each.turn["id"]) === turn);
      if (by.length !== 1) flaws.push(`turn ${turn} (${outcome}) is told by ${by.length} notices`);
      for (const each of by)
        if (String(each.turn["outcome"]) !== outcome)
          flaws.push(`turn ${turn} ended ${outcome}, its notice says ${String(each.turn["outcome"])}`);
    }
    for (const { body } of notices) {
      const last = [...(body["turns"] ?? [])].at(-1);
      const [event, expected] = [String(body["event"]), EVENT_OF[String(last?.["outcome"])]];
      if (last !== undefined && expected !== event && !(event === "agent_exited" || event === "agent_error"))
        flaws.push(`${event} for a turn that ended ${String(last["outcome"])}`);
    }
    const asked = (evidence.shown.events[id] ?? []).filter(({ type }) => String(type) === "permission_requested");
    for (const { data } of asked) {
      const permission = String(data?.["permission"]?.["id"]);
      const by = notices.filter(({ body }) => String(body["permission"]?.["id"]) === permission);
      if (by.length !== 1) flaws.push(`permission ${permission} is told by ${by.length} notices`);
    }
    return flaws.map((flaw) => `${id} (${provider}): ${flaw}`);
  });

export const noticesArrive: Check = ({ shown, arrivals }) => {
  const flaws: string[] = [];
  const listed = new Set(shown.deliveries.map((delivery) => String(delivery["id"])));
  const bodies = new Map<string, string>();
  for (const { id, body } of arrivals) {
    if (!listed.has(id)) flaws.push(`${id}: arrived, but no delivery has this id`);
    if ((bodies.get(id) ?? body) !== body) flaws.push(`${id}: arrived with two bodies`);
    bodies.set(id, body);
  }
  for (const delivery of shown.deliveries) {
    const id = String(delivery["id"]);
    if (String(delivery["state"]) !== "delivered") flaws.push(`${id}: ${String(delivery["state"])} when all was quiet`);
    const taken = arrivals.some((each) => each.id === id && each.status !== null && each.status < 300);
    if (String(delivery["state"]) === "delivered" && !taken) flaws.push(`${id}: called delivered, but nobody took it`);
  }
  return flaws;
};

export const receiverPassesOn: Check = ({ shown, receiver }) => {
  const flaws: string[] = [];
  for (const delivery of shown.deliveries) {
    const id = String(delivery["id"]);
    const stored = receiver.deliveries.filter((each) => String(each["webhookId"]) === id);
    if (stored.length !== 1) flaws.push(`${id}: in the receiver's inbox ${stored.length} times`);
    for (const each of stored) {
      const { state, interrupted } = each["sinks"]?.["discord"] ?? ({} as Json);
      const posts = receiver.posts.filter((post) => post === String(each["id"])).length;
      if (String(state) !== "delivered") flaws.push(`${id}: ${String(state)} in the receiver when all was quiet`);
      if (posts === 0) flaws.push(`${id}: not in the channel`);
      // A double is owed to a death between sending and noting, or to an answer that never came (not counted here).
      const asked = receiver.askedAgain.includes(String(each["id"]));
      if (posts > 1 && Number(interrupted) === 0 && !asked) flaws.push(`${id}: ${posts} times in the channel`);
    }
  }
  return flaws;
};
