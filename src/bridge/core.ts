/**
 * The bridge's mind: what the server says and what the daemon wants go in, lines and calls come out. No I/O, no clock.
 * It owns the turn: which input it answers, whether it runs, and that its end is told once, after everything it said.
 */
import type { BridgeCommand, BridgeLine, PromptFile } from "../providers/opencode/lines.ts";
import type { TurnError } from "../words/agent.ts";
import { createTranscript } from "./transcript.ts";
import type { CoreAction, CoreInput, Truth, TurnTruth } from "./core-io.ts";
import type { Turn } from "./turn.ts";
import { newTurn } from "./turn.ts";
import { isOfTurn, judge } from "./verdict.ts";
import type { SessionStatus, WireAsk, WireEvent } from "./wire.ts";

export interface CoreOptions {
  readonly session: string;
  /** The newest message of the conversation so far; empty in a new one. */
  readonly newest: string;
}

export interface Core {
  /** `nowMs`: running time. */
  take(incoming: CoreInput, nowMs: number): readonly CoreAction[];
  readonly working: boolean;
}

/** After an abort that did not end the turn (a parent goes on when its sub-agent is cancelled). */
const ABORT_AGAIN_MS = 2000;
const ABORTS = 8;
/** A turn of which nothing is heard is asked about: an input that is not yet stored sooner than a model that thinks. */
const UNSTORED_MS = 15_000;
const QUIET_MS = 120_000;
/** An aborted input that was never stored is not coming any more. */
const NEVER_STORED_MS = 5000;
const POSTS = 5;

