/**
 * The engine of all fake providers: runs the steps of a prompt against a `Wire`, which each fake implements in the
 * shapes of its provider. Owns the order of things, gates, marks and interrupts; knows no wire shape at all.
 */
import { existsSync, writeFileSync } from "node:fs";
import { given } from "../../src/lib/given.ts";
import { journaled } from "./journal.ts";
import { limitReached } from "./limits.ts";
import { type AskStep, parseScript, type ScriptStep } from "./script-steps.ts";

export { parseScript } from "./script-steps.ts";
export type { ScriptStep } from "./script-steps.ts";

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: Record<string, unknown>;
}

export interface ToolOutcome {
  readonly text: string;
  readonly isError: boolean;
  /** The person said no: the tool never ran. */
  readonly denied: boolean;
}

export interface Decision {
  readonly allow: boolean;
  readonly message?: string;
}

export interface Question {
  readonly id: string;
  readonly question: string;
  readonly options: readonly string[];
}

export interface TurnStart {
  /** "agent": nobody asked, a background task woke the model. */
  readonly origin: "input" | "agent";
  readonly text: string;
  /** The fake's own id of the input (uuid, messageID, request id …). */
  readonly key: string | null;
}

export type TurnEnd =
  | { readonly outcome: "completed"; readonly lastText: string }
  | {
      readonly outcome: "failed";
      readonly code: string;
      readonly message: string;
      readonly resetsAt?: number;
      readonly model?: string;
    }
  /** `openTools` had been called and have no result yet. */
  | { readonly outcome: "interrupted"; readonly openTools: readonly ToolCall[] };

/** What a fake must be able to show on its wire. Every method returns when its bytes are written. */
export interface Wire {
  /** Can two permission requests be open at once? Otherwise `ask2` asks one after the other. */
  readonly parallelAsks: boolean;
  /** Frames that begin a turn. */
  turnStart(turn: TurnStart): void | Promise<void>;
  /** Frames that end a turn, with everything misleading that the provider prints before its authoritative end. */
  turnEnd(turn: TurnStart, end: TurnEnd): void | Promise<void>;
  /** One message with these text blocks, in `chunks` deltas a block. `await pause()` once, in the middle of the deltas
   *  (an interrupt makes it throw: let it through, after the frames for the partial text, if the provider keeps it).
   *  `more`: the turn goes on after it. */
  say(blocks: readonly string[], chunks: number, pause: () => Promise<void>, more: boolean): void | Promise<void>;
  think(text: string): void | Promise<void>;
  /** A final message without any text. */
  empty(): void | Promise<void>;
  toolCall(call: ToolCall): void | Promise<void>;
  toolResult(call: ToolCall, outcome: ToolOutcome): void | Promise<void>;
  /**
   * Sends the request and resolves when the client answered it; never resolves after `withdraw`. `toolCall` came
   * before.
   */
  ask(call: ToolCall): Promise<Decision>;
  /**
   * Sends a question (with its tool frames, where the provider makes it a tool) and resolves with the chosen answer.
   */
  question(question: Question): Promise<string>;
  /** Takes an open `ask` or `question` back, by its id. */
  withdraw(id: string): void | Promise<void>;
  /** A notice that attempt `attempt` failed and is tried again. */
  retry(attempt: number, of: number, status: number): void | Promise<void>;
  /** It waits by itself for its account, and says so. Absent: the program never does. */
  limitWait?(until: number, message: string): void | Promise<void>;
  /** The number of background tasks changed. */
  background?(tasks: number): void | Promise<void>;
  /** A sub-agent begins (its spawn frames go out now). Absent: the provider has none, the step is skipped. */
  subagent?(id: string): SubWire;
  /** The parent's steps are over, but sub-agents still run: whatever looks like an end and is none. */
  parentDone?(turn: TurnStart, lastText: string): void | Promise<void>;
  /** Bytes as they are, LF included. */
  raw(bytes: string): void;
  /**
   * From now on only the first half of the next write goes out; the rest, and all after it, is kept until `release`.
   */
  cut(): void;
  release(): void;
}

export interface SubWire {
  /** Writes the sub-agent's own frames. Its turnStart, turnEnd and subagent are never called. */
  readonly wire: Wire;
  /** The sub-agent is over, with its last text. */
  done(lastText: string): void | Promise<void>;
}

export interface Engine {
  /** Runs the prompt after all turns before it. Resolves when its turn ended. */
  prompt(text: string, key: string | null): Promise<void>;
  /** Ends the running turn in the provider's way; false when none runs. Resolves nothing: `turnEnd` comes later. */
  interrupt(): boolean;
  readonly busy: boolean;
}

class Interrupted extends Error {}
/** The turn fails in the provider's way. */
export class Failed extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly resetsAt?: number,
    readonly model?: string,
  ) {
    super(message);
  }
}

