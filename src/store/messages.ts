/**
 * Rows of messages: what was said, whole. A message grows part by part as the program writes it; it is announced once,
 * when it is complete. Every part belongs to the bytes whose offset is stored in the same transaction, so none comes
 * twice.
 */
import { toJson } from "../lib/json.ts";
import { aFlag, aText, anything, kindsOf, listOf, oneOf, shapeOf } from "../lib/stored.ts";
import type { Message, MessageRole, Part } from "../words/said.ts";
import { fromColumn } from "./columns.ts";
import type { Store } from "./database.ts";
import { given } from "../lib/given.ts";

const COLUMNS = "id, run, key, turn AS turnId, role, text, parts, subagent, via, truncated, created_at AS createdAt";

type MessageRow = Pick<Message, "id" | "key" | "turnId" | "role" | "text"> & {
  readonly run: number;
  readonly parts: string;
  readonly subagent: string | null;
  readonly via: string | null;
  readonly truncated: number;
  readonly createdAt: number;
};

const parts = listOf(
  kindsOf<Part, "type">("type", {
    text: shapeOf({ type: oneOf("text"), text: aText }),
    thinking: shapeOf({ type: oneOf("thinking"), text: aText }),
    tool_use: shapeOf({ type: oneOf("tool_use"), id: aText, name: aText, input: anything }),
    tool_result: shapeOf({ type: oneOf("tool_result"), id: aText, text: aText, isError: aFlag }),
  }),
);

/** As `parts` of a message that is one text: that stands beside it, and twice it would double most of the store. */
const ITS_TEXT = "";

function fromRow({ run, key, subagent, via, truncated, createdAt, ...row }: MessageRow): Message {
  const itsText: readonly Part[] = [{ type: "text", text: row.text }];
  return {
    ...row,
    key: messageKey(run, key),
    parts: row.parts === ITS_TEXT ? itsText : fromColumn(parts, row.parts, row.text === "" ? [] : itsText),
    createdAt: new Date(createdAt).toISOString(),
    ...(subagent === null ? {} : { subagent }),
    ...(via === "attach" ? { via } : {}),
    ...(truncated === 1 ? { truncated: true } : {}),
  };
}

/** Providers number their messages anew with each process. */
export const messageKey = (run: number, key: string): string => `${run}/${key}`;

export interface NewPart {
  readonly agent: string;
  readonly turn: string | null;
  readonly run: number;
  readonly key: string;
  readonly role: MessageRole;
  readonly part: Part;
  readonly subagent?: string;
  /** There was more of it. */
  readonly truncated?: true;
  readonly at: number;
}

export function appendPart(
  store: Store,
  { agent, turn, run, key, role, part, subagent, truncated, at }: NewPart,
): void {
  store.run(
    `INSERT INTO messages (agent, turn, run, key, role, text, parts, subagent, truncated, created_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
     ON CONFLICT (agent, run, key) DO UPDATE SET text = text || excluded.text, announced = 0,
     truncated = max(truncated, excluded.truncated), parts = json_insert(CASE parts WHEN '${ITS_TEXT}'
     THEN json_array(json_object('type', 'text', 'text', text)) ELSE parts END, '$[#]', json(?11))`,
    ...[agent, turn, run, key, role, textOf(part, role), partsText([part]), subagent ?? null, truncated ? 1 : 0, at],
    toJson(part),
  );
}

const partsText = (all: readonly Part[]): string =>
  all.length === 1 && all[0]?.type === "text" ? ITS_TEXT : toJson(all);

/** A message with all its parts in one row, announced. null: a part of it is stored already, nothing was written. */
export function insertWhole(store: Store, all: readonly NewPart[]): Message | null {
  const [first] = all;
  if (first === undefined) return null;
  const { agent, turn, run, key, role, subagent, at } = first;
  const truncated = all.some((each) => each.truncated === true) || undefined;
  const text = all.map((each) => textOf(each.part, role)).join("");
  const parts = all.map((each) => each.part);
  const { changes, lastId } = store.run(
    `INSERT INTO messages (agent, turn, run, key, role, text, parts, subagent, truncated, announced, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)
     ON CONFLICT (agent, run, key) DO NOTHING`,
    ...[agent, turn, run, key, role, text, partsText(parts), subagent ?? null, truncated ? 1 : 0, at],
  );
  if (changes === 0) return null;
  return {
    id: lastId,
    key: messageKey(run, key),
    turnId: turn,
    role,
    text,
    parts,
    createdAt: new Date(at).toISOString(),
    ...given({ subagent, truncated }),
  };
}

/** The readable text of a part: what was said, or for a tool's message what the tool answered. */
function textOf(part: Part, role: MessageRole): string {
  if (part.type === "text") return part.text;
  return role === "tool" && part.type === "tool_result" ? part.text : "";
}

/**
 * What a person sent; run 0, so that its key is free of the runs it is written to. Repeats move it to the newer turn.
 */
export function saveUserMessage(
  store: Store,
  {
    agent,
    turn,
    key,
    text,
    at,
  }: {
    agent: string;
    turn: string;
    key: string;
    text: string;
    at: number;
  },
): void {
  store.run(
    `INSERT INTO messages (agent, turn, run, key, role, text, parts, created_at) VALUES (?, ?, 0, ?, 'user', ?, ?, ?)
     ON CONFLICT (agent, run, key) DO UPDATE SET turn = excluded.turn`,
    agent,
    turn,
    key,
    text,
    ITS_TEXT,
    at,
  );
}

export interface ScreenMessage {
  /** The program's own name for it: the same one is stored once. */
  readonly key: string;
  readonly role: MessageRole;
  readonly parts: readonly Part[];
  readonly at: number;
}

