/** What is said of a route beside its answer's shape: the tag it is listed under, its own errors, its headers. */
import type { Schema } from "../../lib/check.ts";
import type { ErrorCode } from "../../words/errors.ts";

export const TAGS = {
  box: "The daemon, its providers, and what machines ask of it",
  accounts: "Who pays for agents, and what is used up there",
  projects: "A name and a folder",
  agents: "Made, looked at, changed, ended",
  inputs: "What is sent to an agent",
  messages: "What was said, exactly",
  permissions: "What agents wait for, and the answers",
  control: "Ending turns and processes, bringing them back, waiting",
  work: "What agents did to files: looked at, brought back, merged",
  events: "What happens, numbered",
  webhooks: "The outbox",
  fleet: "Many boxes as one, where the config has a `fleet`",
} as const;

export interface RouteAnswer {
  readonly tag: keyof typeof TAGS;
  /** Of the JSON answer; absent: it has none (204), or is no JSON. */
  readonly answer?: Schema<unknown>;
  /** Media type and shape of another form of it (`Accept`, or a stream). */
  readonly also?: { readonly type: string; readonly answer: Schema<unknown> };
  /** Headers that it understands. */
  readonly takes?: readonly (keyof typeof HEADERS)[];
  /** The list says which event it knows of (`X-Event-Cursor`). */
  readonly cursor?: true;
  /** Besides those that every route of its kind may give. */
  readonly errors?: readonly ErrorCode[];
}

export const HEADERS = {
  "Idempotency-Key": "The same key and body get the first answer again, for 24 hours",
  "Last-Event-ID": "Where the stream goes on; beats `since`",
} as const;

/** What changes something takes a key, but where the state that it asks for is all there is to it. */
export function isKeyed(method: string, path: string): boolean {
  if (path.startsWith("/api/v1/fleet/")) return method === "POST" && path === "/api/v1/fleet/tasks";
  return method !== "GET" && !path.endsWith("/attach");
}
