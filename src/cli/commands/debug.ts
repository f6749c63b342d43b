/** `debug`: what is known of an agent's process, for the person who has to find out why. */
import { isObject } from "../../lib/check.ts";
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import type { Context } from "../command.ts";
import { asJson } from "../print.ts";
import { pathOf } from "../shapes.ts";
import { printFacts } from "../table.ts";
import { findAgent } from "../target.ts";
import { withoutEscapes } from "../text.ts";

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const streams = (["stdout", "stderr"] as const).filter((name) => args.value(name) !== undefined);
  if (streams.length > 1) throw usage("--stdout and --stderr exclude each other");
  const agent = await findAgent(client, args.words[0] ?? "");
  const [stream] = streams;
  if (stream !== undefined) {
    const tail = Math.max(1, args.number(stream) ?? 1);
    const path = `/api/v1${pathOf(agent)}/output?stream=${stream}&tail=${tail}`;
    const response = await client.open(path);
    const bytes = await response.bytes();
    io.out.write(io.out.isTty ? withoutEscapes(new TextDecoder().decode(bytes)) : bytes);
    return EXIT.ok;
  }
  const answer = await client.call(`/api/v1${pathOf(agent)}/debug`);
  if (!asJson(context, answer)) printFacts(io.out, factsOf(answer, ""));
  return EXIT.ok;
}

/** Members of members by their path: `process.pid`. */
function factsOf(value: unknown, path: string): readonly (readonly [string, string])[] {
  if (isObject(value))
    return Object.entries(value).flatMap(([key, inner]) => factsOf(inner, path === "" ? key : `${path}.${key}`));
  if (Array.isArray(value) && value.some((each) => typeof each === "object"))
    return value.flatMap((inner, i) => factsOf(inner, `${path}.${i}`));
  const text = Array.isArray(value) ? value.map(String).join(" ") : typeof value === "string" ? value : String(value);
  return [[path, text]];
}
