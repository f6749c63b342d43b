/** What stands in the conversation, row by row, out of messages, turns, settled requests and notes. Pure. */
import type { Message, Note, Part } from "./messages.ts";
import type { Permission, Turn } from "./shapes.ts";

export interface Result {
  readonly text: string;
  readonly isError: boolean;
  readonly bytes: number | null;
  readonly message: number;
}

export interface Call {
  readonly id: string;
  readonly message: number;
  readonly name: string;
  readonly input: unknown;
  readonly bytes: number | null;
  readonly at: number;
  readonly result: Result | null;
  /** No result, and none will come: its turn is over. */
  readonly lost: boolean;
}

export type LogRow =
  | { readonly is: "turn"; readonly key: string; readonly turn: Turn | null; readonly at: number }
  | { readonly is: "end"; readonly key: string; readonly turn: Turn; readonly silent: boolean }
  | { readonly is: "result"; readonly key: string; readonly json: string }
  | {
      readonly is: "user";
      readonly key: string;
      readonly message: Message;
      readonly text: string;
      readonly bytes: number | null;
    }
  | {
      readonly is: "text" | "system";
      readonly key: string;
      readonly message: number;
      readonly text: string;
      readonly bytes: number | null;
    }
  | { readonly is: "thinking"; readonly key: string; readonly text: string }
  | { readonly is: "tool"; readonly key: string; readonly call: Call }
  | { readonly is: "tools"; readonly key: string; readonly calls: readonly Call[] }
  | { readonly is: "subagent"; readonly key: string; readonly name: string; readonly rows: readonly LogRow[] }
  | { readonly is: "settled"; readonly key: string; readonly permission: Permission }
  | { readonly is: "note"; readonly key: string; readonly text: string; readonly warn: boolean; readonly times: number }
  | { readonly is: "other"; readonly key: string; readonly json: string };

export interface Around {
  readonly turns: ReadonlyMap<string, Turn>;
  readonly results: ReadonlyMap<string, Result>;
  /** Those of this stretch of time, oldest first. */
  readonly permissions: readonly Permission[];
  readonly notes: readonly Note[];
  /** Of the message before and behind; null = there is none; undefined = the conversation goes on, unknown how. */
  readonly turnBefore: string | null | undefined;
  readonly turnBehind: string | null | undefined;
}

export function rowsOf(messages: readonly Message[], around: Around): readonly LogRow[] {
  const beside = [
    ...around.permissions.map((each) => ({ at: each.settledAt ?? each.createdAt, row: settledRow(each), kind: "" })),
    ...around.notes.map((note) => ({ at: note.at, row: noteRow(note), kind: note.kind })),
  ].sort((a, b) => a.at - b.at);
  const rows: LogRow[] = [];
  let turnNow = around.turnBefore;
  let said = true;
  let next = 0;
  const besideUntil = (at: number): void => {
    for (; next < beside.length && (beside[next]?.at ?? 0) < at; next += 1) {
      const row = beside[next]?.row;
      const last = rows.at(-1);
      if (row === undefined) continue;
      // Retries in a row are one that counts.
      if (row.is === "note" && last?.is === "note" && row.key.startsWith("retrying") && last.key.startsWith("retrying"))
        rows[rows.length - 1] = { ...row, key: last.key, times: last.times + 1 };
      else rows.push(row);
    }
  };
  const endTurn = (id: string | null | undefined): void => {
    const turn = id === null || id === undefined ? undefined : around.turns.get(id);
    if (turn === undefined || turn.endedAt === null) return;
    const silent = turn.outcome === "completed" && !said && turn.result === null;
    if (turn.result !== null)
      rows.push({ is: "result", key: `result-${turn.id}`, json: JSON.stringify(turn.result.value, null, 2) ?? "null" });
    if (turn.outcome !== "completed" || silent) rows.push({ is: "end", key: `end-${turn.id}`, turn, silent });
  };

  for (let i = 0; i < messages.length;) {
    const message = messages[i];
    if (message === undefined) break;
    besideUntil(message.at);
    if (message.turnId !== turnNow) {
      if (i > 0) endTurn(turnNow);
      if (message.turnId !== null) {
        rows.push({
          is: "turn",
          key: `turn-${message.turnId}`,
          turn: around.turns.get(message.turnId) ?? null,
          at: message.at,
        });
      }
      turnNow = message.turnId;
      said = false;
    }
    if (message.subagent !== null) {
      const stretch = messages.slice(i).findIndex((each) => each.subagent !== message.subagent);
      const own = stretch === -1 ? messages.slice(i) : messages.slice(i, i + stretch);
      const inner = own.flatMap((each) => partsOf(each, around, turnOver(each, around)));
      rows.push({ is: "subagent", key: `sub-${message.id}`, name: message.subagent, rows: inner });
      i += own.length;
      continue;
    }
    if (message.role === "assistant" && message.parts.some((part) => part.type === "text" && part.text.trim() !== ""))
      said = true;
    rows.push(...partsOf(message, around, turnOver(message, around)));
    i += 1;
  }
  besideUntil(Number.POSITIVE_INFINITY);
  if (around.turnBehind !== undefined && around.turnBehind !== turnNow) endTurn(turnNow);
  return grouped(rows);
}

