/** `events`: the event log, of everything, a project or an agent. */
import { parseSince } from "../../lib/since.ts";
import { isObject } from "../../lib/check.ts";
import { HarnessError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";
import { EVENT_NAMES } from "../../words/events.ts";
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import type { Client } from "../client.ts";
import { painter } from "../colours.ts";
import type { Context } from "../command.ts";
import { printJson } from "../print.ts";
import { member, pathOf } from "../shapes.ts";
import type { StreamEvent } from "../stream.ts";
import { follow } from "../stream.ts";
import { findAgent } from "../target.ts";
import { fit, squeezed } from "../text.ts";
import { timeOfDay } from "../figures.ts";

const USUAL = 50;
const PAGE = 500;
/** Pages are for those who ask for JSON; everybody else gets a stream. */
const PAGED = { Accept: "application/json" };

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const types = typesOf(args.value("types"));
  const path = await pathFor(client, args.words[0]);
  const print = printer(context);
  const stored = types?.filter(isStored);
  let last: number | undefined;
  // Only what is never stored was asked for.
  if (stored === undefined || stored.length > 0) {
    const since = args.value("since");
    const past =
      since === undefined
        ? lastOnes(client, path, args.number("number") ?? USUAL, stored)
        : sinceOnes(context, path, stored);
    for await (const event of past) {
      last = event.id ?? last;
      print(event);
    }
  }
  if (!args.has("follow")) return EXIT.ok;
  const { newest } = await range(client, path);
  const wanted = types ?? EVENT_NAMES.filter(isStored);
  for await (const event of follow(client, io, {
    path,
    types: wanted,
    since: last ?? newest,
    reconnectMs: args.duration("reconnect"),
  }))
    if (event.type !== "reset") print(event);
  return EXIT.ok;
}

/** What has no number is shown live, and only to those who name it. */
const isStored = (type: string): boolean => type !== "delta" && type !== "activity";

function typesOf(text: string | undefined): readonly string[] | undefined {
  const types = text?.split(",");
  const wrong = types?.find((type) => !EVENT_NAMES.some((name) => name === type));
  if (wrong === undefined) return types;
  const meant = nearest(wrong, EVENT_NAMES);
  throw usage(
    `--types: there is no event ${JSON.stringify(wrong)}; ${meant === undefined ? `known: ${EVENT_NAMES.join(", ")}` : `did you mean ${meant}?`}`,
  );
}

/** A project's name, else an agent. */
async function pathFor(client: Client, place: string | undefined): Promise<string> {
  if (place === undefined) return "/events";
  if (!place.includes("/") && place !== ".") {
    try {
      await client.call(`/api/v1/projects/${encodeURIComponent(place)}`);
      return `/projects/${place}/events`;
    } catch (error) {
      if (!(error instanceof HarnessError) || error.status !== 404) throw error;
    }
  }
  return `${pathOf(await findAgent(client, place))}/events`;
}

async function page(client: Client, path: string, query: Record<string, string>, types: readonly string[] | undefined) {
  const search = new URLSearchParams({ ...query, ...(types === undefined ? {} : { types: types.join(",") }) });
  const answer = await client.call(`/api/v1${path}?${search}`, { headers: PAGED });
  return { events: member(answer, "events"), answer: isObject(answer) ? answer : {} };
}

async function range(client: Client, path: string): Promise<{ oldest: number; newest: number }> {
  const { answer } = await page(client, path, { limit: "1" }, undefined);
  return { oldest: Number(answer["oldest"]), newest: Number(answer["newest"]) };
}

/** The last `wanted`, oldest first. */
async function* lastOnes(client: Client, path: string, wanted: number, types: readonly string[] | undefined) {
  let found: readonly StreamEvent[] = [];
  while (found.length < wanted) {
    const before = found[0]?.id;
    const limit = String(Math.min(PAGE, wanted - found.length));
    const { events } = await page(
      client,
      path,
      { limit, ...(before == null ? {} : { before: String(before) }) },
      types,
    );
    if (events.length === 0) break;
    found = [...events, ...found];
  }
  yield* found;
}

/** Everything after an id, oldest first, page by page. */
export async function* eventsSince(
  client: Client,
  path: string,
  after: number,
  types: readonly string[] | undefined,
): AsyncGenerator<StreamEvent> {
  for (let last = after; ;) {
    const { events, answer } = await page(client, path, { after: String(last), limit: String(PAGE) }, types);
    yield* events;
    last = events.at(-1)?.id ?? last;
    if (events.length === 0 || answer["more"] !== true) return;
  }
}

async function* sinceOnes(context: Context, path: string, types: readonly string[] | undefined) {
  const { args, io } = context;
  const client = context.client();
  const from = parseSince(args.value("since") ?? "", Date.now());
  if (from === undefined) return;
  const { oldest } = await range(client, path);
  const after = "event" in from ? from.event : oldest - 1;
  if ("event" in from && from.event < oldest - 1)
    io.warn(`events before #${oldest} are no longer kept; going on from there`);
  for await (const event of eventsSince(client, path, Math.max(after, oldest - 1), types))
    if ("event" in from || Date.parse(String(event.at)) >= from.atMs) yield event;
}

function printer({ args, io }: Context): (event: StreamEvent) => void {
  if (args.has("json")) return (event) => printJson({ ...io.out, isTty: false }, event);
  const paint = painter(io.out);
  return (event) => {
    const { id, type, project, agent, at, data } = event;
    const place = agent === null ? (project ?? "-") : `${project ?? ""}/${agent}`;
    const text = squeezed(wordsOf(event));
    if (!io.out.isTty) return io.out.line(`${id ?? "-"}\t${at}\t${place}\t${type}\t${squeezed(JSON.stringify(data))}`);
    const head = `${typeof at === "string" && at !== "" ? timeOfDay(Date.parse(at)) : "        "} ${String(id ?? "").padStart(6)} `;
    const body = `${place} ${type}`;
    io.out.line(
      `${paint("dim", head)}${fit(`${body}  ${text}`, Math.max(1, io.out.width() - head.length)).replace(type, paint("bold", type))}`,
    );
  };
}

/** What a person wants to know of it. */
function wordsOf({ type, data }: StreamEvent): string {
  const inner = (key: string): Record<string, unknown> => (isObject(data[key]) ? data[key] : {});
  switch (type) {
    case "agent_status":
      return `${String(data["from"])} → ${String(data["to"])} (${String(inner("cause")["detail"])})`;
    case "message":
      return `${String(inner("message")["role"])}: ${String(inner("message")["text"] ?? "…")}`;
    case "turn_ended":
      return String(inner("turn")["outcome"]);
    case "permission_requested":
      return `${String(inner("permission")["id"])}: ${String(inner("permission")["title"])}`;
    case "note":
      return String(data["message"]);
    case "delta":
      return String(data["text"]);
    default:
      return JSON.stringify(data);
  }
}
