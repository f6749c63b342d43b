/**
 * Staying with an input until its turn is over: follows the agent's events, shows what happens, asks the person, and
 * says with its exit code how it ended. The agent never depends on us: whatever ends this, the agent works on, but for
 * an abort that was asked for.
 */
import { isObject } from "../../lib/check.ts";
import { HarnessError } from "../../lib/errors.ts";
import { EXIT } from "../../words/exits.ts";
import { askedOf } from "../asks.ts";
import type { Client } from "../client.ts";
import type { Context } from "../command.ts";
import { messageOf } from "../commands/logs.ts";
import { doingOf } from "../doing.ts";
import type { AgentShape, InputShape } from "../shapes.ts";
import { get, nameOf, pathOf } from "../shapes.ts";
import type { StreamEvent } from "../stream.ts";
import { follow } from "../stream.ts";
import { oneLine } from "../text.ts";
import { openControl } from "./control.ts";
import type { Desk } from "./desk.ts";
import { openDesk } from "./desk.ts";
import type { Display } from "./display.ts";
import { openDisplay } from "./display.ts";
import type { Ending } from "./ending.ts";
import { finish } from "./finish.ts";

export interface StayOptions {
  /** The number of the input that is waited for. */
  readonly input: number;
  /** The newest event before it was sent: what follows is all of its story. */
  readonly since: number;
  /** The same request had been made before: much of the story may be over. */
  readonly replayed?: boolean;
  /** The text came from stdin, so the person is asked on the terminal itself. */
  readonly textFromStdin: boolean;
}

const TYPES = [
  "input",
  "message",
  "turn_started",
  "turn_closing",
  "turn_ended",
  "permission_requested",
  "permission_settled",
  "agent_status",
  "agent_deleted",
  "note",
  "retrying",
];

export async function stay(context: Context, agent: AgentShape, options: StayOptions): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const stop = new AbortController();
  let ending: Ending | null = null;
  const end = (how: Ending): void => {
    ending ??= how;
    stop.abort();
  };
  const display = openDisplay(context, agent);
  const desk = openDesk(context, agent, display, options.textFromStdin, end);
  const control = openControl(context, agent, options.input, display, desk, end);
  const story = openStory(client, agent, options, { display, desk, end });
  const streams = io.out.isTty && !args.has("json");
  try {
    const events = follow(
      client,
      { ...io, warn: (text) => display.say(`agent-harness: ${text}`) },
      {
        path: `${pathOf(agent)}/events`,
        types: [...TYPES, ...(streams ? ["delta"] : []), ...(io.err.isTty ? ["activity"] : [])],
        since: options.since,
        signal: stop.signal,
        reconnectMs: args.duration("reconnect"),
        opened: () => story.opened(),
      },
    );
    for await (const event of events) {
      await story.event(event);
      if (ending !== null) break;
    }
  } finally {
    stop.abort();
    desk.close();
    await control.handedOver();
    control.close();
    display.close();
  }
  return finish(context, agent, ending ?? { how: "left", code: EXIT.error }, control);
}

interface Around {
  readonly display: Display;
  readonly desk: Desk;
  end(how: Ending): void;
}

