/** The wire shapes of the fake `codex app-server`: items, questions and errors as the real one sends them. */
import { type RpcId } from "../../src/lib/jsonrpc.ts";
import { createThreads, type Record_ } from "./codex-threads.ts";
import { createHistory, createOut } from "./out.ts";
import { type Decision, type ToolCall, type Wire } from "./script.ts";

export const out = createOut();
export const history = createHistory<Record_>(
  process.env["FAKE_HISTORY"] ?? `${process.cwd()}/.fake-codex-history.jsonl`,
);
export const threads = createThreads(history, () => live.turn?.id ?? null);

interface Turn {
  readonly id: string;
  lastMessage: Record<string, unknown> | null;
}

/** What the fake is at. */
export const live: {
  turn: Turn | null;
  interrupting: boolean;
} = { turn: null, interrupting: false };

let serverId = 0;
let ids = 0;
export const waiting = new Map<RpcId, (answer: unknown) => void>();
const openAsks = new Map<string, { readonly id: RpcId; readonly thread: string }>();
const grants = new Set<string>();
/** Requests that an interrupt took back: told only after the end of the turn. */
export const resolvedLater: { id: RpcId; thread: string }[] = [];

export function notify(method: string, params: Record<string, unknown>): void {
  out.line({ method, params, emittedAtMs: 1 });
}

export function newId(what: string): string {
  ids += 1;
  return `${what}-${process.pid}-${ids}`;
}

export function turnView(id: string, status: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id,
    rootTurnId: id,
    items: [],
    itemsView: "notLoaded",
    status,
    error: null,
    startedAt: null,
    completedAt: null,
    durationMs: null,
    ...more,
  };
}

