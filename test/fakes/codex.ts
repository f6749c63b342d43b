#!/usr/bin/env bun
/**
 * A fake `codex app-server` in the shapes and with the traps of Codex 0.169.0: server requests number from 0 beside
 * ours, the status "idle" before the end of a turn, three lines for one failure of which the first two mean nothing,
 * errors that recover, sub-agents and self-started turns on the same stream, `turn/start` that steers, threads that
 * exist on disk only after their first turn, answers to unknown ids swallowed.
 *
 * FAKE_HISTORY: file of the conversations. FAKE_CODEX: JSON of `Options`. The protocol half is in `codex-threads.ts`.
 */
import { classifyRpc, type RpcId } from "../../src/lib/jsonrpc.ts";
import { shownFile } from "./pictures.ts";
import { codexRefusal } from "./limits.ts";
import { spokenResult } from "./results.ts";
import { createEngine, type SubWire, type TurnEnd, type TurnStart } from "./script.ts";
import {
  member,
  live,
  notify,
  newId,
  turnView,
  wireOf,
  waiting,
  resolvedLater,
  out,
  history,
  threads,
} from "./codex-wire.ts";

interface Options {
  /** The model list knows only this one; another fails its turn as the real service does. */
  readonly model?: string;
  /** An input is shown to have arrived only after this file exists: a crash before it proves that history decides. */
  readonly echoGate?: string;
}

// Tests write the variable; a wrong one is seen in their first assertion.
const options: Options = JSON.parse(process.env["FAKE_CODEX"] ?? "{}");

/** A turn that was steered: its interrupted run must not end it. */
let steering = false;
/** Answers in the turn that runs. */
let answers = 0;
const background: string[] = [];
let pendingKey: string | null = null;

const own = wireOf(
  () => threads.current(),
  () => live.turn?.id ?? "",
);

/** Told after each answer of the model; the total goes on over resumes, and is told again by each. */
function answered(): void {
  answers += 1;
  history.append({ kind: "answer", thread: threads.current(), turn: live.turn?.id ?? "" });
  const { method, params } = threads.usage();
  notify(method, params);
}

const engine = createEngine({
  ...own,
  async say(...said) {
    await own.say(...said);
    answered();
  },
  async turnStart(start: TurnStart) {
    if (steering) {
      steering = false;
      return echo(start, live.turn?.id ?? "");
    }
    live.interrupting = false;
    if (live.turn === null) live.turn = { id: newId("turn"), lastMessage: null };
    const { id } = live.turn;
    history.append({ kind: "turn", thread: threads.current(), turn: id });
    notify("thread/status/changed", { threadId: threads.current(), status: { type: "active", activeFlags: [] } });
    notify("turn/started", { threadId: threads.current(), turn: turnView(id, "inProgress") });
    notify("warning", { threadId: threads.current(), message: "Model metadata for `fake` not found." });
    // A turn that starts by itself echoes no message: nobody said anything.
    if (start.origin === "input") await echo(start, id);
  },
  turnEnd(_start, end: TurnEnd) {
    if (steering || live.turn === null) return;
    const { id, lastMessage } = live.turn;
    const thread = threads.current();
    if (answers === 0) answered();
    answers = 0;
    const refusal = end.outcome === "failed" ? codexRefusal(end) : null;
    if (refusal?.limits) notify("account/rateLimits/updated", { rateLimits: refusal.limits });
    const error =
      end.outcome === "failed"
        ? (refusal?.error ?? { message: end.message, codexErrorInfo: end.code, additionalDetails: null })
        : null;
    notify("thread/status/changed", { threadId: thread, status: { type: error === null ? "idle" : "systemError" } });
    if (error !== null) notify("error", { error, willRetry: false, threadId: thread, turnId: id });
    history.append({ kind: "ended", thread, turn: id, status: end.outcome });
    live.turn = null;
    const items = end.outcome === "completed" && lastMessage !== null ? [lastMessage] : [];
    notify("turn/completed", { threadId: thread, turn: turnView(id, end.outcome, { items, error }) });
    for (const { id: requestId, thread: threadId } of resolvedLater.splice(0))
      notify("serverRequest/resolved", { threadId, requestId });
  },
  /** Background work of Codex is a command that goes on after its turn. */
  background(tasks) {
    while (background.length < tasks) {
      const id = newId("call");
      background.push(id);
      notify("item/started", {
        item: backgroundItem(id, "inProgress", null),
        threadId: threads.current(),
        turnId: live.turn?.id ?? "",
      });
    }
    while (background.length > tasks) {
      const id = background.shift();
      notify("item/completed", {
        item: backgroundItem(id ?? "", "completed", "late\n"),
        threadId: threads.current(),
        turnId: "an-earlier-turn",
      });
    }
  },
  subagent(): SubWire {
    const thread = newId("child");
    const child = newId("turn");
    const parent = { threadId: threads.current(), turnId: live.turn?.id ?? "" };
    const call = {
      type: "collabAgentToolCall",
      id: newId("call"),
      tool: "spawnAgent",
      prompt: "go",
      receiverThreadIds: [thread],
      agentsStates: {},
    };
    notify("item/started", { item: { ...call, status: "inProgress", receiverThreadIds: [] }, ...parent });
    notify("thread/status/changed", { threadId: thread, status: { type: "active", activeFlags: [] } });
    notify("turn/started", { threadId: thread, turn: turnView(child, "inProgress", { rootTurnId: parent.turnId }) });
    notify("item/completed", {
      item: { ...call, status: "completed", agentsStates: { [thread]: { status: "pendingInit", message: null } } },
      ...parent,
    });
    return {
      wire: {
        ...wireOf(
          () => thread,
          () => child,
        ),
        turnStart: () => undefined,
        turnEnd: () => undefined,
      },
      done(lastText) {
        const items = [{ type: "agentMessage", id: newId("msg"), text: lastText, phase: null }];
        notify("thread/status/changed", { threadId: thread, status: { type: "idle" } });
        notify("turn/completed", { threadId: thread, turn: turnView(child, "completed", { items }) });
      },
    };
  },
  /** A turn of another sub-agent ends, and the parent looks idle, while its own turn goes on. */
  parentDone() {
    const thread = newId("child");
    const child = newId("turn");
    notify("turn/started", { threadId: thread, turn: turnView(child, "inProgress") });
    notify("turn/completed", {
      threadId: thread,
      turn: turnView(child, "failed", { error: { message: "a sub-agent's error", codexErrorInfo: "other" } }),
    });
    notify("thread/status/changed", { threadId: thread, status: { type: "idle" } });
  },
});

