/** `logs`: the conversation to read, and what comes next with `-f`. */
import { parseSince } from "../../lib/since.ts";
import { isObject } from "../../lib/check.ts";
import { EXIT } from "../../words/exits.ts";
import type { Client } from "../client.ts";
import { painter } from "../colours.ts";
import type { Context } from "../command.ts";
import type { Conversation } from "../conversation.ts";
import { openConversation } from "../conversation.ts";
import { printJson } from "../print.ts";
import type { AgentShape, MessageShape, TurnShape } from "../shapes.ts";
import { get, pathOf, withCursor } from "../shapes.ts";
import type { StreamEvent } from "../stream.ts";
import { follow } from "../stream.ts";
import { findAgent } from "../target.ts";
import { eventsSince } from "./events.ts";
import { newest, pagesOf } from "./messages.ts";
import { given } from "../../lib/given.ts";

const USUAL = 50;
const TYPES = ["message", "turn_ended", "permission_requested", "permission_settled", "note", "agent_status"] as const;

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const agent = await findAgent(client, args.words[0] ?? "");
  const conversation = openConversation({
    width: io.out.isTty ? io.out.width() : null,
    paint: painter(io.out),
    tools: toolsOf(args.value("tools")),
    thinking: args.has("thinking"),
    agent: agent.name ?? agent.id,
  });
  const teller = openTeller(context, conversation);
  // The cursor before the messages: what comes in between is told once, because ids are compared.
  const { cursor } = await withCursor(client, `${pathOf(agent)}/messages?limit=1`);
  const messages = await chosen(context, client, agent);
  const turns = await get(client, `${pathOf(agent)}/turns?limit=1000`, "turns");
  teller.past(messages, turns);
  if (!args.has("follow")) {
    teller.end();
    if (messages.length === 0 && io.out.isTty && !args.has("json")) io.out.line("nothing was said yet");
    return EXIT.ok;
  }
  const events = follow(client, io, {
    path: `${pathOf(agent)}/events`,
    types: TYPES,
    since: cursor,
    ...given({ signal: context.signal }),
    reconnectMs: args.duration("reconnect"),
  });
  for await (const event of events) await teller.event(event, client, agent);
  return EXIT.ok;
}

const toolsOf = (value: string | undefined): "short" | "full" | "none" =>
  value === "full" || value === "none" ? value : "short";

async function chosen(context: Context, client: Client, agent: AgentShape): Promise<readonly MessageShape[]> {
  const { args } = context;
  const since = args.value("since");
  if (since === undefined) return newest(client, agent, args.number("number") ?? USUAL);
  const from = parseSince(since, Date.now());
  if (from === undefined) return [];
  const found: MessageShape[] = [];
  if ("atMs" in from) {
    for await (const page of pagesOf(client, agent))
      found.push(...page.filter(({ createdAt }) => Date.parse(createdAt) >= from.atMs));
  } else {
    for await (const event of eventsSince(client, `${pathOf(agent)}/events`, from.event, ["message"])) {
      const message = await messageOf(event, client, agent);
      if (message !== null) found.push(message);
    }
  }
  return args.number("number") === undefined ? found : found.slice(-(args.number("number") ?? 0));
}

/** A large message is only named in its event. */
export async function messageOf(event: StreamEvent, client: Client, agent: AgentShape): Promise<MessageShape | null> {
  const message = event.data["message"];
  if (!isObject(message) || typeof message["id"] !== "number") return null;
  if (message["omitted"] !== true) return message as unknown as MessageShape; // told by the daemon in this shape
  const page = await get(client, `${pathOf(agent)}/messages?after=${message["id"] - 1}&limit=1`, "messages");
  return page[0] ?? null;
}

interface Teller {
  past(messages: readonly MessageShape[], turns: readonly TurnShape[]): void;
  event(event: StreamEvent, client: Client, agent: AgentShape): Promise<void>;
  end(): void;
}

/** Prints each message and each end of a turn once, whatever way it came. */
function openTeller({ args, io }: Context, conversation: Conversation): Teller {
  const json = args.has("json");
  /** How many parts of each message were told: one may grow after it was. */
  const told = new Map<number, number>();
  const ended = new Set<string>();
  const print = (lines: readonly string[]): void => {
    if (lines.length > 0) io.out.write(`${lines.join("\n")}\n`);
  };
  const message = (each: MessageShape): void => {
    const before = told.get(each.id) ?? 0;
    if (each.parts.length <= before) return;
    told.set(each.id, each.parts.length);
    if (json) printJson(io.out, each);
    else print(conversation.message({ ...each, parts: each.parts.slice(before) }));
  };
  const turn = (each: TurnShape): void => {
    if (each.endedAt === null || ended.has(each.id)) return;
    ended.add(each.id);
    if (json) printJson(io.out, { turn: each });
    else print(conversation.turnEnded(each, each.n));
  };
  return {
    past(messages, turns) {
      const byId = new Map(turns.map((each) => [each.id, each]));
      for (const [i, each] of messages.entries()) {
        message(each);
        const over = each.turnId === null ? undefined : byId.get(each.turnId);
        if (over !== undefined && messages[i + 1]?.turnId !== each.turnId) turn(over);
      }
      for (const each of turns) if (each.endedAt !== null) ended.add(each.id);
    },
    async event(event, client, agent) {
      if (event.type === "message") {
        const said = await messageOf(event, client, agent);
        if (said !== null) message(said);
      } else if (event.type === "turn_ended") {
        const [last] = (await get(client, `${pathOf(agent)}/turns?limit=5`, "turns")).filter(
          ({ id }) => isObject(event.data["turn"]) && event.data["turn"]["id"] === id,
        );
        if (last !== undefined) turn(last);
      } else if (!json) {
        const text = noteOf(event);
        if (text !== null) print(conversation.note(typeof event.at === "string" ? event.at : "", text));
      }
    },
    end: () => print(conversation.flush()),
  };
}

function noteOf({ type, data }: StreamEvent): string | null {
  const permission = isObject(data["permission"]) ? data["permission"] : {};
  switch (type) {
    case "permission_requested":
      return `asks ${String(permission["id"])}: ${String(permission["title"])}`;
    case "permission_settled":
      return `${String(permission["id"])} ${String(permission["state"])} by ${String(permission["by"])}`;
    case "note":
      return String(data["message"]);
    case "agent_status":
      return data["to"] === "exited" && isObject(data["cause"]) ? `exited: ${String(data["cause"]["detail"])}` : null;
    default:
      return null;
  }
}