/** A text of exactly `bytes` ASCII characters, the same for every call. */
export function longText(bytes: number): string {
  return "0123456789abcdef".repeat(Math.ceil(bytes / 16)).slice(0, bytes);
}

export function createEngine(given: Wire): Engine {
  const wire = journaled(given);
  let queue: Promise<void> = Promise.resolve();
  let running: AbortController | undefined;
  let ending = false;
  /** Those that were given and have not begun, which may be because their line came along with an interrupt's. */
  const waiting: AbortController[] = [];
  let backgroundTasks = 0;

  function enqueue(turn: TurnStart, steps: readonly ScriptStep[]): Promise<void> {
    const controller = new AbortController();
    waiting.push(controller);
    const done = queue.then(() => runTurn(turn, steps, controller));
    queue = done;
    return done;
  }

  async function runTurn(turn: TurnStart, steps: readonly ScriptStep[], controller: AbortController): Promise<void> {
    waiting.shift();
    running = controller;
    await wire.turnStart(turn);
    const { end, later } = await runSteps(wire, steps, turn, controller.signal);
    wire.release();
    if (later.length > 0) await wire.background?.((backgroundTasks += later.length));
    running = undefined;
    ending = true;
    await wire.turnEnd(turn, end);
    ending = false;
    for (const task of later) void runLater(task);
  }

  async function runLater(task: { readonly steps: readonly ScriptStep[]; readonly gate: string }): Promise<void> {
    await gateOpen(task.gate, new AbortController().signal);
    await wire.background?.((backgroundTasks -= 1));
    await enqueue({ origin: "agent", text: "", key: null }, task.steps);
  }

  return {
    prompt: (text, key) => enqueue({ origin: "input", text, key }, parseScript(text)),
    interrupt() {
      const turn = running ?? (ending ? undefined : waiting[0]);
      const active = turn !== undefined && !turn.signal.aborted;
      turn?.abort();
      return active;
    },
    get busy() {
      return running !== undefined;
    },
  };
}

interface Ran {
  readonly end: TurnEnd;
  readonly later: readonly { readonly steps: readonly ScriptStep[]; readonly gate: string }[];
}