/** A wire whose frames carry this thread and turn. */
export function wireOf(thread: () => string, turnId: () => string): Omit<Wire, "turnStart" | "turnEnd"> {
  const place = () => ({ threadId: thread(), turnId: turnId() });
  const item = (phase: "started" | "completed", body: Record<string, unknown>) =>
    notify(`item/${phase}`, { item: body, ...place() });
  const isPatch = (call: ToolCall) => call.name === "Write" || call.name === "Edit";
  const command = (call: ToolCall) => `/bin/bash -lc '${String(call.input["command"] ?? call.name)}'`;

  function view(call: ToolCall, status: string, output: string | null): Record<string, unknown> {
    if (isPatch(call)) {
      const path = String(call.input["file_path"] ?? call.input["path"] ?? "file.txt");
      return {
        type: "fileChange",
        id: call.id,
        changes: [{ path, kind: { type: "add" }, diff: String(call.input["content"] ?? "") }],
        status,
      };
    }
    if (call.name.includes(".")) {
      const [server, tool] = call.name.split(".");
      const result = output === null ? null : { content: [{ type: "text", text: output }], structuredContent: null };
      return {
        type: "mcpToolCall",
        id: call.id,
        server,
        tool,
        status: status === "declined" ? "failed" : status,
        arguments: call.input,
        result,
        error: null,
      };
    }
    const exitCode = output === null || status === "declined" ? null : status === "completed" ? 0 : 3;
    return {
      type: "commandExecution",
      id: call.id,
      command: command(call),
      cwd: process.cwd(),
      status,
      aggregatedOutput: output,
      exitCode,
      durationMs: 1,
    };
  }

  function request(id: string, method: string, params: Record<string, unknown>, flag: string): Promise<unknown> {
    const requestId = serverId;
    serverId += 1;
    openAsks.set(id, { id: requestId, thread: thread() });
    // One notice for any number of open requests.
    if (openAsks.size === 1)
      notify("thread/status/changed", { threadId: thread(), status: { type: "active", activeFlags: [flag] } });
    out.line({ method, id: requestId, params: { ...place(), ...params } });
    return new Promise((resolve) => waiting.set(requestId, resolve));
  }

  function settled(id: string): void {
    const open = openAsks.get(id);
    openAsks.delete(id);
    if (open !== undefined) notify("serverRequest/resolved", { threadId: open.thread, requestId: open.id });
    if (openAsks.size === 0)
      notify("thread/status/changed", { threadId: thread(), status: { type: "active", activeFlags: [] } });
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
      const deltas = Array.from({ length: Math.ceil(letters.length / size) }, (_, at) =>
        letters.slice(at * size, (at + 1) * size).join(""),
      );
      const middle = Math.ceil(deltas.length / 2);
      for (const delta of deltas.slice(0, middle)) notify("item/agentMessage/delta", { ...place(), itemId: id, delta });
      await pause();
      for (const delta of deltas.slice(middle)) notify("item/agentMessage/delta", { ...place(), itemId: id, delta });
      const whole = { ...body, text };
      item("completed", whole);
      if (live.turn !== null && thread() === threads.current()) live.turn.lastMessage = whole;
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
      if (live.turn !== null) live.turn.lastMessage = null;
    },
    toolCall: (call) => item("started", view(call, "inProgress", null)),
    toolResult: (call, { text, isError, denied }) =>
      item("completed", view(call, denied ? "declined" : isError ? "failed" : "completed", denied ? null : text)),
    async ask(call): Promise<Decision> {
      const grant = `${call.name} ${JSON.stringify(call.input)}`;
      if (threads.policy() === "never" || grants.has(grant)) return { allow: true };
      const mcp = call.name.includes(".");
      const answer = mcp
        ? await request(call.id, "mcpServer/elicitation/request", mcpQuestion(call), "waitingOnApproval")
        : await request(
            call.id,
            isPatch(call) ? "item/fileChange/requestApproval" : "item/commandExecution/requestApproval",
            {
              itemId: call.id,
              startedAtMs: 1,
              reason: null,
              ...(isPatch(call)
                ? { grantRoot: null }
                : {
                    kind: "command",
                    command: command(call),
                    cwd: process.cwd(),
                    availableDecisions: ["accept", "cancel"],
                  }),
            },
            "waitingOnApproval",
          );
      settled(call.id);
      const decision = member(answer, "decision") ?? member(answer, "action");
      if (decision === "acceptForSession" || member(member(answer, "_meta"), "persist") === "session")
        grants.add(grant);
      // A word that Codex does not know counts as a refusal.
      return { allow: decision === "accept" || decision === "acceptForSession" };
    },
    async question({ id, question, options: labels }) {
      const questions = [
        {
          id: "q1",
          header: "Choice",
          question,
          isOther: true,
          isSecret: false,
          options: labels.map((label) => ({ label, description: "" })),
        },
      ];
      const answer = await request(
        id,
        "item/tool/requestUserInput",
        { itemId: id, questions, isBlocking: false, autoResolutionMs: null },
        "waitingOnUserInput",
      );
      settled(id);
      const given = member(member(member(answer, "answers"), "q1"), "answers");
      return Array.isArray(given) ? String(given[0]) : "";
    },
    withdraw(id) {
      const open = openAsks.get(id);
      if (open === undefined) return;
      if (!live.interrupting) return settled(id);
      openAsks.delete(id);
      resolvedLater.push(open);
    },
    retry(attempt, of, status) {
      const details = `unexpected status ${status}: the fake says so`;
      const error = {
        message: `Reconnecting... ${attempt}/${of}`,
        codexErrorInfo: { responseStreamDisconnected: { httpStatusCode: status } },
        additionalDetails: details,
      };
      notify("error", { error, willRetry: true, ...place() });
    },
    raw: out.raw,
    cut: out.cut,
    release: out.release,
  };
}

function mcpQuestion(call: ToolCall): Record<string, unknown> {
  const [serverName, tool_name] = call.name.split(".");
  const _meta = {
    codex_approval_kind: "mcp_tool_call",
    persist: ["session", "always"],
    tool_name,
    tool_params: call.input,
  };
  return {
    serverName,
    mode: "form",
    _meta,
    message: `Allow ${call.name}?`,
    requestedSchema: { type: "object", properties: {} },
  };
}

export function member(of: unknown, key: string): unknown {
  return typeof of === "object" && of !== null ? new Map<string, unknown>(Object.entries(of)).get(key) : undefined;
}
