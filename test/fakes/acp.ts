#!/usr/bin/env bun
/**
 * A fake agent that speaks ACP v1 as real ones do, with their traps: its request ids begin at 0, option ids are its own
 * words, a tool may first be seen in progress or only when it is done, a loaded session replays its history before AND
 * after the answer (Gemini), files are written through a client that never offered it (OpenCode).
 *
 * FAKE_HISTORY: file of the conversations. FAKE_ACP: JSON of `Options`.
 */
import { shownData } from "./pictures.ts";
import { classifyRpc, type RpcId, rpcLines } from "../../src/lib/jsonrpc.ts";
import { MODES as AGENT_MODES, options } from "./acp-options.ts";
import { createHistory, createOut } from "./out.ts";
import { acpRefusal, type Refusal } from "./limits.ts";
import { createEngine, type Decision, type SubWire, type ToolCall, type Wire } from "./script.ts";

type Record_ =
  | { readonly session: string; readonly kind: "user" | "agent"; readonly text: string }
  | {
      readonly session: string;
      readonly kind: "tool";
      readonly call: ToolCall;
      readonly text: string;
    };

const history = createHistory<Record_>(process.env["FAKE_HISTORY"] ?? `${process.cwd()}/.fake-acp-history.jsonl`);
const out = createOut();
const rpc = rpcLines({ header: true });
const MODELS = ["fake-1", "fake-2"];

let session = "";
let model = "fake-1";
let mode = options.mode ?? "default";
/** What is still to be said of the turn. */
let late: (() => void) | null = null;
let nextId = 0;
let messages = 0;
/** Open prompts in their order; the first one is running. */
const prompts: RpcId[] = [];
const waiting = new Map<RpcId, (answer: unknown) => void>();
const openAsks = new Map<string, RpcId>();

function send(line: string): void {
  out.raw(`${line}\n`);
}

function request(method: string, params: unknown): { readonly id: RpcId; readonly answer: Promise<unknown> } {
  const id = nextId++;
  const answer = new Promise<unknown>((resolve) => waiting.set(id, resolve));
  send(rpc.request(id, method, params));
  return { id, answer };
}

function update(of: string, body: Record<string, unknown>): void {
  send(rpc.notification("session/update", { sessionId: of, update: body }));
}

function pieces(text: string, count: number): string[] {
  const letters = [...text];
  const size = Math.max(1, Math.ceil(letters.length / Math.max(1, count)));
  return Array.from({ length: Math.ceil(letters.length / size) }, (_, at) =>
    letters.slice(at * size, (at + 1) * size).join(""),
  );
}

