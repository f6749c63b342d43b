/** `messages`: what was said, exactly as it was said. */
import { isObject } from "../../lib/check.ts";
import { EXIT } from "../../words/exits.ts";
import type { Client } from "../client.ts";
import { painter } from "../colours.ts";
import type { Context } from "../command.ts";
import { asJson, printJson } from "../print.ts";
import type { AgentShape, MessageShape } from "../shapes.ts";
import { get, member, pathOf } from "../shapes.ts";
import { findAgent } from "../target.ts";
import { oneLine, withoutEscapes } from "../text.ts";
import { timeOfDay } from "../figures.ts";

const USUAL = 20;
const PAGE = 500;

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const agent = await findAgent(client, args.words[0] ?? "");
  const shown = (text: string): string => (io.out.isTty && !args.has("raw") ? withoutEscapes(text) : text);
  if (args.has("last")) {
    const answer = await client.call(`/api/v1${pathOf(agent)}/messages/last`);
    const message = member(answer, "message");
    if (!asJson(context, answer) && message !== null) {
      const text = shown(message.text);
      io.out.write(io.out.isTty && !text.endsWith("\n") ? `${text}\n` : text);
    }
    return message === null ? EXIT.error : EXIT.ok;
  }
  const print = (messages: readonly MessageShape[]): void => {
    const paint = painter(io.out);
    for (const message of messages) {
      if (args.has("json")) printJson(io.out, message);
      else {
        const time = io.out.isTty ? timeOfDay(Date.parse(message.createdAt)) : message.createdAt;
        const via = message.via === undefined ? "" : ` (${message.via})`;
        io.out.line(paint("bold", oneLine(`${time} ${message.role}${via} #${message.id}`)));
        io.out.write(`${shown(bodyOf(message))}\n\n`);
      }
    }
  };
  const keep = (message: MessageShape): boolean =>
    args.value("turn") === undefined || message.turnId === args.value("turn");
  if (args.has("all") || args.value("turn") !== undefined) {
    for await (const page of pagesOf(client, agent, filterOf(context))) print(page.filter(keep));
    return EXIT.ok;
  }
  const messages = await newest(client, agent, args.number("number") ?? USUAL, filterOf(context));
  print(messages);
  if (messages.length === 0 && io.out.isTty && !args.has("json")) io.out.line("nothing was said yet");
  return EXIT.ok;
}

/** Members of the question, as the API names them. */
type Filter = Readonly<Record<string, string>>;

const filterOf = ({ args }: Context): Filter =>
  Object.fromEntries(
    ["role", "contains"].flatMap((name) => {
      const value = args.value(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );

/** Everything that was said, oldest first, a page at a time. */
export async function* pagesOf(
  client: Client,
  agent: AgentShape,
  filter: Filter = {},
  after = 0,
): AsyncGenerator<readonly MessageShape[]> {
  for (let last = after; ;) {
    const query = new URLSearchParams({
      after: String(last),
      limit: String(PAGE),
      ...filter,
    });
    const answer = await client.call(`/api/v1${pathOf(agent)}/messages?${query}`);
    const page = member(answer, "messages");
    yield page;
    last = page.at(-1)?.id ?? last;
    if (page.length === 0 || !isObject(answer) || answer["more"] !== true) return;
  }
}

/** The last `wanted`, oldest first. */
export async function newest(
  client: Client,
  agent: AgentShape,
  wanted: number,
  filter: Filter = {},
): Promise<readonly MessageShape[]> {
  let found: readonly MessageShape[] = [];
  while (found.length < wanted) {
    const before = found[0]?.id;
    const query = new URLSearchParams({
      limit: String(Math.min(PAGE, wanted - found.length)),
      ...(before === undefined ? {} : { before: String(before) }),
      ...filter,
    });
    const page = await get(client, `${pathOf(agent)}/messages?${query}`, "messages");
    if (page.length === 0) break;
    found = [...page, ...found];
  }
  return found;
}

/** A message without text of its own is shown by its parts. */
function bodyOf({ text, parts }: MessageShape): string {
  if (text !== "") return text;
  return parts
    .map((part) =>
      part.type === "tool_use" ? `${part.name ?? "tool"} ${JSON.stringify(part.input)}` : (part.text ?? ""),
    )
    .join("\n");
}
