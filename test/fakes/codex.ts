#!/usr/bin/env bun
/**
 * A fake `codex app-server` in the shapes and with the traps of Codex 0.169.0: server requests number from 0 beside ours,
 * the status "idle" before the end of a turn, three lines for one failure of which the first two mean nothing, errors that
 * recover, sub-agents and self-started turns on the same stream, `turn/start` that steers, threads that exist on disk only
 * after their first turn, answers to unknown ids swallowed.
 *
 * FAKE_HISTORY: file of the conversations. FAKE_CODEX: JSON of `Options`. The protocol half is in `codex-threads.ts`.
 */
import { classifyRpc, type RpcId } from "../../src/lib/jsonrpc.ts";
import { createThreads, type Record_ } from "./codex-threads.ts";
import { createHistory, createOut } from "./out.ts";
import { createEngine, type Decision, type SubWire, type ToolCall, type TurnEnd, type TurnStart, type Wire } from "./script.ts";

interface Options {
  /** The model list knows only this one; another fails its turn as the real service does. */
  readonly model?: string;
  /** An input is shown to have arrived only after this file exists: a crash before it proves that history decides. */
  readonly echoGate?: string;
}

// Tests write the variable; a wrong one is seen in their first assertion.
const options: Options = JSON.parse(process.env["FAKE_CODEX"] ?? "{}");
const out = createOut();
const history = createHistory<Record_>(process.env["FAKE_HISTORY"] ?? `${process.cwd()}/.fake-codex-history.jsonl`);
const threads = createThreads(history, () => turn?.id ?? null);

interface Turn {
  readonly id: string;
  lastMessage: Record<string, unknown> | null;
}

let turn: Turn | null = null;
/** A turn that was steered: its interrupted run must not end it. */
let steering = false;
let serverId = 0;
let ids = 0;
let tokens = 0;
const waiting = new Map<RpcId, (answer: unknown) => void>();
const openAsks = new Map<string, { readonly id: RpcId; readonly thread: string }>();
const grants = new Set<string>();
const background: string[] = [];
/** Requests that an interrupt took back: told only after the end of the turn. */
const resolvedLater: { id: RpcId; thread: string }[] = [];

function notify(method: string, params: Record<string, unknown>): void {
  out.line({ method, params, emittedAtMs: 1 });
}

function newId(what: string): string {
  ids += 1;
  return `${what}-${process.pid}-${ids}`;
}

function turnView(id: string, status: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { id, rootTurnId: id, items: [], itemsView: "notLoaded", status, error: null, startedAt: null, completedAt: null, durationMs: null, ...more };
}