async function runSteps(wire: Wire, steps: readonly ScriptStep[], turn: TurnStart, signal: AbortSignal): Promise<Ran> {
  const later: { steps: readonly ScriptStep[]; gate: string }[] = [];
  const subs: { sub: SubWire; steps: readonly ScriptStep[]; gate: string | undefined }[] = [];
  const openTools = new Map<string, ToolCall>();
  const openAsks = new Set<string>();
  let lastText = "";
  let more = false;

  const say = async (target: Wire, blocks: readonly string[], chunks: number, gate?: string) => {
    const pause = () => (gate === undefined ? interruptPoint(signal) : gateOpen(gate, signal));
    await target.say(blocks, chunks, pause, more);
    return blocks.join("");
  };

  const callTool = async (target: Wire, name: string, input: Record<string, unknown> | undefined) => {
    const call = { id: newId("tool"), name, input: input ?? {} };
    openTools.set(call.id, call);
    await target.toolCall(call);
    return call;
  };

  const finishTool = async (target: Wire, call: ToolCall, outcome: ToolOutcome) => {
    await target.toolResult(call, outcome);
    openTools.delete(call.id);
  };

  const answered = async (target: Wire, call: ToolCall, step: AskStep) => {
    openAsks.add(call.id);
    const decision = await orInterrupted(target.ask(call), signal);
    openAsks.delete(call.id);
    const text = decision.allow ? (step.result ?? "ok") : (decision.message ?? "refused");
    await finishTool(target, call, { text, isError: !decision.allow || step.fail === true, denied: !decision.allow });
  };

  const askAll = async (target: Wire, asks: readonly AskStep[]) => {
    const pending: Promise<void>[] = [];
    for (const step of asks) {
      const call = await callTool(target, step.ask, step.input);
      const settled = answered(target, call, step);
      settled.catch(() => undefined); // An interrupt between two requests is reported by `Promise.all` below.
      if (target.parallelAsks) pending.push(settled);
      else await settled;
    }
    await Promise.all(pending);
  };

  const run = async (target: Wire, step: ScriptStep): Promise<void> => {
    if ("say" in step) {
      const blocks = typeof step.say === "string" ? [step.say] : step.say;
      lastText = await say(target, blocks, step.chunks ?? 1, step.gate);
    } else if ("think" in step) await target.think(step.think);
    else if ("tool" in step) {
      const call = await callTool(target, step.tool, step.input);
      if (step.gate !== undefined) await gateOpen(step.gate, signal);
      await finishTool(target, call, { text: step.result ?? "ok", isError: step.fail === true, denied: false });
    } else if ("ask" in step) await askAll(target, [step]);
    else if ("ask2" in step) await askAll(target, step.ask2);
    else if ("question" in step) {
      const id = newId("tool");
      openAsks.add(id);
      await orInterrupted(target.question({ id, question: step.question, options: step.options }), signal);
      openAsks.delete(id);
    } else if ("withdraw" in step) {
      const call = await callTool(target, step.withdraw.ask, step.withdraw.input);
      void target.ask(call);
      await target.withdraw(call.id);
      await finishTool(target, call, { text: "withdrawn", isError: true, denied: true });
    } else if ("retry" in step) {
      for (let attempt = 1; attempt <= step.retry; attempt += 1) await target.retry(attempt, step.retry, step.status);
      if (step.gate !== undefined) await gateOpen(step.gate, signal);
    } else if ("waitsUntil" in step) {
      await target.limitWait?.(step.waitsUntil, step.message);
      await gateOpen("/nowhere/never", signal);
    } else if ("fail" in step) throw new Failed(step.fail, step.message, step.resetsAt);
    else if ("empty" in step) {
      await target.empty();
      lastText = "";
    } else if ("crash" in step) {
      process.kill(process.pid, "SIGKILL");
      await new Promise<never>(() => undefined);
    } else if ("exit" in step) process.exit(step.exit);
    else if ("garbage" in step) target.raw(`${step.garbage}\n`);
    else if ("foreign" in step) target.raw(step.foreign);
    else if ("half" in step) {
      target.cut();
      lastText = await say(target, [step.half], 1);
    } else if ("long" in step) lastText = await say(target, [longText(step.long)], 1);
    else if ("background" in step) later.push({ steps: step.background, gate: step.gate });
    else if ("subagent" in step) {
      const sub = target.subagent?.(newId("sub"));
      if (sub !== undefined) subs.push({ sub, steps: step.subagent, gate: step.gate });
    } else if ("mark" in step) writeFileSync(step.mark, "");
    else if ("rest" in step) await restFor(step.rest, signal);
    else if ("child" in step)
      Bun.spawn(["sleep", String(step.child)], { stdio: ["ignore", "ignore", "ignore"] }).unref();
    else await gateOpen(step.gate, signal);
  };

  const runAll = async (target: Wire, list: readonly ScriptStep[]) => {
    for (const [at, step] of list.entries()) {
      more = list.slice(at + 1).some((each) => !("mark" in each));
      await interruptPoint(signal);
      // What `cut` kept back goes out with the next step that writes: a gate and a mark do not.
      if (!("mark" in step) && !("gate" in step && Object.keys(step).length === 1)) wire.release();
      await run(target, step);
    }
  };

  try {
    const limit = limitReached();
    if (limit !== null) throw new Failed(limit.code, "the allowance is used up", limit.resetsAt, limit.model);
    await runAll(wire, steps);
    const parentText = lastText;
    if (subs.length > 0) await wire.parentDone?.(turn, parentText);
    for (const { sub, steps: subSteps, gate } of subs) {
      if (gate !== undefined) await gateOpen(gate, signal);
      lastText = "";
      await runAll(sub.wire, subSteps);
      await sub.done(lastText);
    }
    return { end: { outcome: "completed", lastText: parentText }, later };
  } catch (error) {
    if (error instanceof Failed) {
      const { code, message, resetsAt, model } = error;
      return { end: { outcome: "failed", code, message, ...given({ resetsAt, model }) }, later };
    }
    if (!(error instanceof Interrupted)) throw error;
    wire.release();
    for (const id of openAsks) await wire.withdraw(id);
    return { end: { outcome: "interrupted", openTools: [...openTools.values()] }, later };
  }
}

let ids = 0;
/** Unique over the processes of a test, too: tool ids end up in one history. */
function newId(what: string): string {
  ids += 1;
  return `${what}_${process.pid}_${ids}`;
}

async function interruptPoint(signal: AbortSignal): Promise<void> {
  // One turn of the event loop, so that a line that is already in the pipe is seen between two steps.
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (signal.aborted) throw new Interrupted();
}

function orInterrupted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Interrupted());
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Goes on being in a turn. */
async function restFor(ms: number, signal: AbortSignal): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end;) {
    await new Promise<void>((resolve) => setTimeout(resolve, 10));
    if (signal.aborted) throw new Interrupted();
  }
}

/**
 * Resolves when the file exists: this is how a test and a fake meet. Throws `Interrupted` when the signal fires first.
 */
async function gateOpen(path: string, signal: AbortSignal): Promise<void> {
  while (!existsSync(path)) {
    await new Promise<void>((resolve) => setTimeout(resolve, 10));
    if (signal.aborted) throw new Interrupted();
  }
}
