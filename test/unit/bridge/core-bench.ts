/** The bridge's mind on a bench: events and answers go in by hand, what it does comes out as words. */
import { createCore } from "../../../src/bridge/core.ts";
import type { CoreAction, CoreInput } from "../../../src/bridge/core-io.ts";
import type { SessionStatus, WireMessage } from "../../../src/bridge/wire.ts";
import { readEvent } from "../../../src/bridge/wire.ts";

export const ROOT = "ses_root";
export const CHILD = "ses_child";
export const ID = "msg_000000000010input";
export const ANSWER = "msg_000000000020answer";
export const IDLE: SessionStatus = { type: "idle" };
export const NO_TOTALS = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, cost: 0 };

export function bench(newest = "") {
  const core = createCore({ session: ROOT, newest });
  let now = 1000;
  const all: CoreAction[] = [];
  const take = (incoming: CoreInput): CoreAction[] => {
    const actions = [...core.take(incoming, now)];
    all.push(...actions);
    return actions;
  };
  const told = (actions: readonly CoreAction[]) =>
    actions.flatMap((action) => (action.do === "tell" ? [action.line] : []));
  const self = {
    take,
    pass: (ms: number) => void (now += ms),
    event: (type: string, properties: object) => take({ h: "event", event: readEvent({ type, properties }, now) }),
    status: (type: string, session = ROOT) =>
      self.event("session.status", { sessionID: session, status: { type, attempt: 1, message: "overloaded" } }),
    message: (id: string, more: object = {}, session = ROOT) =>
      self.event("message.updated", {
        sessionID: session,
        info: { id, sessionID: session, role: "assistant", time: {}, ...more },
      }),
    part: (message: string, id: string, more: object, session = ROOT) =>
      self.event("message.part.updated", {
        sessionID: session,
        part: { id, messageID: message, sessionID: session, ...more },
      }),
    prompt: (key = "k") =>
      take({ h: "command", command: { cmd: "prompt", key, text: "do it", writtenAtMs: 1, files: [] } }),
    lookedUp: (stored = false, key = "k", id = ID) => take({ h: "looked_up", key, stored, id }),
    stored: (id = ID) =>
      self.event("message.updated", { sessionID: ROOT, info: { id, sessionID: ROOT, role: "user", time: {} } }),
    read: (messages: readonly WireMessage[], status = IDLE) =>
      take({ h: "turn_read", truth: { status, messages, totals: NO_TOTALS } }),
    /** A turn at work. */
    working: () => {
      self.prompt();
      self.lookedUp();
      take({ h: "posted", key: "k", result: "ok", message: "" });
      self.stored();
      self.status("busy");
    },
    told,
    kinds: (actions: readonly CoreAction[]) =>
      actions
        .map((action) => (action.do === "tell" ? `tell ${action.line.t}` : action.do))
        .filter((kind) => kind !== "wake"),
    all,
  };
  return self;
}

export const user = {
  info: { id: ID, sessionID: ROOT, role: "user", time: { created: 1 } },
  parts: [{ id: "p0", type: "text", text: "do it" }],
};
export const words = (text: string, more: object = {}) => ({
  info: {
    id: ANSWER,
    sessionID: ROOT,
    role: "assistant",
    parentID: ID,
    finish: "stop",
    time: { completed: 1 },
    ...more,
  },
  parts: [{ id: "p1", messageID: ANSWER, sessionID: ROOT, type: "text", text, time: { end: 1 } }],
});
