/**
 * The event stream of the daemon, followed over lost connections and restarts of the daemon by its cursor: no event is
 * missed and none is told twice.
 */
import { isObject } from "../lib/check.ts";
import { HarnessError } from "../lib/errors.ts";
import { parseJson } from "../lib/json.ts";
import type { Client } from "./client.ts";
import type { Io } from "./io.ts";

export interface StreamEvent {
  /** null: not stored (`delta`, `reset`). */
  readonly id: number | null;
  readonly type: string;
  readonly project: string | null;
  readonly agent: string | null;
  readonly at: string | number;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface FollowOptions {
  /** `/events`, `/projects/shop/events` … */
  readonly path: string;
  readonly types?: readonly string[];
  /** Everything after this one; undefined = from now. */
  readonly since?: number | undefined;
  readonly signal?: AbortSignal;
  /** How long a lost daemon is looked for. */
  readonly reconnectMs?: number | undefined;
  /** The stream is open (again). */
  readonly opened?: () => Promise<void> | void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;
export const RECONNECT_MS = 5 * 60_000;

/** Ends only by the signal, by an error of the API, or with UNREACHABLE when the daemon stays away. */
export async function* follow(client: Client, io: Io, options: FollowOptions): AsyncGenerator<StreamEvent> {
  const { path, types, signal, reconnectMs = RECONNECT_MS } = options;
  let since = options.since;
  let lostAt: number | null = null;
  let pause = FIRST_PAUSE_MS;
  let everOpen = false;
  for (;;) {
    const query = new URLSearchParams({
      ...(since === undefined ? {} : { since: String(since) }),
      ...(types === undefined ? {} : { types: types.join(",") }),
    });
    try {
      const response = await client.open(`/api/v1${path}?${query}`, signal === undefined ? {} : { signal });
      if (lostAt !== null) io.warn("the daemon is back");
      [lostAt, pause, everOpen] = [null, FIRST_PAUSE_MS, true];
      await options.opened?.();
      for await (const event of readEvents(response)) {
        if (event.id !== null) since = event.id;
        yield event;
      }
    } catch (error) {
      if (signal?.aborted === true) return;
      if (error instanceof HarnessError && error.code !== "UNREACHABLE" && error.status !== 503) throw error;
      if (!everOpen) throw error;
    }
    if (signal?.aborted === true) return;
    const now = performance.now();
    if (lostAt === null) io.warn("connection lost, trying again; the agents work on");
    lostAt ??= now;
    if (now - lostAt > reconnectMs)
      throw new HarnessError(
        "UNREACHABLE",
        `the daemon at ${client.where} did not come back: start it with agent-harness serve`,
      );
    await Bun.sleep(pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

async function* readEvents(response: Response): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
      const event = readEvent(text.slice(0, end));
      text = text.slice(end + 2);
      if (event !== null) yield event;
    }
  }
}

/** null for comments and for what is no event of ours. */
export function readEvent(block: string): StreamEvent | null {
  let id: number | null = null;
  let type = "";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) id = Number(line.slice(4));
    else if (line.startsWith("event: ")) type = line.slice(7);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  const parsed = parseJson(data.join("\n"));
  if (type === "" || !parsed.ok || !isObject(parsed.value)) return null;
  const body = parsed.value;
  const text = (key: string): string | null => (typeof body[key] === "string" ? body[key] : null);
  const at = body["at"];
  return {
    id,
    type,
    project: text("project"),
    agent: text("agent"),
    at: typeof at === "string" || typeof at === "number" ? at : "",
    data: id === null ? body : isObject(body["data"]) ? body["data"] : {},
  };
}
