/** `diff`: the lines that an agent changed, for a person; in a pipe, the whole of it as a patch. */
import { EXIT } from "../../words/exits.ts";
import { painter } from "../colours.ts";
import type { Context } from "../command.ts";
import { PENDING, WORK_MS, changesWhenKept } from "../kept.ts";
import { asJson } from "../print.ts";
import { pathOf } from "../shapes.ts";
import { findAgent } from "../target.ts";
import { lines } from "../text.ts";
import type { DiffShape } from "../work-shapes.ts";
import { rangeQuery } from "../work-shapes.ts";

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const [target = "", path] = args.words;
  const agent = await findAgent(client, target);
  const at = `/api/v1${pathOf(agent)}`;
  const { pending } = await changesWhenKept(client, at, args);
  if (pending === true) io.warn(PENDING);
  if (!io.out.isTty && !args.has("json") && path === undefined) {
    const response = await client.open(`${at}/patch${rangeQuery(args)}`, { timeoutMs: WORK_MS });
    io.out.write(await response.bytes());
    return EXIT.ok;
  }
  const answer = await client.call(`${at}/diff${rangeQuery(args, { path })}`, { timeoutMs: WORK_MS });
  if (asJson(context, answer)) return EXIT.ok;
  // The daemon made it of this shape.
  const { files } = answer as DiffShape;
  if (files.length === 0) io.say("nothing was changed");
  const paint = painter(io.out);
  for (const file of files) {
    for (const line of lines((file.patch ?? `${file.path}: too much to show here`).trimEnd()))
      io.out.line(paint(styleOf(line), line));
    if (file.truncated) io.warn(`${file.path} was cut: agent-harness diff ${target} | less has all of it`);
  }
  return EXIT.ok;
}

function styleOf(line: string): "bold" | "green" | "red" | "dim" | undefined {
  if (/^(diff --git|---|\+\+\+|index|new file|deleted file|old mode|new mode|similarity|rename) ?/.test(line))
    return "bold";
  if (line.startsWith("+")) return "green";
  if (line.startsWith("-")) return "red";
  return line.startsWith("@@") ? "dim" : undefined;
}
