/**
 * When a turn of Codex begins and ends, and what happens on its way. Only `turn/completed` of the agent's own thread
 * ends one: an `error` may be retried, the status "idle" comes before it, and sub-agents tell of their turns on the
 * same stream.
 */
import { ask, type Draft, isOwn } from "./state.ts";
import { type Fields, fields, idOf, list, text } from "../read.ts";
import { note, patch, say, without } from "../draft.ts";
import { accountFailure, retryAnnounced } from "./limit.ts";
import { httpStatus, turnError } from "./turn-error.ts";

/** `turn/started`, or the answer to `turn/start`: whichever comes first. */
export function turnBegan(draft: Draft, id: string, key: string | null, begun: boolean): void {
  const { turn, lastEnded } = draft.state;
  if (id === "" || id === lastEnded) return;
  const same = turn?.id === id ? turn : undefined;
  // The thread's turns come one after the other, so a new one means that the old one is over.
  patch(draft, { turn: { id, key: key ?? same?.key ?? null, begun: begun || same?.begun === true } });
  say(draft, { type: "turn_started" });
  tellBackground(draft);
  if (draft.state.interrupting && same?.begun !== true) sendInterrupt(draft);
}

export function turnStarted(draft: Draft, thread: string, turn: string): void {
  if (isOwn(draft.state, thread)) return turnBegan(draft, turn, null, true);
  patch(draft, { others: { ...draft.state.others, [thread]: turn } });
  tellBackground(draft);
}

export function turnCompleted(draft: Draft, thread: string, turn: Fields, nowMs: number): void {
  if (!isOwn(draft.state, thread)) {
    patch(draft, { others: without(draft.state.others, thread), items: withoutCalls(draft, thread) });
    return tellBackground(draft);
  }
  const id = idOf(turn, "id");
  if (id === draft.state.lastEnded) return;
  endTurn(draft, id, text(turn, "status"), fields(turn, "error"), nowMs);
}

export function endTurn(draft: Draft, id: string, status: string, error: Fields, nowMs: number): void {
  const { turn, thread, asks, replies } = draft.state;
  // It ran, so it had its input, whether or not the echo was seen.
  if (turn?.key != null) say(draft, { type: "input_accepted", key: turn.key });
  retryOver(draft);
  // Codex takes its questions back only after this line; the questions of sub-agents stay.
  const elsewhere = Object.fromEntries(Object.entries(asks).filter(([, open]) => open.thread !== thread));
  patch(draft, {
    turn: null,
    lastEnded: id,
    interrupting: false,
    asks: elsewhere,
    items: withoutCalls(draft, thread ?? ""),
    replies: Object.fromEntries(Object.entries(replies).filter(([, each]) => each.thread !== thread)),
  });
  if (status === "failed") {
    const limit = accountFailure(draft.state, error, nowMs);
    say(draft, {
      type: "turn_ended",
      outcome: "failed",
      error: turnError(error),
      ...(limit === null ? {} : { limit }),
    });
  } else say(draft, { type: "turn_ended", outcome: status === "interrupted" ? "interrupted" : "completed" });
  for (const { permission } of Object.values(elsewhere)) say(draft, permission);
  settleCommands(draft, status);
}

/** Tool calls that a dropped stream left open never complete. A command may: it can outlive its turn. */
function withoutCalls({ state }: Draft, thread: string): typeof state.items {
  return Object.fromEntries(Object.entries(state.items).filter(([, item]) => item.command || item.thread !== thread));
}

function settleCommands(draft: Draft, status: string): void {
  const { thread, items } = draft.state;
  if (thread === null) return;
  // An interrupt does not reach what runs in the background, and that could be all that somebody wanted to end.
  if (status === "interrupted")
    return ask(draft, { kind: "clean" }, "thread/backgroundTerminals/clean", { threadId: thread });
  tellBackground(draft);
  if (Object.values(items).some((item) => item.thread === thread)) {
    ask(draft, { kind: "terminals" }, "thread/backgroundTerminals/list", { threadId: thread });
  }
}

/** The answers to the two requests above: which commands of the own thread are alive. */
export function commandsAlive(draft: Draft, alive: readonly string[]): void {
  const { turn, thread, items } = draft.state;
  const left = Object.entries(items).filter(
    ([id, item]) => item.thread !== thread || item.turn === turn?.id || alive.includes(id),
  );
  patch(draft, { items: Object.fromEntries(left) });
  tellBackground(draft);
}

export function terminalIds(result: unknown): readonly string[] {
  return list(result, "data").map((terminal) => idOf(terminal, "itemId"));
}

/** Running sub-agents, and commands whose turn is over. */
export function tellBackground(draft: Draft): void {
  const { items, others, turn, background } = draft.state;
  const turns = new Set([...Object.values(others), ...(turn === null ? [] : [turn.id])]);
  const tasks =
    Object.keys(others).length + Object.values(items).filter((item) => item.command && !turns.has(item.turn)).length;
  if (tasks === background) return;
  patch(draft, { background: tasks });
  say(draft, { type: "background", tasks });
}

export function interruptTurn(draft: Draft): void {
  const { turn, calls } = draft.state;
  const waiting = Object.values(calls).some((call) => call.kind === "turn");
  if (turn === null && !waiting) {
    // Nothing runs here, whatever our books say.
    return say(draft, { type: "turn_ended", outcome: "interrupted" });
  }
  patch(draft, { interrupting: true });
  if (turn?.begun === true) sendInterrupt(draft);
}

function sendInterrupt(draft: Draft): void {
  const { thread, turn, others } = draft.state;
  if (thread === null || turn === null) return;
  ask(draft, { kind: "interrupt" }, "turn/interrupt", { threadId: thread, turnId: turn.id });
  // Sub-agents do not end with their parent.
  for (const [threadId, turnId] of Object.entries(others))
    ask(draft, { kind: "interrupt" }, "turn/interrupt", { threadId, turnId });
}

/** `error`: only its announcement of another attempt means something; the end is told by `turn/completed`. */
export function errorSaid(draft: Draft, params: Fields): void {
  if (params["willRetry"] !== true || !isOwn(draft.state, idOf(params, "threadId"))) return;
  const error = fields(params, "error");
  const message = text(error, "message");
  const attempt = Number(/(\d+)\/\d+/.exec(message)?.[1] ?? 1);
  patch(draft, { retrying: true });
  retryAnnounced(draft, httpStatus(error));
  say(draft, {
    type: "retrying",
    attempt,
    reason: text(error, "additionalDetails") || message,
    status: httpStatus(error),
  });
}

export function retryOver(draft: Draft): void {
  if (!draft.state.retrying) return;
  patch(draft, { retrying: false, stuck: false });
  say(draft, { type: "retry_over" });
}

const MAX_WARNINGS = 20;

/** Codex repeats its warnings every turn; each is worth one event a process. */
export function warned(draft: Draft, level: "info" | "warn", message: string): void {
  const { warned: told } = draft.state;
  const start = message.slice(0, 80);
  if (start === "" || told.includes(start) || told.length >= MAX_WARNINGS) return;
  patch(draft, { warned: [...told, start] });
  note(draft, level, "codex_warning", message);
}