/** A wire whose updates carry this session's id; sub-agents get one of their own. */
function wireOf(of: () => string): Omit<Wire, "turnStart" | "turnEnd"> {
  const announced = new Set<string>();
  const kindOf = (name: string) =>
    name === "Bash" ? "execute" : name === "Write" || name === "Edit" ? "edit" : "other";
  const titleOf = ({ name, input }: ToolCall) => (typeof input["command"] === "string" ? input["command"] : name);

  function announce(call: ToolCall): void {
    if (announced.has(call.id)) return;
    announced.add(call.id);
    const what = { toolCallId: call.id, title: titleOf(call), kind: kindOf(call.name), rawInput: call.input };
    update(of(), {
      sessionUpdate: options.pendingFirst ? "tool_call_update" : "tool_call",
      ...what,
      status: "in_progress",
    });
  }

  function chunk(kind: string, text: string, messageId: string | undefined): void {
    const id = options.messageIds === false || messageId === undefined ? {} : { messageId };
    update(of(), { sessionUpdate: kind, ...id, content: { type: "text", text } });
  }

  return {
    parallelAsks: true,
    async say(blocks, chunks, pause) {
      const id = `msg-${process.pid}-${++messages}`;
      const all = blocks.flatMap((text) => pieces(text, chunks));
      const middle = Math.ceil(all.length / 2);
      for (const text of all.slice(0, middle)) chunk("agent_message_chunk", text, id);
      await pause();
      const rest = () => all.slice(middle).forEach((text) => chunk("agent_message_chunk", text, id));
      if (options.lateMs === undefined) rest();
      else late = rest;
      history.append({ session: of(), kind: "agent", text: blocks.join("") });
    },
    think: (text) => chunk("agent_thought_chunk", text, `thought-${++messages}`),
    empty() {
      update(of(), { sessionUpdate: "usage_update", used: 1, size: 100 });
    },
    toolCall(call) {
      if (options.pendingFirst) {
        update(of(), {
          sessionUpdate: "tool_call",
          toolCallId: call.id,
          title: call.name,
          kind: kindOf(call.name),
          status: "pending",
          rawInput: {},
        });
      }
      // A tool that asks is announced by its question alone; one that runs is seen at once.
      setImmediate(() => {
        if (!openAsks.has(call.id)) announce(call);
      });
    },
    toolResult(call, { text, isError, denied }) {
      const asked = openAsks.delete(call.id);
      history.append({ session: of(), kind: "tool", call, text });
      if (denied && !options.pendingFirst) return; // Gemini never mentions a refused tool again.
      if (!asked) announce(call);
      const content = text === "" ? [] : [{ type: "content", content: { type: "text", text } }];
      const status = isError ? "failed" : "completed";
      // After a question the result may be the first update of all.
      const input = asked ? { title: titleOf(call), kind: kindOf(call.name), rawInput: call.input } : {};
      update(of(), {
        sessionUpdate: "tool_call_update",
        toolCallId: call.id,
        status,
        ...input,
        content,
        rawOutput: { output: text },
      });
    },
    async ask(call): Promise<Decision> {
      if (mode === "yolo") return { allow: true };
      const toolCall = {
        toolCallId: call.id,
        title: titleOf(call),
        kind: kindOf(call.name),
        status: "pending",
        rawInput: call.input,
      };
      const always = { optionId: "q-7 for this session", kind: "allow_always", name: "Allow for this session" };
      const saved = { optionId: "q-8", kind: "allow_always", name: "Allow in all future sessions" };
      const no = { optionId: "allow_me_not", kind: "reject_once", name: "No" };
      const offered = options.grantsOnly
        ? [saved, always, no]
        : [saved, no, always, { optionId: "q-3", kind: "allow_once", name: "Once" }];
      const { id, answer } = request("session/request_permission", { sessionId: of(), toolCall, options: offered });
      openAsks.set(call.id, id);
      const chosen = optionOf(await answer);
      const allow = chosen === "q-3" || chosen === "q-7 for this session";
      if (allow && call.name === "Write") {
        const refused = await request("fs/write_text_file", { sessionId: of(), path: "/f", content: "x" }).answer;
        if (refused !== METHOD_NOT_FOUND)
          throw new Error(`fs/write_text_file was answered with ${JSON.stringify(refused)}`);
      }
      return allow ? { allow } : { allow, message: chosen === "allow_me_not" ? "rejected" : "cancelled" };
    },
    async question({ question, options: labels }) {
      const answer = await request("elicitation/create", {
        sessionId: of(),
        message: question,
        requestedSchema: { enum: labels },
      }).answer;
      return answer === METHOD_NOT_FOUND ? "" : JSON.stringify(answer);
    },
    withdraw(id) {
      const requestId = openAsks.get(id);
      // After a cancel the client has to answer by itself, without being told.
      if (requestId !== undefined && prompts[0] !== undefined && !cancelling)
        send(rpc.notification("$/cancel_request", { requestId }));
    },
    // Agents retry in silence.
    retry: () => undefined,
    raw: out.raw,
    cut: out.cut,
    release: out.release,
  };
}

const METHOD_NOT_FOUND = -32601;
let cancelling = false;

