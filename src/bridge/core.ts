/**
 * The bridge's mind: what the server says and what the daemon wants go in, lines and calls come out. No I/O, no clock.
 * It decides what is due; the turn and its acts are `turns.ts`, whether it is over is `ending.ts`.
 */
import type { BridgeCommand } from "../providers/opencode/lines.ts";
import type { Usage } from "../words/said.ts";
import { collectActs } from "./acts.ts";
import { createAsks } from "./asks.ts";
import { createChildren } from "./children.ts";
import type { CoreAction, CoreInput, Truth } from "./core-io.ts";
import { createEnding } from "./ending.ts";
import { createSteps } from "./steps.ts";
import { createTranscript } from "./transcript.ts";
import { ABORT_AGAIN_MS, QUIET_MS, createTurns } from "./turns.ts";
import { isOfTurn } from "./verdict.ts";
import type { SessionStatus, WireAsk, WireEvent } from "./wire.ts";
import { reasonOf } from "./wire.ts";

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

const POSTS = 5;

export function createCore({ session: root, newest }: CoreOptions): Core {
  const ours = new Map<string, string>();
  const transcript = createTranscript(
    (session) => (session === root ? null : session),
    (id) => ours.has(id),
  );
  const acts = collectActs();
  const { act, tell } = acts;
  const asks = createAsks(root, acts);
  const children = createChildren(root, acts);
  const steps = createSteps();
  const turns = createTurns({ newest, acts, asks, children, transcript });
  const ending = createEnding({ turns, steps, transcript, acts, works: (status) => onStatus(root, status) });
  let now = 0;
  let heardAt = -Infinity;

  function told(open: Usage | null): void {
    if (open !== null) tell({ t: "usage", usage: {}, open });
  }

  function onCommand(command: Exclude<BridgeCommand, { cmd: "start" | "end" }>): void {
    switch (command.cmd) {
      case "prompt": {
        const { key, text, writtenAtMs, files } = command;
        const known = turns.of(key);
        if (known === "accepted") return tell({ t: "accepted", key });
        if (known === "had") return;
        turns.begin({ key, text, writtenAtMs, files });
        return act({ do: "look_up", key, writtenAtMs });
      }
      case "interrupt":
        if (turns.running === null || turns.running.interrupting) return;
        turns.running.interrupting = true;
        return turns.abort(turns.running, now);
      case "permission":
      case "question":
        return act({ do: "reply", id: command.id, body: command });
    }
  }

  function onLookedUp({ key, stored, id }: Extract<CoreInput, { h: "looked_up" }>): void {
    const turn = turns.running;
    if (turn?.key !== key || turn.accepted) return;
    ours.set(id, key);
    turn.anchor = id;
    if (stored) {
      // Sent before the last process died, or by a call that got no answer.
      turns.accept(turn);
      turn.orphan = turn.posts === 0;
      turn.idleSince = now;
      return turns.read(turn);
    }
    if (turn.interrupting) return turns.end(turn, "interrupted", null);
    turn.posts += 1;
    act({ do: "post", key, id, text: turn.text, files: turn.files });
    turns.watch(turn);
  }

  function onPosted({ key, result, message }: Extract<CoreInput, { h: "posted" }>): void {
    const turn = turns.running;
    if (turn?.key !== key || turn.accepted) return;
    if (result === "ok") return; // accepted is what is stored, and the stream tells that
    if (result === "refused") return turns.end(turn, "failed", { code: "PROMPT_REFUSED", message });
    if (turn.posts >= POSTS)
      return turns.end(turn, "failed", {
        code: "SERVER_UNREACHABLE",
        message: `the input could not be handed over: ${message}`,
      });
    // Nobody knows whether it arrived: looking it up before sending it again runs it once.
    act({ do: "look_up", key, writtenAtMs: turn.writtenAtMs });
  }

  function onStatus(session: string, status: SessionStatus): void {
    if (session !== root) return children.heard(session, status);
    const turn = turns.running;
    if (status.type === "idle") {
      // Before it was seen at work, an idle is the rest of the turn before it, or of an abort that came too early.
      if (turn === null || !turn.busy) return;
      turn.idleSince ??= now;
      return turns.read(turn);
    }
    const of = turn ?? turns.begin(null);
    const begins = !of.busy;
    of.idleSince = null;
    of.busy = true;
    if (begins && of.told) tell({ t: "busy" });
    if (status.type === "retry") {
      turns.show(of);
      of.retrying = true;
      const { type: _, message: reason, ...more } = status;
      tell({ t: "retry", reason, ...more });
    }
    // An abort that came before the work began has ended nothing.
    if (turns.mayAbortAgain(of, now, begins ? 0 : ABORT_AGAIN_MS)) turns.abort(of, now);
  }

  function onEvent(event: WireEvent): void {
    if (event.type !== "silent") heardAt = now;
    const turn = turns.running;
    switch (event.type) {
      case "status":
        return onStatus(event.session, event.status);
      case "error":
        if (event.session === root && turn !== null && turn.busy && !event.error.aborted) {
          turn.error ??= reasonOf(event.error);
        }
        return;
      case "message": {
        const { info } = event;
        if (turn !== null && info.session === root && turn.key !== null && ours.get(info.id) === turn.key)
          turns.accept(turn);
        if (turn !== null && info.session === root && isOfTurn(info, turn.anchor)) turns.show(turn);
        return tell(...transcript.message(info));
      }
      case "part":
        tell(...transcript.part(event.part));
        return told(steps.take(event.part));
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
        return asks.settled(event.id);
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
    const turn = turns.running;
    const dismissed = asks.asked(ask, turn?.interrupting === true);
    if (dismissed && turn !== null) turn.refused = true;
  }

  function onTruth({ statuses, asks: pending }: Truth): void {
    const dismissed = asks.only(pending, turns.running?.interrupting === true);
    if (dismissed && turns.running !== null) turns.running.refused = true;
    children.only(statuses);
    const status = statuses.get(root);
    if (status !== undefined) onStatus(root, status);
    const turn = turns.running;
    if (turn === null) return;
    // What was said in the gap is in the store; whether it is over, the judge knows.
    if (turn.busy || turn.accepted || turn.posts > 0) turns.read(turn);
    turns.watch(turn);
  }

  function onWake(): void {
    const turn = turns.running;
    if (turn === null) return;
    if (turn.idleSince !== null) return turns.read(turn);
    if (turns.mayAbortAgain(turn, now, ABORT_AGAIN_MS - 50)) {
      turns.abort(turn, now);
      return turns.read(turn);
    }
    if (!turn.accepted || now - heardAt >= QUIET_MS - 50) act({ do: "read_truth" });
    else turns.watch(turn);
  }

  return {
    get working() {
      return turns.running !== null;
    },
    take(incoming, nowMs) {
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
          if (incoming.result === "gone") asks.settled(incoming.id);
          if (incoming.result === "unreachable")
            tell({
              t: "note",
              level: "warn",
              code: "answer_undelivered",
              message: `the answer to ${incoming.id} did not reach the server`,
            });
          break;
        case "turn_read":
          ending.read(incoming.truth, now);
          break;
        case "read_failed":
          if (turns.running !== null) turns.running.reading = false;
          act({ do: "wake", inMs: 1000 });
          break;
        case "wake":
          onWake();
          break;
      }
      return acts.take();
    },
  };
}
