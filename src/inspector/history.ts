/**
 * The loaded parts of one agent's conversation: stretches of at most fifty messages in order, each of which can be let
 * go and fetched again. Knows the API's pages and nothing of the screen.
 */
import type { Client } from "./client.ts";
import { agentPath } from "./client.ts";
import type { Message } from "./messages.ts";
import { CLIP, readMessage } from "./messages.ts";
import type { Result } from "./rows.ts";
import { fields, text } from "./read.ts";
import { readAll } from "./shapes.ts";

export const CHUNK = 50;
/** What a part without a text of its own weighs, about. */
const PART_CHARS = 500;
/** More pages than that are not caught up with: the end is opened anew. */
const MAX_CATCH_UP = 10;

export interface Chunk {
  /** Stays the same over letting go and fetching again. */
  readonly key: number;
  /** null: let go; its place is kept. */
  messages: Message[] | null;
  firstId: number;
  lastId: number;
  firstTurn: string | null;
  lastTurn: string | null;
  firstAt: number;
  /** Of its texts, about. */
  chars: number;
}

export interface History {
  readonly chunks: readonly Chunk[];
  readonly results: Map<string, Result>;
  /** There is more in front of the first chunk, behind the last. */
  readonly older: boolean;
  readonly newer: boolean;
  /** The newest page, or the one around a message. Everything loaded before is forgotten. */
  open(around: number | null): Promise<void>;
  loadOlder(): Promise<boolean>;
  loadNewer(): Promise<boolean>;
  reload(chunk: Chunk): Promise<void>;
  /** What was said at the end since it was loaded; false = too much for that, it has to be opened again. */
  catchUp(): Promise<boolean>;
  release(chunk: Chunk): void;
  /** A message that was just said; false when it belongs to a part that is not loaded. */
  put(message: Message): boolean;
  whole(message: number, call: string | null): Promise<string>;
}

export function createHistory(client: Client, agent: { readonly project: string; readonly id: string }): History {
  const path = `${agentPath(agent)}/messages`;
  const results = new Map<string, Result>();
  let chunks: Chunk[] = [];
  let keys = 0;
  let older = false;
  let newer = false;
  let busy = false;

  const page = async (query: string): Promise<{ messages: Message[]; more: boolean }> => {
    const { body } = await client.get(`${path}?limit=${CHUNK}&clip=${CLIP}${query}`);
    const messages = readAll(body["messages"], readMessage);
    messages.forEach(keepResults);
    return { messages, more: body["more"] === true };
  };

  const keepResults = ({ id, parts }: Message): void => {
    for (const part of parts) {
      if (part.type !== "tool_result") continue;
      const { text: words, isError, bytes } = part;
      const known = results.get(part.id);
      if (known?.text !== words || known.isError !== isError || known.bytes !== bytes)
        results.set(part.id, { text: words, isError, bytes, message: id });
    }
  };

  const chunkOf = (messages: Message[]): Chunk => {
    const chunk: Chunk = {
      key: ++keys,
      messages,
      firstId: 0,
      lastId: 0,
      firstTurn: null,
      lastTurn: null,
      firstAt: 0,
      chars: 0,
    };
    measure(chunk);
    return chunk;
  };

  const measure = (chunk: Chunk): void => {
    const first = chunk.messages?.[0];
    const last = chunk.messages?.at(-1);
    if (first === undefined || last === undefined) return;
    chunk.firstId = first.id;
    chunk.lastId = last.id;
    chunk.firstTurn = first.turnId;
    chunk.lastTurn = last.turnId;
    chunk.firstAt = first.at;
    chunk.chars = (chunk.messages ?? []).reduce((sum, message) => sum + charsOf(message), 0);
  };

  /** One at a time: two pages in flight would overlap. */
  const once = async (work: () => Promise<boolean>): Promise<boolean> => {
    if (busy) return false;
    busy = true;
    try {
      return await work();
    } finally {
      busy = false;
    }
  };

  return {
    results,
    get chunks() {
      return chunks;
    },
    get older() {
      return older;
    },
    get newer() {
      return newer;
    },
    async open(around) {
      results.clear();
      const back = await page(around === null ? "" : `&before=${around + 1}`);
      const forth = around === null ? { messages: [], more: false } : await page(`&after=${around}`);
      chunks = [back.messages, forth.messages].filter((each) => each.length > 0).map(chunkOf);
      older = back.more;
      newer = forth.more;
    },
    loadOlder: () =>
      once(async () => {
        const first = chunks[0];
        if (!older || first === undefined) return false;
        const { messages, more } = await page(`&before=${first.firstId}`);
        if (chunks[0] !== first) return false;
        older = more;
        if (messages.length > 0) chunks = [chunkOf(messages), ...chunks];
        return true;
      }),
    loadNewer: () =>
      once(async () => {
        const last = chunks.at(-1);
        if (!newer || last === undefined) return false;
        const { messages, more } = await page(`&after=${last.lastId}`);
        if (chunks.at(-1) !== last) return false;
        newer = more;
        if (messages.length > 0) chunks = [...chunks, chunkOf(messages)];
        return true;
      }),
    async reload(chunk) {
      const { messages } = await page(`&after=${chunk.firstId - 1}`);
      chunk.messages = messages.filter(({ id }) => id <= chunk.lastId);
    },
    async catchUp() {
      for (let pages = 0; pages < MAX_CATCH_UP; pages += 1) {
        const last = chunks.at(-1);
        if (last === undefined) return false;
        // The last stretch once more: its last message may have grown.
        const { messages, more } = await page(`&after=${last.firstId - 1}`);
        if (chunks.at(-1) === last && messages.length > 0) {
          last.messages = messages;
          measure(last);
        }
        if (!more) return true;
        const next = await page(`&after=${last.lastId}`);
        if (chunks.at(-1) === last && next.messages.length > 0) chunks = [...chunks, chunkOf(next.messages)];
        if (!next.more) return true;
      }
      return false;
    },
    release(chunk) {
      for (const { parts } of chunk.messages ?? [])
        for (const part of parts) if (part.type === "tool_result") results.delete(part.id);
      chunk.messages = null;
    },
    put(message) {
      keepResults(message);
      const last = chunks.at(-1);
      if (last === undefined) {
        chunks = [chunkOf([message])];
        return true;
      }
      if (message.id > last.lastId) {
        if (newer) return false;
        if (last.messages === null || last.messages.length >= CHUNK) chunks = [...chunks, chunkOf([message])];
        else {
          last.messages.push(message);
          measure(last);
        }
        return true;
      }
      // It has grown, or comes a second time.
      const home = chunks.find(({ firstId, lastId }) => message.id >= firstId && message.id <= lastId);
      if (home?.messages == null) return false;
      const at = home.messages.findIndex(({ id }) => id >= message.id);
      if (home.messages[at]?.id === message.id) home.messages[at] = message;
      else home.messages.splice(at === -1 ? home.messages.length : at, 0, message);
      measure(home);
      return true;
    },
    async whole(message, call) {
      const { body } = await client.get(`${path}/${message}`);
      const whole = fields(body["message"]);
      const parts = readMessage(whole)?.parts ?? [];
      const part = parts.find((each) => each.type === "tool_result" && each.id === call);
      return part?.type === "tool_result" ? part.text : text(whole["text"]);
    },
  };
}

function charsOf({ parts }: Message): number {
  return parts.reduce((sum, part) => sum + ("text" in part ? part.text.length : PART_CHARS), 0);
}
