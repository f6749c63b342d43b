/** `changes`: the files that an agent changed. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { several } from "../figures.ts";
import { asJson } from "../print.ts";
import { pathOf } from "../shapes.ts";
import { printTable } from "../table.ts";
import { findAgent } from "../target.ts";
import type { ChangesShape, FileShape } from "../work-shapes.ts";
import { rangeQuery } from "../work-shapes.ts";

const WORK_MS = 60_000;

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const agent = await findAgent(client, args.words[0] ?? "");
  const answer = await client.call(`/api/v1${pathOf(agent)}/changes${rangeQuery(args)}`, { timeoutMs: WORK_MS });
  if (asJson(context, answer)) return EXIT.ok;
  // The daemon made it of this shape.
  const { changes, files, insertions, deletions, commits, workspace, skipped, pending } = answer as ChangesShape;
  printTable(
    io.out,
    [{ head: "WHAT" }, { head: "+", right: true }, { head: "-", right: true }, { head: "FILE", shrinkTo: 20 }],
    changes.map((each) => [each.kind, figure(each.insertions), figure(each.deletions), nameOf(each)]),
    "nothing was changed",
  );
  const where = workspace.branch === null ? workspace.path : `${workspace.branch}, ${several(commits ?? 0, "commit")}`;
  io.say(`${several(files, "file")}, +${insertions} -${deletions} (${where})`);
  if (pending === true) io.warn("what it did last is still being saved: these are the changes before that");
  for (const { path, why } of skipped) io.warn(`not kept: ${path}: ${why}`);
  return EXIT.ok;
}

/** No text: nobody counts its lines. */
const figure = (lines: number | null): string => (lines === null ? "bin" : String(lines));

const nameOf = ({ path, from }: FileShape): string => (from === undefined ? path : `${from} -> ${path}`);
