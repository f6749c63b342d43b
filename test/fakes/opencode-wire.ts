/**
 * The script engine's steps in OpenCode's shapes and in its order, the misleading ones included: idle twice around a
 * failure and an abort, child sessions with an idle of their own, a second error after the idle.
 */
import { opencodeRefusal } from "./limits.ts";
import type { Decision, SubWire, ToolCall, ToolOutcome, TurnEnd, TurnStart, Wire } from "./script.ts";
import type { FakeStore, Json, StoredMessage, StoredSession } from "./opencode-store.ts";
import { newId } from "./opencode-store.ts";

export interface Pending {
  readonly request: Json & { id: string; sessionID: string };
  readonly kind: "permission" | "question";
  settle(decision: Decision): void;
}

export interface WireHost {
  readonly store: FakeStore;
  /** Sessions that are not idle. */
  readonly statuses: Map<string, Json>;
  readonly pending: Map<string, Pending>;
  emit(type: string, properties: Json): void;
  /** Ends every event stream; what happens until the next connection is seen by nobody. */
  cutStreams(): void;
}

export interface SessionWire extends Wire {
  /** Stores the user message as `prompt_async` does; a repeated id gets its parts doubled. */
  userMessage(id: string, text: string): void;
  status(status: Json): void;
}

const MODEL = { modelID: "fake-1", providerID: "fake" };