function optionOf(answer: unknown): string {
  if (typeof answer !== "object" || answer === null || !("outcome" in answer)) return "none";
  const { outcome } = answer;
  if (typeof outcome !== "object" || outcome === null || !("outcome" in outcome)) return "none";
  return "optionId" in outcome && typeof outcome.optionId === "string" ? outcome.optionId : String(outcome.outcome);
}

const root = wireOf(() => session);
const engine = createEngine({
  ...root,
  turnStart({ text, origin }) {
    cancelling = false;
    if (origin === "input") history.append({ session, kind: "user", text });
    update(session, { sessionUpdate: "fake_novelty", what: "an update of a kind that nobody knows" });
  },
  turnEnd(_turn, end) {
    const prompt = prompts.shift();
    if (prompt === undefined) return;
    const behind = late;
    late = null;
    if (behind !== null) setTimeout(behind, options.lateMs);
    const usage = { inputTokens: 100, outputTokens: 10, totalTokens: 110 };
    update(session, { sessionUpdate: "usage_update", used: 110, size: 1000, cost: { amount: 0.001, currency: "USD" } });
    if (end.outcome === "completed") send(rpc.result(prompt, { stopReason: "end_turn", usage, _meta: {} }));
    else if (end.outcome === "failed") failed(prompt, end);
    else if (options.cancelled === "error") send(rpc.error(prompt, { code: -32800, message: "Request cancelled" }));
    else send(rpc.result(prompt, { stopReason: options.cancelled ?? "cancelled", usage }));
  },
  subagent(id): SubWire {
    const sub = wireOf(() => `${session}/${id}`);
    update(session, {
      sessionUpdate: "tool_call",
      toolCallId: id,
      title: "sub-agent",
      kind: "think",
      status: "in_progress",
      rawInput: {},
    });
    return {
      wire: { ...sub, turnStart: () => undefined, turnEnd: () => undefined },
      done(lastText) {
        const content = [{ type: "content", content: { type: "text", text: lastText } }];
        update(session, { sessionUpdate: "tool_call_update", toolCallId: id, status: "completed", content });
      },
    };
  },
});

/**
 * "max_tokens" and its like are stop reasons, "401" is a model service's number, everything else the agent's own error.
 */
function failed(id: RpcId, end: Refusal): void {
  const stops = ["max_tokens", "max_turn_requests", "refusal"].includes(end.code);
  send(stops ? rpc.result(id, { stopReason: end.code }) : rpc.error(id, acpRefusal(end)));
}

function sessionResult(): Record<string, unknown> {
  const modes = options.mode === undefined ? {} : { modes: { currentModeId: mode, availableModes: AGENT_MODES } };
  return { ...modes, ...modelResult() };
}

function modelResult(): Record<string, unknown> {
  switch (options.models ?? "config") {
    case "config":
      return {
        configOptions: [
          {
            id: "pick",
            name: "Model",
            category: "model",
            type: "select",
            currentValue: model,
            options: MODELS.map((value) => ({ value, name: value })),
          },
        ],
      };
    case "set_model":
      return {
        models: { availableModels: MODELS.map((modelId) => ({ modelId, name: modelId })), currentModelId: model },
      };
    case "none":
      return {};
  }
}

function replay(records: readonly Record_[]): void {
  for (const record of records) {
    if (record.kind === "tool") {
      const content = [{ type: "content", content: { type: "text", text: record.text } }];
      update(session, {
        sessionUpdate: "tool_call",
        toolCallId: record.call.id,
        title: record.call.name,
        status: "completed",
        content,
      });
    } else {
      update(session, { sessionUpdate: `${record.kind}_message_chunk`, content: { type: "text", text: record.text } });
    }
  }
}

function paramText(params: unknown, key: string): string {
  const value: unknown =
    typeof params === "object" && params !== null
      ? new Map<string, unknown>(Object.entries(params)).get(key)
      : undefined;
  return typeof value === "string" ? value : "";
}