function openStory(client: Client, agent: AgentShape, options: StayOptions, { display, desk, end }: Around) {
  let turnId: string | null = null;
  /** The one that is stayed for: what a check feeds back takes the place of what it was about. */
  let awaited = options.input;
  let caughtUp = options.replayed !== true;

  const inputIs = (state: string, turn: string | null): void => {
    turnId = turn ?? turnId;
    if (state === "cancelled") end({ how: "cancelled" });
    if (state === "unknown") end({ how: "exited", why: "it cannot be known whether the program got the input" });
  };
  /** What was wrong with the turn that failed, on its way to the agent. */
  const fedBack = async (): Promise<InputShape | undefined> => {
    const later = await get(client, `${pathOf(agent)}/inputs?after=${awaited}&limit=1000`, "inputs");
    return later.find(({ origin, state }) => origin === "verify" && state !== "cancelled");
  };
  const turnOver = async (id: string): Promise<void> => {
    const turns = await get(client, `${pathOf(agent)}/turns?limit=20`, "turns");
    const turn = turns.find((each) => each.id === id);
    if (turn === undefined || turn.endedAt === null) return;
    const fed = turn.outcome === "failed" ? await fedBack() : undefined;
    if (fed === undefined) return end({ how: "turn", turn });
    display.say(`agent-harness: ${oneLine(turn.error?.message ?? "the check did not pass")}; the agent was told`);
    awaited = fed.n;
    turnId = fed.turnId;
    if (turnId !== null) await turnOver(turnId);
  };
  /** Until when, once for each time that it is to go on at. */
  let goesOnAt = "";
  const limited = async (detail: string): Promise<void> => {
    const now = await get(client, pathOf(agent), "agent");
    const until = now.limit?.resumesAt ?? "";
    if (until !== "" && until === goesOnAt) return;
    goesOnAt = until;
    display.say(`${nameOf(agent)} ${detail}${now.limit === undefined ? "" : `; ${doingOf(now)}`}`);
  };
  const status = async (event: StreamEvent): Promise<void> => {
    const { to, cause } = event.data;
    const detail = isObject(cause) ? String(cause["detail"]) : "";
    if (to === "limited") await limited(detail);
    // A start that failed ends no turn: the input waits for somebody.
    if (to === "exited" && turnId === null) {
      const now = await get(client, pathOf(agent), "agent");
      if (now.status === "exited") end({ how: "exited", why: now.error?.message ?? detail });
    }
  };

  return {
    /** What a request that is repeated has missed. */
    async opened(): Promise<void> {
      if (caughtUp) return;
      caughtUp = true;
      const [input] = await get(client, `${pathOf(agent)}/inputs?after=${options.input - 1}&limit=1`, "inputs");
      if (input !== undefined) inputIs(input.state, input.turnId);
      if (turnId !== null) await turnOver(turnId);
      for (const request of await askedOf(client, agent, "pending")) desk.asked(request);
    },
    async event(event: StreamEvent): Promise<void> {
      const { type, data } = event;
      const inner = (key: string): Record<string, unknown> => (isObject(data[key]) ? data[key] : {});
      switch (type) {
        case "input": {
          const { n, state, turnId: turn } = inner("input");
          if (n === awaited) inputIs(String(state), typeof turn === "string" ? turn : null);
          return;
        }
        case "delta":
          if (data["kind"] !== "thinking" && turnId !== null) display.delta(String(data["key"]), String(data["text"]));
          return;
        case "activity":
          return display.activity(String(inner("activity")["text"]));
        case "message": {
          const message = await messageOf(event, client, agent);
          if (message !== null && message.turnId === turnId) display.message(message);
          return;
        }
        case "turn_started":
          return display.turnStarted(event);
        case "turn_closing":
          if (data["turn"] === turnId)
            display.activity(data["step"] === "check" ? "is being checked" : "is being saved");
          return;
        case "turn_ended":
          if (turnId !== null && inner("turn")["id"] === turnId) await turnOver(turnId);
          return;
        case "permission_requested": {
          const pending = await askedOf(client, agent, "pending");
          const request = pending.find(({ id }) => id === inner("permission")["id"]);
          if (request !== undefined) desk.asked(request);
          return;
        }
        case "permission_settled": {
          const { id, state, by } = inner("permission");
          return desk.settled(String(id), String(state), String(by));
        }
        case "agent_status":
          return status(event);
        case "agent_deleted":
          return end({ how: "exited", why: "somebody has removed the agent" });
        case "note":
          return display.note(String(data["message"]));
        case "retrying":
          return display.retrying(Number(data["attempt"]), String(data["reason"]));
        default:
      }
    },
  };
}

/** The newest event there is, before something is asked for. */
export async function newestEvent(client: Client): Promise<number> {
  const answer = await client.call("/api/v1/events?limit=1", { headers: { Accept: "application/json" } });
  if (isObject(answer) && typeof answer["newest"] === "number") return answer["newest"];
  throw new HarnessError("BAD_ANSWER", "the daemon does not say what its newest event is: is it another version?");
}