/** A wire whose frames carry this thread and turn. */
function wireOf(thread: () => string, turnId: () => string): Omit<Wire, "turnStart" | "turnEnd"> {
  const place = () => ({ threadId: thread(), turnId: turnId() });
  const item = (phase: "started" | "completed", body: Record<string, unknown>) => notify(`item/${phase}`, { item: body, ...place() });
  const isPatch = (call: ToolCall) => call.name === "Write" || call.name === "Edit";
  const command = (call: ToolCall) => `/bin/bash -lc '${String(call.input["command"] ?? call.name)}'`;

  function view(call: ToolCall, status: string, output: string | null): Record<string, unknown> {
    if (isPatch(call)) {
      const path = String(call.input["file_path"] ?? call.input["path"] ?? "file.txt");
      return { type: "fileChange", id: call.id, changes: [{ path, kind: { type: "add" }, diff: String(call.input["content"] ?? "") }], status };
    }
    if (call.name.includes(".")) {
      const [server, tool] = call.name.split(".");
      const result = output === null ? null : { content: [{ type: "text", text: output }], structuredContent: null };
      return { type: "mcpToolCall", id: call.id, server, tool, status: status === "declined" ? "failed" : status, arguments: call.input, result, error: null };
    }
    const exitCode = output === null || status === "declined" ? null : status === "completed" ? 0 : 3;
    return { type: "commandExecution", id: call.id, command: command(call), cwd: process.cwd(), status, aggregatedOutput: output, exitCode, durationMs: 1 };
  }

  function request(id: string, method: string, params: Record<string, unknown>, flag: string): Promise<unknown> {
    const requestId = serverId;
    serverId += 1;
    openAsks.set(id, { id: requestId, thread: thread() });
    // One notice for any number of open requests.
    if (openAsks.size === 1) notify("thread/status/changed", { threadId: thread(), status: { type: "active", activeFlags: [flag] } });
    out.line({ method, id: requestId, params: { ...place(), ...params } });
    return new Promise((resolve) => waiting.set(requestId, resolve));
  }

  function settled(id: string): void {
    const open = openAsks.get(id);
    openAsks.delete(id);
    if (open !== undefined) notify("serverRequest/resolved", { threadId: open.thread, requestId: open.id });
    if (openAsks.size === 0) notify("thread/status/changed", { threadId: thread(), status: { type: "active", activeFlags: [] } });
  }

  return {
    parallelAsks: true,
    async say(blocks, chunks, pause) {
      const id = newId("msg");
      const text = blocks.join("");
      const body = { type: "agentMessage", id, text: "", phase: null };
      item("started", body);
      const letters = [...text];
      const size = Math.max(1, Math.ceil(letters.length / Math.max(1, chunks)));
      const deltas = Array.from({ length: Math.ceil(letters.length / size) }, (_, at) => letters.slice(at * size, (at + 1) * size).join(""));
      const middle = Math.ceil(deltas.length / 2);
      for (const delta of deltas.slice(0, middle)) notify("item/agentMessage/delta", { ...place(), itemId: id, delta });
      await pause();
      for (const delta of deltas.slice(middle)) notify("item/agentMessage/delta", { ...place(), itemId: id, delta });
      const whole = { ...body, text };
      item("completed", whole);
      if (turn !== null && thread() === threads.current()) turn.lastMessage = whole;
      history.append({ kind: "said", thread: thread(), turn: turnId(), text });
    },
    think(text) {
      const id = newId("rs");
      item("started", { type: "reasoning", id, summary: [], content: [] });
      notify("item/reasoning/summaryTextDelta", { ...place(), itemId: id, delta: text, summaryIndex: 0 });
      item("completed", { type: "reasoning", id, summary: [text], content: [] });
    },
    empty() {
      const body = { type: "agentMessage", id: newId("msg"), text: "", phase: null };
      item("started", body);
      item("completed", body);
      if (turn !== null) turn.lastMessage = null;
    },
    toolCall: (call) => item("started", view(call, "inProgress", null)),
    toolResult: (call, { text, isError, denied }) => item("completed", view(call, denied ? "declined" : isError ? "failed" : "completed", denied ? null : text)),
    async ask(call): Promise<Decision> {
      const grant = `${call.name} ${JSON.stringify(call.input)}`;
      if (threads.policy() === "never" || grants.has(grant)) return { allow: true };
      const mcp = call.name.includes(".");
      const answer = mcp
        ? await request(call.id, "mcpServer/elicitation/request", mcpQuestion(call), "waitingOnApproval")
        : await request(call.id, isPatch(call) ? "item/fileChange/requestApproval" : "item/commandExecution/requestApproval", {
            itemId: call.id, startedAtMs: 1, reason: null,
            ...(isPatch(call) ? { grantRoot: null } : { kind: "command", command: command(call), cwd: process.cwd(), availableDecisions: ["accept", "cancel"] }),
          }, "waitingOnApproval");
      settled(call.id);
      const decision = member(answer, "decision") ?? member(answer, "action");
      if (decision === "acceptForSession" || member(member(answer, "_meta"), "persist") === "session") grants.add(grant);
      // A word that Codex does not know counts as a refusal.
      return { allow: decision === "accept" || decision === "acceptForSession" };
    },
    async question({ id, question, options: labels }) {
      const questions = [{ id: "q1", header: "Choice", question, isOther: true, isSecret: false, options: labels.map((label) => ({ label, description: "" })) }];
      const answer = await request(id, "item/tool/requestUserInput", { itemId: id, questions, isBlocking: false, autoResolutionMs: null }, "waitingOnUserInput");
      settled(id);
      const given = member(member(member(answer, "answers"), "q1"), "answers");
      return Array.isArray(given) ? String(given[0]) : "";
    },
    withdraw(id) {
      const open = openAsks.get(id);
      if (open === undefined) return;
      if (!interrupting) return settled(id);
      openAsks.delete(id);
      resolvedLater.push(open);
    },
    retry(attempt, of, status) {
      const details = `unexpected status ${status}: the fake says so`;
      const error = { message: `Reconnecting... ${attempt}/${of}`, codexErrorInfo: { responseStreamDisconnected: { httpStatusCode: status } }, additionalDetails: details };
      notify("error", { error, willRetry: true, ...place() });
    },
    raw: out.raw,
    cut: out.cut,
    release: out.release,
  };
}

