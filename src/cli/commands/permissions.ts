/** `permissions`: what waits for a person, oldest first, each request whole. */
import { isObject } from "../../lib/check.ts";
import { EXIT } from "../../words/exits.ts";
import type { Asked } from "../asks.ts";
import { askedOf, askedOfAll, askerOf, reasonText, requestText } from "../asks.ts";
import { painter } from "../colours.ts";
import type { Context } from "../command.ts";
import type { Output } from "../io.ts";
import { printJson } from "../print.ts";
import { requestLines } from "../request.ts";
import { findAgent } from "../target.ts";
import { oneLine, squeezed, wrap } from "../text.ts";
import { duration } from "../figures.ts";

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  if (args.has("fleet")) return (await import("../fleet-list.ts")).listWaiting(context);
  const client = context.client();
  const [target] = args.words;
  const state = args.has("all") ? null : "pending";
  const found =
    target === undefined
      ? await askedOfAll(client, state)
      : await askedOf(client, await findAgent(client, target), state);
  if (args.has("json")) printJson(io.out, { permissions: found });
  else if (!io.out.isTty)
    for (const each of found)
      io.out.line(
        [askerOf(each), each.id, each.state, each.tool, each.createdAt, commandOf(each)].map(oneLine).join("\t"),
      );
  else if (found.length === 0) io.out.line("nothing waits for you");
  else io.out.write(found.map((each) => `${shownRequest(each, io.out).join("\n")}\n`).join("\n"));
  return EXIT.ok;
}

const commandOf = (each: Asked): string =>
  isObject(each.detail) && typeof each.detail["command"] === "string"
    ? each.detail["command"]
    : squeezed(requestText(each));

/** The whole request, and how it is answered. */
function shownRequest(each: Asked, out: Output): string[] {
  const paint = painter(out);
  const waits =
    each.state === "pending"
      ? `waits ${duration(Date.now() - Date.parse(each.createdAt))}`
      : `${each.state}${each.settledBy === undefined ? "" : ` by ${each.settledBy}`}`;
  const head = wrap(oneLine(`${askerOf(each)} ${each.id}  ${each.tool}  ${waits}`), out.width());
  const answers =
    each.state === "pending"
      ? [`agent-harness approve ${askerOf(each)} ${each.id}`, `agent-harness deny ${askerOf(each)} ${each.id} -m "why"`]
      : [];
  const room = out.width() - 2;
  return [
    ...head.map((line) => paint("bold", line)),
    ...wrap(squeezed(reasonText(each)), room).map((line) => `  ${line}`),
    ...requestLines(each, out.width()),
    ...answers.flatMap((line) => wrap(line, room)).map((line) => paint("dim", `  ${line}`)),
  ];
}
