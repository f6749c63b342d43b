/**
 * The threads of the fake Codex: handshake, start, resume, read and the stored turns. A thread is stored with its first
 * turn; a turn that never ended is "interrupted" for every other process.
 */

export type Record_ =
  | { readonly kind: "turn"; readonly thread: string; readonly turn: string }
  | {
      readonly kind: "user";
      readonly thread: string;
      readonly turn: string;
      readonly key: string | null;
      readonly text: string;
    }
  | {
      readonly kind: "said";
      readonly thread: string;
      readonly turn: string;
      readonly text: string;
    }
  /** The model answered once. */
  | { readonly kind: "answer"; readonly thread: string; readonly turn: string }
  | {
      readonly kind: "ended";
      readonly thread: string;
      readonly turn: string;
      readonly status: string;
    };

export type Handled =
  | { readonly error: string }
  | {
      readonly result: unknown;
      readonly then?: readonly { readonly method: string; readonly params: Record<string, unknown> }[];
    };

export interface Threads {
  current(): string;
  policy(): string;
  model(): string;
  /** What all answers in the thread used. */
  usage(): { readonly method: string; readonly params: Record<string, unknown> };
  /** undefined: not a request about threads. */
  request(method: string, params: unknown): Handled | undefined;
}

interface History {
  read(): Record_[];
}

export function createThreads(history: History, runningTurn: () => string | null): Threads {
  let initialized = false;
  let thread = "";
  let policy = "";
  let model = "";

  function begin(id: string, params: Readonly<Record<string, unknown>>): Handled {
    thread = id;
    policy = word(params["approvalPolicy"]);
    model = word(params["model"]);
    const view = threadView();
    return {
      result: { thread: view, model: model || "fake", approvalPolicy: policy },
      then: [{ method: "thread/started", params: { thread: view } }],
    };
  }

  function threadView(): Record<string, unknown> {
    return {
      id: thread,
      preview: "",
      status: runningTurn() === null ? { type: "idle" } : { type: "active", activeFlags: [] },
      turns: [],
    };
  }

  function usage() {
    const answers = history.read().filter((record) => record.kind === "answer" && record.thread === thread).length;
    const of = (count: number) => ({
      totalTokens: 110 * count,
      inputTokens: 100 * count,
      cachedInputTokens: 40 * count,
      cacheWriteInputTokens: 0,
      outputTokens: 10 * count,
      reasoningOutputTokens: 0,
    });
    const tokenUsage = { total: of(answers), last: of(1), modelContextWindow: 258_400 };
    const turnId = runningTurn() ?? "";
    return { method: "thread/tokenUsage/updated", params: { threadId: thread, turnId, tokenUsage } };
  }

  function turns(): readonly unknown[] {
    const records = history.read().filter((record) => record.thread === thread);
    const ids = [...new Set(records.map((record) => record.turn))].reverse();
    return ids.map((id) => {
      const own = records.filter((record) => record.turn === id);
      const ended = own.find((record) => record.kind === "ended");
      const status = ended?.kind === "ended" ? ended.status : id === runningTurn() ? "inProgress" : "interrupted";
      const users = own.flatMap((record) =>
        record.kind === "user"
          ? [
              {
                type: "userMessage",
                id: `u-${id}`,
                clientId: record.key,
                content: [{ type: "text", text: record.text }],
              },
            ]
          : [],
      );
      const said = own
        .flatMap((record) =>
          record.kind === "said" ? [{ type: "agentMessage", id: `m-${id}`, text: record.text }] : [],
        )
        .slice(-1);
      return { id, items: [...users, ...said], itemsView: "summary", status, error: null };
    });
  }

  return {
    current: () => thread,
    policy: () => policy,
    model: () => model,
    usage,
    request(method, given) {
      const params: Readonly<Record<string, unknown>> =
        typeof given === "object" && given !== null ? Object.fromEntries(Object.entries(given)) : {};
      if (method === "initialize") {
        if (initialized) return { error: "Already initialized" };
        initialized = true;
        return {
          result: {
            userAgent: "agent-harness/0.169.0 (Linux; x86_64) fake",
            codexHome: "/nowhere",
            platformOs: "linux",
          },
          then: [
            { method: "configWarning", params: { summary: "Codex could not find bubblewrap on PATH.", details: null } },
          ],
        };
      }
      if (!initialized) return { error: "Not initialized" };
      switch (method) {
        case "thread/start":
          return begin(`thread-${process.pid}-${process.hrtime.bigint()}`, params);
        case "thread/resume": {
          const id = word(params["threadId"]);
          if (!history.read().some((record) => record.thread === id))
            return { error: `no rollout found for thread id ${id}` };
          const begun = begin(id, params);
          if ("error" in begun || !history.read().some((record) => record.kind === "answer" && record.thread === id))
            return begun;
          return { ...begun, then: [...(begun.then ?? []), usage()] };
        }
        case "thread/read":
          return { result: { thread: threadView() } };
        case "thread/turns/list": {
          const stored = turns();
          if (stored.length === 0)
            return {
              error: `thread ${thread} is not materialized yet; thread/turns/list is unavailable before first user message`,
            };
          return { result: { data: stored.slice(0, Number(params["limit"] ?? 20)), nextCursor: null } };
        }
        default:
          return undefined;
      }
    },
  };
}

function word(value: unknown): string {
  return typeof value === "string" ? value : "";
}