export function createWire(host: WireHost, session: StoredSession, allowed: Set<string>): SessionWire {
  const { store, emit } = host;
  const open = new Map<string, { message: StoredMessage; part: Json & { id: string } }>();
  const asked = new Map<string, string>();
  let parent = "";
  let speaking: StoredMessage | undefined;

  const about = (properties: Json): Json => ({ sessionID: session.id, ...properties });
  const updated = (message: StoredMessage) => {
    store.save();
    emit("message.updated", about({ info: message.info }));
  };
  const partUpdated = (part: Json) =>
    emit("message.part.updated", about({ part: { ...part, sessionID: session.id }, time: Date.now() }));

  function status(value: Json): void {
    if (value["type"] === "idle") host.statuses.delete(session.id);
    else host.statuses.set(session.id, value);
    emit("session.status", about({ status: value }));
    if (value["type"] === "idle") emit("session.idle", about({}));
  }

  function begin(): StoredMessage {
    const info = {
      id: newId("msg"),
      sessionID: session.id,
      role: "assistant" as const,
      parentID: parent,
      mode: "build",
      agent: "build",
      cost: 0.001,
      tokens: { input: 10, output: 5, reasoning: 0, cache: { read: 0, write: 0 } },
      ...MODEL,
      time: { created: Date.now() },
    };
    const message: StoredMessage = { info, parts: [] };
    session.messages.push(message);
    updated(message);
    status({ type: "busy" });
    addPart(message, { type: "step-start" });
    return message;
  }

  function addPart(message: StoredMessage, part: Json): Json & { id: string } {
    const made = { ...part, id: newId("prt"), messageID: message.info.id, sessionID: session.id };
    message.parts.push(made);
    partUpdated(made);
    return made;
  }

  function complete(message: StoredMessage, finish: string): void {
    const tokens = { input: 10, output: 5, reasoning: 0, cache: { read: 0, write: 0 } };
    addPart(message, { type: "step-finish", reason: finish, cost: 0.001, tokens });
    message.info["finish"] = finish;
    updated(message);
    message.info.time.completed = Date.now();
    updated(message);
  }

  async function speak(
    type: "text" | "reasoning",
    blocks: readonly string[],
    chunks: number,
    pause: () => Promise<void>,
    more: boolean,
  ): Promise<void> {
    const message = begin();
    speaking = message;
    const pieces = blocks.map((block) => split(block, chunks));
    const middle = Math.floor(pieces.reduce((sum, each) => sum + each.length, 0) / 2);
    let sent = 0;
    for (const block of pieces) {
      const part = addPart(message, { type, text: "", time: { start: Date.now() } });
      let said = "";
      try {
        for (const piece of block) {
          if (sent === middle) await pause();
          sent += 1;
          said += piece;
          emit(
            "message.part.delta",
            about({ messageID: message.info.id, partID: part.id, field: "text", delta: piece }),
          );
        }
        if (sent === middle) await pause();
      } finally {
        part["text"] = said;
        part["time"] = { start: 1, end: Date.now() };
        partUpdated(part);
      }
    }
    speaking = undefined;
    complete(message, more ? "tool-calls" : "stop");
  }

  function settleTool({ id }: ToolCall, state: Json): void {
    const found = open.get(id);
    if (found === undefined) return;
    open.delete(id);
    found.part["state"] = { ...(found.part["state"] as Json), ...state };
    partUpdated(found.part);
    complete(found.message, "tool-calls");
  }

  function failure(message: StoredMessage, error: Json): void {
    message.info["error"] = error;
    message.info.time.completed = Date.now();
    updated(message);
  }

  function request(kind: Pending["kind"], tool: string, properties: Json): Promise<Decision> {
    const id = newId(kind === "permission" ? "per" : "que");
    asked.set(tool, id);
    const full = { id, sessionID: session.id, ...properties };
    return new Promise((resolve) => {
      host.pending.set(id, { request: full, kind, settle: resolve });
      emit(`${kind}.asked`, full);
    });
  }

  const wire: SessionWire = {
    parallelAsks: true,
    status,
    userMessage(id, text) {
      const known = session.messages.find((each) => each.info.id === id);
      const info = {
        id,
        sessionID: session.id,
        role: "user" as const,
        time: { created: Date.now() },
        agent: "build",
        model: MODEL,
      };
      const message: StoredMessage = known ?? { info, parts: [] };
      if (known === undefined) session.messages.push(message);
      updated(message);
      addPart(message, { type: "text", text });
    },
    turnStart({ origin, key, text }: TurnStart) {
      if (origin === "agent") wire.userMessage(newId("msg"), text === "" ? "said by somebody who is attached" : text);
      else if (key !== null && !session.messages.some(({ info }) => info.id === key)) wire.userMessage(key, text);
      parent = key ?? session.messages.at(-1)?.info.id ?? "";
      status({ type: "busy" });
    },
    async turnEnd(_turn: TurnStart, end: TurnEnd) {
      if (end.outcome === "completed") {
        status({ type: "busy" });
        return status({ type: "idle" });
      }
      if (end.outcome === "failed" && end.code === "no_model") {
        emit("session.error", about({ error: { name: "UnknownError", data: { message: end.message } } }));
        status({ type: "idle" });
        await Bun.sleep(20);
        return emit(
          "session.error",
          about({
            error: { name: "UnknownError", data: { message: `Error: ${end.message}\n    at prompt (chunk.js:1:1)` } },
          }),
        );
      }
      const error =
        end.outcome === "failed"
          ? {
              name: "APIError",
              data: opencodeRefusal(end) ?? { message: end.message, statusCode: 529, isRetryable: false },
            }
          : { name: "MessageAbortedError", data: { message: "Aborted" } };
      for (const { part } of open.values()) {
        part["state"] = { ...(part["state"] as Json), status: "error", error: "Tool execution aborted" };
        partUpdated(part);
      }
      const unfinished = [...open.values()].map((each) => each.message);
      open.clear();
      if (speaking !== undefined) unfinished.push(speaking);
      speaking = undefined;
      const last = unfinished.pop() ?? begin();
      for (const each of unfinished) complete(each, "tool-calls");
      emit("session.error", about({ error }));
      status({ type: "idle" });
      // Who reads now finds a message without an end.
      await Bun.sleep(40);
      failure(last, error);
      status({ type: "idle" });
    },
    limitWait: (until, message) => {
      const action = { reason: "account_rate_limit", provider: "fake", title: "limit reached" };
      status({ type: "retry", attempt: 1, message, action, next: until });
    },
    say: (blocks, chunks, pause, more) => speak("text", blocks, chunks, pause, more),
    think: (text) => speak("reasoning", [text], 1, async () => undefined, true),
    empty: () => complete(begin(), "stop"),
    toolCall(call) {
      if (call.name === "cut_stream") host.cutStreams();
      const message = begin();
      const tool = { type: "tool", tool: call.name.toLowerCase(), callID: call.id };
      const part = addPart(message, { ...tool, state: { status: "pending", input: {}, raw: "" } });
      part["state"] = { status: "running", input: call.input, time: { start: Date.now() } };
      open.set(call.id, { message, part });
      partUpdated(part);
      store.save();
    },
    toolResult(call: ToolCall, { text: result, isError }: ToolOutcome) {
      // Tools get the server's whole environment.
      const text = result.replace("$OPENCODE_SERVER_PASSWORD", process.env["OPENCODE_SERVER_PASSWORD"] ?? "");
      settleTool(
        call,
        isError
          ? { status: "error", error: text }
          : { status: "completed", output: text, title: call.name, metadata: {} },
      );
    },
    ask(call) {
      const command = String(call.input["command"] ?? JSON.stringify(call.input));
      const pattern = `${command.split(" ")[0]} *`;
      if (allowed.has(pattern)) return Promise.resolve({ allow: true });
      const tool = { messageID: open.get(call.id)?.message.info.id ?? "", callID: call.id };
      return request("permission", call.id, {
        permission: call.name.toLowerCase(),
        patterns: [command],
        metadata: { command },
        always: [pattern],
        tool,
      });
    },
    async question({ id, question, options }) {
      wire.toolCall({ id, name: "question", input: { question } });
      const questions = [
        { question, header: "Pick", options: options.map((label) => ({ label, description: label })) },
      ];
      const { message = "" } = await request("question", id, { questions });
      wire.toolResult({ id, name: "question", input: {} }, { text: message, isError: false, denied: false });
      await speak("text", [`answered: ${message}`], 1, async () => undefined, false);
      return message;
    },
    withdraw(tool) {
      const id = asked.get(tool) ?? "";
      const found = host.pending.get(id);
      if (found === undefined) return;
      host.pending.delete(id);
      emit(`${found.kind}.replied`, { sessionID: session.id, requestID: id, reply: "reject" });
    },
    retry: (attempt, _of, code) =>
      status({ type: "retry", attempt, message: `Provider is overloaded (${code})`, next: Date.now() + 2000 }),
    subagent: (id) => subagent(id),
    raw: () => undefined,
    cut: () => undefined,
    release: () => undefined,
  };

  function subagent(id: string): SubWire {
    const call = { id, name: "task", input: { description: "sub job", subagent_type: "general" } };
    wire.toolCall(call);
    const child = store.create("sub job (@general subagent)", session.id);
    emit("session.created", { sessionID: child.id, info: { id: child.id, parentID: session.id, title: child.title } });
    const inner = createWire(host, child, allowed);
    inner.userMessage(newId("msg"), "the sub-agent's task");
    inner.status({ type: "busy" });
    return {
      wire: inner,
      done(lastText) {
        inner.status({ type: "idle" });
        wire.toolResult(call, { text: lastText, isError: false, denied: false });
      },
    };
  }
  return wire;
}

/** In `parts` pieces, never between the halves of a surrogate pair. */
function split(text: string, parts: number): string[] {
  if (parts <= 1 || text.length === 0) return [text];
  const points = [...text];
  const size = Math.max(1, Math.ceil(points.length / parts));
  const pieces: string[] = [];
  for (let at = 0; at < points.length; at += size) pieces.push(points.slice(at, at + size).join(""));
  return pieces;
}
