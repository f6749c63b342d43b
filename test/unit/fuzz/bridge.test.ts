// file-timeout: 14400 s
/**
 * A server that says anything at all, through the whole stack without a world: the bridge's core, the codec that reads
 * its lines, the reducer. Events, messages and answers to calls are almost right and come in any order; nothing throws,
 * each line of the bridge is one that the codec knows, and the oracle of the reducer finds no step that cannot be.
 */
import { expect, test } from "bun:test";
import type { CoreAction, CoreInput } from "../../../src/bridge/core-io.ts";
import { createCore } from "../../../src/bridge/core.ts";
import { readEvent, readMessages, readStatuses, readTotals } from "../../../src/bridge/wire.ts";
import type { BridgeCommand } from "../../../src/providers/opencode/lines.ts";
import { readBridgeLine } from "../../../src/providers/opencode/lines.ts";
import { everyCase, mutated, pick } from "../../support/fuzz.ts";
import type { Random } from "../../support/fuzz.ts";
import { canBeStopped, cannotLoop, drains } from "../agents/state/oracle.ts";
import { ANSWER, CHILD, ID, ROOT, user, words } from "../bridge/core-bench.ts";
import { codecOf } from "../providers/record.ts";
import { closedLoop } from "./closed-loop.ts";
import { NOW_MS, looksRight } from "./nearly.ts";

const MOST_STEPS = 60;
const info = (more: object) => ({ sessionID: ROOT, time: {}, ...more });
const part = (more: object) => ({ messageID: ANSWER, sessionID: ROOT, ...more });

/** What a server says in the course of a turn. */
const EVENTS: readonly { readonly type: string; readonly properties: object }[] = [
  ...["busy", "idle", "retry"].map((type) => ({
    type: "session.status",
    properties: { sessionID: ROOT, status: { type, attempt: 1, message: "overloaded", next: 5 } },
  })),
  { type: "session.created", properties: { info: { id: CHILD, parentID: ROOT } } },
  { type: "session.status", properties: { sessionID: CHILD, status: { type: "busy" } } },
  { type: "session.error", properties: { sessionID: ROOT, error: { name: "APIError", data: { message: "no" } } } },
  { type: "session.compacted", properties: { sessionID: ROOT } },
  { type: "message.updated", properties: { info: info({ id: ID, role: "user" }) } },
  { type: "message.updated", properties: { info: info({ id: ANSWER, role: "assistant", parentID: ID }) } },
  {
    type: "message.updated",
    properties: { info: info({ id: ANSWER, role: "assistant", parentID: ID, finish: "stop", time: { completed: 1 } }) },
  },
  {
    type: "message.part.updated",
    properties: { part: part({ id: "p1", type: "text", text: "hi", time: { end: 1 } }) },
  },
  {
    type: "message.part.updated",
    properties: { part: part({ id: "p2", type: "tool", callID: "c", tool: "bash", state: { status: "completed" } }) },
  },
  { type: "message.part.updated", properties: { part: part({ id: "p3", type: "step-finish", tokens: { input: 1 } }) } },
  {
    type: "message.part.delta",
    properties: { sessionID: ROOT, messageID: ANSWER, partID: "p1", field: "text", delta: "h" },
  },
  { type: "permission.asked", properties: { id: "per_1", sessionID: ROOT, permission: "bash", patterns: ["ls"] } },
  { type: "permission.asked", properties: { id: "per_2", sessionID: CHILD, permission: "edit", patterns: [] } },
  { type: "permission.replied", properties: { sessionID: ROOT, requestID: "per_1", reply: "once" } },
  { type: "question.asked", properties: { id: "que_1", sessionID: ROOT, questions: [{ question: "?", options: [] }] } },
  { type: "question.rejected", properties: { sessionID: ROOT, requestID: "que_1" } },
];

const maybe = (next: Random, json: unknown): unknown => (next() < 0.4 ? mutated(next, json) : json);

/** What the call gave that the core asked for; null: it asks for none. */
function answered(next: Random, action: CoreAction): CoreInput | null {
  switch (action.do) {
    case "look_up":
      return { h: "looked_up", key: action.key, stored: next() < 0.2, id: ID };
    case "post":
      return { h: "posted", key: action.key, result: pick(next, ["ok", "ok", "refused", "unreachable"]), message: "?" };
    case "reply":
      return { h: "replied", id: action.id, result: pick(next, ["ok", "gone", "unreachable"]) };
    case "read_truth": {
      const statuses = readStatuses(maybe(next, { [ROOT]: { type: pick(next, ["busy", "retry"]) } }), 0);
      return { h: "truth", truth: { statuses: next() < 0.5 ? statuses : new Map(), asks: [] } };
    }
    case "read_turn": {
      if (next() < 0.1) return { h: "read_failed" };
      const messages = readMessages(maybe(next, pick(next, [[], [user], [user, words("done")]])));
      const type = pick(next, ["idle", "busy"] as const);
      return { h: "turn_read", truth: { status: { type }, messages, totals: readTotals(maybe(next, {})) } };
    }
    case "wake":
      return { h: "wake" };
    case "tell":
    case "abort":
    case "dismiss":
      return null;
  }
}

test("whatever the server says, it goes through bridge, codec and reducer without a step that cannot be", async () => {
  const codec = codecOf("opencode");
  const told = new Set<string>();
  await everyCase((next) => {
    const core = createCore({ session: ROOT, newest: "" });
    const inputs: CoreInput[] = [];
    let now = 1000;
    const loop = closedLoop(codec, { permissions: pick(next, ["ask", "allow", "deny"]) }, NOW_MS, (step) => {
      for (const line of step.lines) {
        const command = JSON.parse(line) as BridgeCommand; // of our own codec
        if (command.cmd !== "start" && command.cmd !== "end") inputs.push({ h: "command", command });
      }
      return looksRight(codec, step);
    });
    const say = (line: unknown): void => {
      const raw = JSON.stringify(line);
      loop.ask((state) => codec.frame(state, { raw, json: JSON.parse(raw) }, NOW_MS));
    };
    loop.begin(null);
    loop.input();
    say({ t: "ready", version: "1.18.33", session: ROOT });
    for (let steps = 0; steps < MOST_STEPS; steps++) {
      const incoming = next() < 0.7 ? inputs.shift() : undefined;
      const event = { h: "event", event: readEvent(maybe(next, pick(next, EVENTS)), 0) } as const;
      now += pick(next, [0, 10, 3000]);
      for (const action of core.take(incoming ?? event, now)) {
        const result = answered(next, action);
        if (result !== null) inputs.push(result);
        if (action.do !== "tell") continue;
        if (readBridgeLine(JSON.parse(JSON.stringify(action.line))) === null)
          throw new Error(`no line of the bridge: ${JSON.stringify(action.line)}`);
        told.add(action.line.t);
        say(action.line);
      }
      const asked = loop.it.state().open.find(({ answered }) => !answered);
      if (asked !== undefined && next() < 0.3)
        loop.give({ type: "decide", id: asked.id, decision: pick(next, ["allow", "deny"]) });
      else if (next() < 0.03) loop.give({ type: "abort", keepQueued: true });
      else if (next() < 0.05) loop.input();
    }
    pick(next, [canBeStopped, cannotLoop, drains])(loop.it);
  }, 10);
  for (const t of ["accepted", "busy", "turn", "part", "asked", "question", "closed", "retry", "usage", "unknown"])
    expect([t, told.has(t)]).toEqual([t, true]);
}, 7_200_000);