function setModel(id: RpcId, wanted: string): void {
  if (!MODELS.includes(wanted))
    return send(rpc.error(id, { code: -32602, message: `Invalid params: model not found: ${wanted}` }));
  model = wanted;
  send(rpc.result(id, options.models === "set_model" ? {} : sessionResult()));
}

function onRequest(id: RpcId, method: string, params: unknown): void {
  switch (method) {
    case "initialize": {
      const resume = options.resume ?? "load";
      const agentCapabilities = {
        loadSession: resume === "load",
        promptCapabilities: { image: options.images !== false },
        sessionCapabilities: resume === "resume" ? { resume: {} } : {},
      };
      const authMethods = [{ id: "fake-login", name: "Log in with Fake" }];
      const agentInfo = { name: "fake-acp", title: "Fake Agent", version: "1.2.3" };
      return send(
        rpc.result(id, { protocolVersion: options.protocolVersion ?? 1, agentCapabilities, authMethods, agentInfo }),
      );
    }
    case "session/new":
      if (options.auth === "login") return send(rpc.error(id, { code: -32000, message: "Authentication required" }));
      session = `fake-session-${process.pid}`;
      send(rpc.result(id, { sessionId: session, ...sessionResult() }));
      return update(session, { sessionUpdate: "available_commands_update", availableCommands: [] });
    case "session/load":
    case "session/resume": {
      const records = history.read().filter((record) => record.session === paramText(params, "sessionId"));
      const first = records[0];
      if (first === undefined)
        return send(
          rpc.error(id, { code: -32603, message: "Internal error: no such session", data: { details: "not on disk" } }),
        );
      session = first.session;
      if (method === "session/resume") return send(rpc.result(id, sessionResult()));
      const middle = Math.ceil(records.length / 2);
      replay(records.slice(0, middle));
      send(rpc.result(id, sessionResult()));
      return replay(records.slice(middle));
    }
    case "session/set_mode":
      mode = paramText(params, "modeId") === "yolo" ? "yolo" : "default";
      return send(rpc.result(id, {}));
    case "session/set_config_option":
      return setModel(id, paramText(params, "value"));
    case "session/set_model":
      return setModel(id, paramText(params, "modelId"));
    case "session/prompt":
      if (paramText(params, "sessionId") !== session)
        return send(rpc.error(id, { code: -32602, message: "Invalid params: session not found" }));
      if (options.auth === "prompt") return send(rpc.error(id, { code: -32000, message: "Authentication required" }));
      prompts.push(id);
      return void engine.prompt(promptText(params), String(id));
    default:
      return send(
        rpc.error(id, { code: METHOD_NOT_FOUND, message: `"Method not found": ${method}`, data: { method } }),
      );
  }
}

function promptText(params: unknown): string {
  const blocks: unknown = typeof params === "object" && params !== null && "prompt" in params ? params.prompt : [];
  if (!Array.isArray(blocks)) return "";
  const isImage = (block: unknown): boolean => paramText(block, "type") === "image";
  const texts = blocks.filter((block) => !isImage(block)).map((block: unknown) => paramText(block, "text"));
  const images = blocks.filter(isImage).map((each) => shownData(paramText(each, "mimeType"), paramText(each, "data")));
  return texts.join("\n") + images.join("");
}

function onLine(line: string): void {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    if (line.trim() !== "") send(`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`);
    return;
  }
  const message = classifyRpc(json);
  if (message.kind === "request") onRequest(message.id, message.method, message.params);
  else if (message.kind === "notification" && message.method === "session/cancel") {
    cancelling = true;
    engine.interrupt();
  } else if (message.kind === "result" || message.kind === "error") {
    const resolve = message.id === null ? undefined : waiting.get(message.id);
    if (message.id !== null) waiting.delete(message.id);
    resolve?.(message.kind === "result" ? message.result : message.error.code);
  }
}

for await (const line of console) onLine(line);