/** What was said in the program's own screen, announced. null: it is stored already. */
export function insertFromScreen(store: Store, agent: string, said: ScreenMessage): Message | null {
  const { key, role, parts, at } = said;
  const text = parts.map((part) => textOf(part, role)).join("");
  const { changes, lastId } = store.run(
    `INSERT INTO messages (agent, turn, run, key, role, text, parts, via, announced, created_at) VALUES (?, NULL, 0, ?, ?, ?, ?, 'attach', 1, ?)
     ON CONFLICT (agent, run, key) DO NOTHING`,
    agent,
    `screen-${key}`,
    role,
    text,
    partsText(parts),
    at,
  );
  if (changes === 0) return null;
  return {
    id: lastId,
    key: messageKey(0, `screen-${key}`),
    turnId: null,
    role,
    text,
    parts,
    createdAt: new Date(at).toISOString(),
    via: "attach",
  };
}

/** Marks messages as complete and returns those that were not announced yet: one by its key, or all of the agent. */
export function takeUnannounced(store: Store, agent: string, which?: { run: number; key: string }): Message[] {
  const rows =
    which === undefined
      ? store.all<MessageRow>(`SELECT ${COLUMNS} FROM messages WHERE agent = ? AND announced = 0 ORDER BY id`, agent)
      : store.all<MessageRow>(
          `SELECT ${COLUMNS} FROM messages WHERE agent = ? AND run = ? AND key = ? AND announced = 0`,
          agent,
          which.run,
          which.key,
        );
  for (const row of rows) store.run("UPDATE messages SET announced = 1 WHERE id = ?", row.id);
  return rows.map(fromRow);
}

export interface MessagePage {
  readonly after?: number;
  readonly before?: number;
  readonly role?: MessageRole;
  /** Only those whose text has it; ASCII letters in either case. */
  readonly contains?: string;
  readonly limit: number;
}

/** A page ends after so many bytes, though never before its first message: rows can be of many megabytes. */
export const PAGE_BYTES = 32 * 1024 * 1024;

/**
 * In order of id. `before` pages backwards: the newest `limit` before it; without a cursor the newest `limit`.
 * `more`: the page was cut, by its limit or by its bytes, and goes on behind (after its last, or before its first
 * message).
 */
export function listMessages(
  store: Store,
  agent: string,
  { after, before, role, contains, limit }: MessagePage,
): { messages: Message[]; more: boolean } {
  const forward = after !== undefined;
  const sizes = store.all<{ id: number; bytes: number }>(
    `SELECT id, octet_length(text) * iif(octet_length(parts) = 0, 2, 1) + octet_length(parts) AS bytes FROM messages
     WHERE agent = ? AND id > ? AND id < ? ${role === undefined ? "" : "AND role = ?"}
       ${contains === undefined ? "" : "AND instr(lower(text), lower(?)) > 0"}
     ORDER BY id ${forward ? "" : "DESC"} LIMIT ?`,
    agent,
    after ?? 0,
    before ?? Number.MAX_SAFE_INTEGER,
    ...(role === undefined ? [] : [role]),
    ...(contains === undefined ? [] : [contains]),
    limit + 1,
  );
  let bytes = 0;
  const fits = sizes.findIndex((each, i) => i === limit || ((bytes += each.bytes) > PAGE_BYTES && i > 0));
  const ids = (fits === -1 ? sizes : sizes.slice(0, fits)).map(({ id }) => id);
  const rows = ids.flatMap((id) => store.get<MessageRow>(`SELECT ${COLUMNS} FROM messages WHERE id = ?`, id) ?? []);
  return { messages: (forward ? rows : rows.reverse()).map(fromRow), more: fits !== -1 };
}

export function findMessage(store: Store, agent: string, id: number): Message | null {
  const row = store.get<MessageRow>(`SELECT ${COLUMNS} FROM messages WHERE id = ? AND agent = ?`, id, agent);
  return row === null ? null : fromRow(row);
}

/** The last thing the agent itself said in words. Messages that hold only tool calls or thoughts say nothing. */
export function lastAssistantMessage(store: Store, agent: string, turn?: string): Message | null {
  const row = store.get<MessageRow>(
    `SELECT ${COLUMNS} FROM messages WHERE agent = ? AND role = 'assistant' AND subagent IS NULL AND text <> '' ${turn === undefined ? "" : "AND turn = ?"}
     ORDER BY id DESC LIMIT 1`,
    ...(turn === undefined ? [agent] : [agent, turn]),
  );
  return row === null ? null : fromRow(row);
}

/** What the agent itself gave a tool last in a turn; undefined: it did not call it. */
export function lastToolInput(store: Store, agent: string, turn: string, tool: string): unknown {
  const rows = store.all<{ parts: string }>(
    `SELECT parts FROM messages WHERE agent = ? AND turn = ? AND role = 'assistant' AND subagent IS NULL
     AND parts LIKE '%"tool_use"%' ORDER BY id DESC`,
    agent,
    turn,
  );
  for (const row of rows) {
    const call = fromColumn(parts, row.parts, []).findLast((part) => part.type === "tool_use" && part.name === tool);
    if (call?.type === "tool_use") return call.input;
  }
  return undefined;
}

/** The beginning of the last text that the agent said (in a turn); the rest is not read. */
export function lastText(
  store: Store,
  agent: string,
  turn?: string,
): { type: "answer"; text: string; at: number } | null {
  return store.get(
    `SELECT 'answer' AS type, substr(text, 1, 1000) AS text, created_at AS at FROM messages
     WHERE agent = ? AND role = 'assistant' AND subagent IS NULL AND text <> '' ${turn === undefined ? "" : "AND turn = ?"}
     ORDER BY id DESC LIMIT 1`,
    ...(turn === undefined ? [agent] : [agent, turn]),
  );
}