export function createCore({ session: root, newest: newestAtStart }: CoreOptions): Core {
  let newest = newestAtStart;
  let turn: Turn | null = null;
  /** Inputs that were had, with what became of them. */
  const inputs = new Map<string, "had" | "accepted">();
  const ours = new Map<string, string>();
  const asks = new Map<string, WireAsk>();
  const busyChildren = new Set<string>();
  const transcript = createTranscript(
    (session) => (session === root ? null : session),
    (id) => ours.has(id),
  );
  let actions: CoreAction[] = [];
  let now = 0;
  let heardAt = -Infinity;

  const tell = (...lines: readonly BridgeLine[]): void =>
    void actions.push(...lines.map((line): CoreAction => ({ do: "tell", line })));

  function open(key: string | null, text: string, writtenAtMs: number, files: readonly PromptFile[] = []): Turn {
    turn = newTurn({ key, text, files, writtenAtMs, anchor: newest });
    watch(turn);
    return turn;
  }

  function watch(of: Turn): void {
    const unstored = of.key !== null && !of.accepted;
    actions.push({ do: "wake", inMs: of.interrupting ? ABORT_AGAIN_MS : unstored ? UNSTORED_MS : QUIET_MS });
  }

  function show(of: Turn): void {
    if (of.told) return;
    of.told = true;
    tell({ t: "busy" });
  }

  function accept(of: Turn): void {
    if (of.key === null || of.accepted) return;
    of.accepted = true;
    inputs.set(of.key, "accepted");
    tell({ t: "accepted", key: of.key });
  }

  function end(of: Turn, outcome: Extract<BridgeLine, { t: "turn" }>["outcome"], error: TurnError | null): void {
    accept(of);
    if (of.retrying) tell({ t: "retry_over" });
    // What is still open belongs to a sub-agent that was cancelled: nothing waits for the answer.
    for (const ask of [...asks.values()]) {
      actions.push({ do: "dismiss", ask });
      onSettled(ask.id);
    }
    if (outcome !== "completed" && busyChildren.size > 0) {
      // Cancelled with their parent, whether or not they said so.
      busyChildren.clear();
      tell({ t: "background", tasks: 0 });
    }
    tell(...transcript.close(), { t: "turn", outcome, error });
    turn = null;
  }

  function read(of: Turn): void {
    if (of.reading) {
      of.readAgain = true;
      return;
    }
    of.reading = true;
    actions.push({ do: "read_turn", anchor: of.anchor });
  }

  function onCommand(command: Exclude<BridgeCommand, { cmd: "start" | "end" }>): void {
    switch (command.cmd) {
      case "prompt": {
        if (inputs.get(command.key) === "accepted") return tell({ t: "accepted", key: command.key });
        if (inputs.has(command.key)) return;
        inputs.set(command.key, "had");
        open(command.key, command.text, command.writtenAtMs, command.files);
        actions.push({ do: "look_up", key: command.key, writtenAtMs: command.writtenAtMs });
        return;
      }
      case "interrupt":
        if (turn === null || turn.interrupting) return;
        turn.interrupting = true;
        return abort(turn);
      case "permission":
      case "question":
        actions.push({ do: "reply", id: command.id, body: command });
        return;
    }
  }

  /**
   * A sub-agent's pending question first: with it open, an abort makes the parent go on and leaves the question behind.
   */
  function abort(of: Turn): void {
    of.aborts += 1;
    of.abortedAt = now;
    for (const ask of asks.values()) if (ask.session !== root) dismiss(of, ask);
    if (of.posts > 0 || of.accepted || of.busy) actions.push({ do: "abort" });
    watch(of);
  }

  function dismiss(of: Turn, ask: WireAsk): void {
    of.refused = true;
    actions.push({ do: "dismiss", ask });
  }

  function onLookedUp({ key, stored, id }: Extract<CoreInput, { h: "looked_up" }>): void {
    if (turn?.key !== key || turn.accepted) return;
    ours.set(id, key);
    turn.anchor = id;
    if (stored) {
      // Sent before the last process died, or by a call that got no answer.
      accept(turn);
      turn.orphan = turn.posts === 0;
      turn.idleSince = now;
      return read(turn);
    }
    if (turn.interrupting) return end(turn, "interrupted", null);
    turn.posts += 1;
    actions.push({ do: "post", key, id, text: turn.text, files: turn.files });
    watch(turn);
  }

  function onPosted({ key, result, message }: Extract<CoreInput, { h: "posted" }>): void {
    if (turn?.key !== key || turn.accepted) return;
    if (result === "ok") return; // accepted is what is stored, and the stream tells that
    if (result === "refused") return end(turn, "failed", { code: "PROMPT_REFUSED", message });
    if (turn.posts >= POSTS)
      return end(turn, "failed", {
        code: "SERVER_UNREACHABLE",
        message: `the input could not be handed over: ${message}`,
      });
    // Nobody knows whether it arrived: looking it up before sending it again runs it once.
    actions.push({ do: "look_up", key, writtenAtMs: turn.writtenAtMs });
  }

  function onStatus(session: string, status: SessionStatus): void {
    if (session !== root) {
      if (
        status.type === "idle" ? busyChildren.delete(session) : !busyChildren.has(session) && busyChildren.add(session)
      ) {
        tell({ t: "background", tasks: busyChildren.size });
      }
      return;
    }
    if (status.type === "idle") {
      // Before it was seen at work, an idle is the rest of the turn before it, or of an abort that came too early.
      if (turn === null || !turn.busy) return;
      turn.idleSince ??= now;
      return read(turn);
    }
    const of = turn ?? open(null, "", 0);
    const begins = !of.busy;
    of.idleSince = null;
    of.busy = true;
    if (begins && of.told) tell({ t: "busy" });
    if (status.type === "retry") {
      show(of);
      of.retrying = true;
      tell({ t: "retry", attempt: status.attempt, reason: status.message });
    }
    // An abort that came before the work began has ended nothing.
    if (of.interrupting && of.aborts < ABORTS && (begins || now - of.abortedAt >= ABORT_AGAIN_MS)) abort(of);
  }

  function onEvent(event: WireEvent): void {
    if (event.type !== "silent") heardAt = now;
    switch (event.type) {
      case "status":
        return onStatus(event.session, event.status);
      case "error":
        if (event.session === root && turn !== null && turn.busy && !event.error.aborted) {
          turn.error ??= { code: event.error.code, message: event.error.message };
        }
        return;
      case "message": {
        const { info } = event;
        if (turn !== null && info.session === root && turn.key !== null && ours.get(info.id) === turn.key) accept(turn);
        if (turn !== null && info.session === root && isOfTurn(info, turn.anchor)) show(turn);
        return tell(...transcript.message(info));
      }
      case "part":
        return tell(...transcript.part(event.part));
      case "delta":
        if (event.session !== root) return;
        if (turn?.retrying === true) {
          turn.retrying = false;
          tell({ t: "retry_over" });
        }
        if (transcript.isSpeech(event.message, event.part))
          tell({ t: "delta", message: event.message, text: event.text });
        return;
      case "asked":
        return onAsked(event.ask);
      case "settled":
        return onSettled(event.id);
      case "compacted":
        if (event.session === root)
          tell({ t: "note", level: "info", code: "compaction", message: "OpenCode has shortened its context" });
        return;
      case "unknown":
        return tell({ t: "unknown", kind: event.kind });
      case "session":
      case "silent":
        return;
    }
  }

  function onAsked(ask: WireAsk): void {
    if (asks.has(ask.id)) return;
    asks.set(ask.id, ask);
    const child = ask.session === root ? null : ask.session;
    if (turn?.interrupting === true && child !== null) {
      dismiss(turn, ask);
      return;
    }
    const { request } = ask;
    tell(
      request.kind === "permission"
        ? { t: "asked", ask: { ...request.asked, child } }
        : { t: "question", id: ask.id, questions: request.questions, child },
    );
  }

  function onSettled(id: string): void {
    if (asks.delete(id)) tell({ t: "closed", id });
  }

  function onTruth({ statuses, asks: pending }: Truth): void {
    for (const id of [...asks.keys()]) if (!pending.some((each) => each.id === id)) onSettled(id);
    pending.forEach(onAsked);
    for (const child of [...busyChildren]) if (!statuses.has(child)) onStatus(child, { type: "idle" });
    for (const [session, status] of statuses) if (session !== root) onStatus(session, status);
    const status = statuses.get(root);
    if (status !== undefined) onStatus(root, status);
    // What was said in the gap is in the store; whether it is over, the judge knows.
    if (turn !== null && (turn.busy || turn.accepted || turn.posts > 0)) read(turn);
    if (turn !== null) watch(turn);
  }

  function onTurnRead({ status, messages, totals }: TurnTruth): void {
    const of = turn;
    if (of === null) return;
    of.reading = false;
    const outdated = of.readAgain;
    of.readAgain = false;
    const found = messages.some(({ info }) => info.id === of.anchor);
    if (of.key !== null && found) accept(of);
    const fresh = messages.filter(({ info }) => isOfTurn(info, of.anchor));
    // An input that is not even stored cannot be over; the time does not count for it.
    if (of.key !== null && !found) {
      of.idleSince = null;
      if (
        of.interrupting &&
        of.posts > 0 &&
        status.type === "idle" &&
        now - of.abortedAt + ABORT_AGAIN_MS * (of.aborts - 1) >= NEVER_STORED_MS
      ) {
        return end(of, "interrupted", null);
      }
    }
    const waitedMs = of.idleSince === null ? 0 : now - of.idleSince;
    const { anchor, error, interrupting, refused, orphan } = of;
    if (fresh.length > 0) show(of);
    if (!of.told && status.type === "idle") {
      turn = null;
      return;
    }
    const verdict = judge({ status, messages: fresh, anchor, error, interrupting, refused, orphan, waitedMs });
    for (const message of fresh) tell(...transcript.stored(message, verdict.over));
    if (!verdict.over) {
      if (outdated) return read(of);
      if (verdict.why === "busy") {
        watch(of);
        return onStatus(root, status);
      }
      if (of.key !== null && !found) return watch(of);
      of.idleSince ??= now;
      of.reads += 1;
      actions.push({ do: "wake", inMs: Math.min(2000, 50 * 2 ** of.reads) });
      return;
    }
    newest = messages.at(-1)?.info.id ?? newest;
    tell({
      t: "usage",
      usage: {
        inputTokens: totals.input,
        outputTokens: totals.output,
        cacheReadTokens: totals.cacheRead,
        cacheWriteTokens: totals.cacheWrite,
        costUsd: totals.cost,
      },
    });
    end(of, verdict.outcome, verdict.error);
  }

  function onWake(): void {
    if (turn === null) return;
    if (turn.idleSince !== null) return read(turn);
    if (turn.interrupting && turn.aborts < ABORTS && now - turn.abortedAt >= ABORT_AGAIN_MS - 50) {
      abort(turn);
      return read(turn);
    }
    if (!turn.accepted || now - heardAt >= QUIET_MS - 50) actions.push({ do: "read_truth" });
    else watch(turn);
  }

  return {
    get working() {
      return turn !== null;
    },
    take(incoming, nowMs) {
      actions = [];
      now = nowMs;
      switch (incoming.h) {
        case "command":
          onCommand(incoming.command);
          break;
        case "event":
          onEvent(incoming.event);
          break;
        case "truth":
          onTruth(incoming.truth);
          break;
        case "looked_up":
          onLookedUp(incoming);
          break;
        case "posted":
          onPosted(incoming);
          break;
        case "replied":
          if (incoming.result === "gone") onSettled(incoming.id);
          if (incoming.result === "unreachable")
            tell({
              t: "note",
              level: "warn",
              code: "answer_undelivered",
              message: `the answer to ${incoming.id} did not reach the server`,
            });
          break;
        case "turn_read":
          onTurnRead(incoming.truth);
          break;
        case "read_failed":
          if (turn !== null) turn.reading = false;
          actions.push({ do: "wake", inMs: 1000 });
          break;
        case "wake":
          onWake();
          break;
      }
      return actions;
    },
  };
}