function mcpQuestion(call: ToolCall): Record<string, unknown> {
  const [serverName, tool_name] = call.name.split(".");
  const _meta = { codex_approval_kind: "mcp_tool_call", persist: ["session", "always"], tool_name, tool_params: call.input };
  return { serverName, mode: "form", _meta, message: `Allow ${call.name}?`, requestedSchema: { type: "object", properties: {} } };
}

let interrupting = false;
let pendingKey: string | null = null;

const engine = createEngine({
  ...wireOf(() => threads.current(), () => turn?.id ?? ""),
  async turnStart(start: TurnStart) {
    if (steering) {
      steering = false;
      return echo(start, turn?.id ?? "");
    }
    interrupting = false;
    if (turn === null) turn = { id: newId("turn"), lastMessage: null };
    const { id } = turn;
    history.append({ kind: "turn", thread: threads.current(), turn: id });
    notify("thread/status/changed", { threadId: threads.current(), status: { type: "active", activeFlags: [] } });
    notify("turn/started", { threadId: threads.current(), turn: turnView(id, "inProgress") });
    notify("warning", { threadId: threads.current(), message: "Model metadata for `fake` not found." });
    // A turn that starts by itself echoes no message: nobody said anything.
    if (start.origin === "input") await echo(start, id);
  },
  turnEnd(_start, end: TurnEnd) {
    if (steering || turn === null) return;
    const { id, lastMessage } = turn;
    const thread = threads.current();
    tokens += 110;
    const total = { totalTokens: tokens, inputTokens: tokens - 10, cachedInputTokens: 40, cacheWriteInputTokens: 0, outputTokens: 10, reasoningOutputTokens: 0 };
    notify("thread/tokenUsage/updated", { threadId: thread, turnId: id, tokenUsage: { total, last: total, modelContextWindow: 258_400 } });
    const error = end.outcome === "failed" ? { message: end.message, codexErrorInfo: end.code, additionalDetails: null } : null;
    notify("thread/status/changed", { threadId: thread, status: { type: error === null ? "idle" : "systemError" } });
    if (error !== null) notify("error", { error, willRetry: false, threadId: thread, turnId: id });
    history.append({ kind: "ended", thread, turn: id, status: end.outcome });
    turn = null;
    const items = end.outcome === "completed" && lastMessage !== null ? [lastMessage] : [];
    notify("turn/completed", { threadId: thread, turn: turnView(id, end.outcome, { items, error }) });
    for (const { id: requestId, thread: threadId } of resolvedLater.splice(0)) notify("serverRequest/resolved", { threadId, requestId });
  },
  /** Background work of Codex is a command that goes on after its turn. */
  background(tasks) {
    while (background.length < tasks) {
      const id = newId("call");
      background.push(id);
      notify("item/started", { item: backgroundItem(id, "inProgress", null), threadId: threads.current(), turnId: turn?.id ?? "" });
    }
    while (background.length > tasks) {
      const id = background.shift();
      notify("item/completed", { item: backgroundItem(id ?? "", "completed", "late\n"), threadId: threads.current(), turnId: "an-earlier-turn" });
    }
  },
  subagent(): SubWire {
    const thread = newId("child");
    const child = newId("turn");
    const parent = { threadId: threads.current(), turnId: turn?.id ?? "" };
    const call = { type: "collabAgentToolCall", id: newId("call"), tool: "spawnAgent", prompt: "go", receiverThreadIds: [thread], agentsStates: {} };
    notify("item/started", { item: { ...call, status: "inProgress", receiverThreadIds: [] }, ...parent });
    notify("thread/status/changed", { threadId: thread, status: { type: "active", activeFlags: [] } });
    notify("turn/started", { threadId: thread, turn: turnView(child, "inProgress", { rootTurnId: parent.turnId }) });
    notify("item/completed", { item: { ...call, status: "completed", agentsStates: { [thread]: { status: "pendingInit", message: null } } }, ...parent });
    return {
      wire: { ...wireOf(() => thread, () => child), turnStart: () => undefined, turnEnd: () => undefined },
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
    notify("turn/completed", { threadId: thread, turn: turnView(child, "failed", { error: { message: "a sub-agent's error", codexErrorInfo: "other" } }) });
    notify("thread/status/changed", { threadId: thread, status: { type: "idle" } });
  },
});

function backgroundItem(id: string, status: string, output: string | null): Record<string, unknown> {
  return { type: "commandExecution", id, command: "sleep", cwd: process.cwd(), status, aggregatedOutput: output, exitCode: output === null ? null : 0 };
}

async function echo({ text, key }: TurnStart, turnId: string): Promise<void> {
  while (options.echoGate !== undefined && !(await Bun.file(options.echoGate).exists())) await Bun.sleep(10);
  const item = { type: "userMessage", id: newId("user"), clientId: key, content: [{ type: "text", text, text_elements: [] }] };
  history.append({ kind: "user", thread: threads.current(), turn: turnId, key, text });
  notify("item/started", { item, threadId: threads.current(), turnId });
  notify("item/completed", { item, threadId: threads.current(), turnId });
}

function member(of: unknown, key: string): unknown {
  return typeof of === "object" && of !== null ? new Map<string, unknown>(Object.entries(of)).get(key) : undefined;
}

const MAX_CHARS = 1_048_576;

function startTurn(id: RpcId, params: unknown): void {
  const input = member(params, "input");
  const text = Array.isArray(input) ? input.map((each: unknown) => String(member(each, "text") ?? "")).join("") : "";
  const actual_chars = [...text].length;
  if (actual_chars > MAX_CHARS) {
    const data = { input_error_code: "input_too_large", max_chars: MAX_CHARS, actual_chars };
    return out.line({ error: { code: -32602, message: `Input exceeds the maximum length of ${MAX_CHARS} characters.`, data }, id });
  }
  const key = member(params, "clientUserMessageId");
  pendingKey = typeof key === "string" ? key : null;
  const model = threads.model();
  const unknownModel = options.model !== undefined && model !== "" && model !== options.model;
  const script = unknownModel ? `SCRIPT [{"fail":"modelNotFound","message":"The model \`${model}\` does not exist."}]` : text;
  if (turn !== null) {
    // Steering: the same turn, another answer; what was being said is dropped.
    steering = true;
    engine.interrupt();
  } else turn = { id: newId("turn"), lastMessage: null };
  out.line({ id, result: { turn: turnView(turn.id, "inProgress") } });
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
      if (member(params, "threadId") !== threads.current()) return fail(`thread not found: ${String(member(params, "threadId"))}`);
      return startTurn(id, params);
    case "turn/interrupt":
      if (turn === null || member(params, "turnId") !== turn.id) return fail("no active turn to interrupt");
      interrupting = true;
      out.line({ id, result: {} });
      engine.interrupt();
      return;
    case "thread/backgroundTerminals/clean":
      out.line({ id, result: {} });
      for (const each of background.splice(0)) notify("item/completed", { item: { ...backgroundItem(each, "failed", null), exitCode: -1 }, threadId: threads.current(), turnId: "old" });
      return;
    case "thread/backgroundTerminals/list":
      return out.line({ id, result: { data: background.map((itemId) => ({ itemId, processId: "1", command: "sleep" })), nextCursor: null } });
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