const turnOver = ({ turnId }: Message, { turns }: Around): boolean =>
  turnId !== null && turns.get(turnId)?.endedAt != null;

function partsOf(message: Message, { results }: Around, over: boolean): LogRow[] {
  if (message.omitted) return [{ is: "text", key: `m${message.id}`, message: message.id, text: "", bytes: -1 }];
  return message.parts.flatMap((part, i): LogRow[] => {
    const key = `m${message.id}-${i}`;
    switch (part.type) {
      case "text":
        return textRow(message, part, key);
      case "thinking":
        return part.text.trim() === "" ? [] : [{ is: "thinking", key, text: part.text }];
      case "tool_use": {
        const { id, name, input, bytes } = part;
        const result = results.get(id) ?? null;
        const call = {
          id,
          message: message.id,
          name,
          input,
          bytes,
          at: message.at,
          result,
          lost: over && result === null,
        };
        return [{ is: "tool", key: `t${message.id}-${i}`, call }];
      }
      case "tool_result":
        return []; // stands with its call
      case "other":
        return [{ is: "other", key, json: part.json }];
    }
  });
}

function textRow(
  message: Message,
  { text, bytes }: Extract<Part, { type: "text" | "thinking" }>,
  key: string,
): LogRow[] {
  if (message.role === "user") return [{ is: "user", key, message, text, bytes }];
  if (text.trim() === "") return [];
  return [{ is: message.role === "assistant" ? "text" : "system", key, message: message.id, text, bytes }];
}

const settledRow = (permission: Permission): LogRow => ({ is: "settled", key: `p-${permission.id}`, permission });

const noteRow = ({ id, kind, text, warn }: Note): LogRow => ({
  is: "note",
  key: `${kind}-${id}`,
  text,
  warn,
  times: 1,
});

/** Runs of finished calls become one row; what runs, waits or failed stays outside of it. */
function grouped(rows: readonly LogRow[]): readonly LogRow[] {
  const out: LogRow[] = [];
  let run: Call[] = [];
  const close = (): void => {
    const [first, second] = run;
    if (first !== undefined && second === undefined) out.push({ is: "tool", key: `t-${first.id}`, call: first });
    else if (first !== undefined) out.push({ is: "tools", key: `g-${first.id}`, calls: run });
    run = [];
  };
  for (const row of rows) {
    if (row.is === "tool" && row.call.result !== null && !row.call.result.isError) run.push(row.call);
    else {
      close();
      out.push(row.is === "tool" ? { ...row, key: `t-${row.call.id}` } : row);
    }
  }
  close();
  return out;
}

/** Whether two rows of the same key would look the same. */
export function sameRow(a: LogRow, b: LogRow): boolean {
  if (a === b) return true;
  switch (a.is) {
    case "turn":
      return b.is === "turn" && a.turn === b.turn;
    case "end":
      return b.is === "end" && a.turn === b.turn && a.silent === b.silent;
    case "user":
      return b.is === "user" && a.text === b.text;
    case "text":
    case "system":
    case "thinking":
      return b.is === a.is && a.text === b.text && ("bytes" in a ? "bytes" in b && a.bytes === b.bytes : true);
    case "tool":
      return b.is === "tool" && sameCall(a.call, b.call);
    case "tools":
      return (
        b.is === "tools" && a.calls.length === b.calls.length && a.calls.every((call, i) => call.id === b.calls[i]?.id)
      );
    case "subagent":
      return (
        b.is === "subagent" &&
        a.rows.length === b.rows.length &&
        a.rows.every((row, i) => sameRow(row, b.rows[i] ?? row))
      );
    case "settled":
      return b.is === "settled" && a.permission === b.permission;
    case "note":
      return b.is === "note" && a.text === b.text && a.times === b.times;
    case "other":
    case "result":
      return b.is === a.is && a.json === b.json;
  }
}

const sameCall = (a: Call, b: Call): boolean =>
  a.id === b.id && a.result === b.result && a.lost === b.lost && a.input === b.input;