function backgroundItem(id: string, status: string, output: string | null): Record<string, unknown> {
  return {
    type: "commandExecution",
    id,
    command: "sleep",
    cwd: process.cwd(),
    status,
    aggregatedOutput: output,
    exitCode: output === null ? null : 0,
  };
}

function blockText(block: unknown): string {
  return member(block, "type") === "localImage"
    ? shownFile(String(member(block, "path")))
    : String(member(block, "text") ?? "");
}

async function echo({ text, key }: TurnStart, turnId: string): Promise<void> {
  while (options.echoGate !== undefined && !(await Bun.file(options.echoGate).exists())) await Bun.sleep(10);
  const item = {
    type: "userMessage",
    id: newId("user"),
    clientId: key,
    content: [{ type: "text", text, text_elements: [] }],
  };
  history.append({ kind: "user", thread: threads.current(), turn: turnId, key, text });
  notify("item/started", { item, threadId: threads.current(), turnId });
  notify("item/completed", { item, threadId: threads.current(), turnId });
}

const MAX_CHARS = 1_048_576;

function startTurn(id: RpcId, params: unknown): void {
  const input = member(params, "input");
  const text = Array.isArray(input) ? input.map(blockText).join("") : "";
  const actual_chars = [...text].length;
  if (actual_chars > MAX_CHARS) {
    const data = { input_error_code: "input_too_large", max_chars: MAX_CHARS, actual_chars };
    return out.line({
      error: { code: -32602, message: `Input exceeds the maximum length of ${MAX_CHARS} characters.`, data },
      id,
    });
  }
  const key = member(params, "clientUserMessageId");
  pendingKey = typeof key === "string" ? key : null;
  const model = threads.model();
  const unknownModel = options.model !== undefined && model !== "" && model !== options.model;
  const script = unknownModel
    ? `SCRIPT [{"fail":"modelNotFound","message":"The model \`${model}\` does not exist."}]`
    : spokenResult(text, member(params, "outputSchema"));
  if (live.turn !== null) {
    // Steering: the same turn, another answer; what was being said is dropped.
    steering = true;
    engine.interrupt();
  } else live.turn = { id: newId("turn"), lastMessage: null };
  out.line({ id, result: { turn: turnView(live.turn.id, "inProgress") } });
  void engine.prompt(script, pendingKey);
}

function onRequest(id: RpcId, method: string, params: unknown): void {
  const fail = (message: string, code = -32600): void => out.line({ error: { code, message }, id });
  const handled = threads.request(method, params);
  if (handled !== undefined) {
    if ("error" in handled) return fail(handled.error);
    out.line({ id, result: handled.result });
    for (const each of handled.then ?? []) notify(each.method, each.params);
    return;
  }
  switch (method) {
    case "turn/start":
      if (member(params, "threadId") !== threads.current())
        return fail(`thread not found: ${String(member(params, "threadId"))}`);
      return startTurn(id, params);
    case "turn/interrupt":
      if (live.turn === null || member(params, "turnId") !== live.turn.id) return fail("no active turn to interrupt");
      live.interrupting = true;
      out.line({ id, result: {} });
      engine.interrupt();
      return;
    case "thread/backgroundTerminals/clean":
      out.line({ id, result: {} });
      for (const each of background.splice(0))
        notify("item/completed", {
          item: { ...backgroundItem(each, "failed", null), exitCode: -1 },
          threadId: threads.current(),
          turnId: "old",
        });
      return;
    case "thread/backgroundTerminals/list":
      return out.line({
        id,
        result: { data: background.map((itemId) => ({ itemId, processId: "1", command: "sleep" })), nextCursor: null },
      });
    default:
      return fail(`Invalid request: unknown variant \`${method}\``);
  }
}

function onLine(line: string): void {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    if (line.trim() !== "") console.error(`ERROR Failed to deserialize JSONRPCMessage: ${line.slice(0, 80)}`);
    return;
  }
  const message = classifyRpc(json);
  if (message.kind === "request") onRequest(message.id, message.method, message.params);
  else if (message.kind === "result" || message.kind === "error") {
    // An id that nobody waits for is ignored, as Codex does.
    const resolve = message.id === null ? undefined : waiting.get(message.id);
    if (message.id !== null) waiting.delete(message.id);
    resolve?.(message.kind === "result" ? message.result : undefined);
  }
}

process.on("SIGTERM", () => process.exit(0));
if (process.argv.includes("--version")) {
  console.log("codex-cli 0.169.0");
  process.exit(0);
}
for await (const line of console) onLine(line);
process.exit(0);
