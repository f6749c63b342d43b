/** `changes`: the files that an agent changed. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { several } from "../figures.ts";
import { PENDING, changesWhenKept } from "../kept.ts";
import { asJson } from "../print.ts";
import { pathOf } from "../shapes.ts";
import { printTable } from "../table.ts";
import { findAgent } from "../target.ts";
import type { FileShape } from "../work-shapes.ts";

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const agent = await findAgent(client, args.words[0] ?? "");
  const answer = await changesWhenKept(client, `/api/v1${pathOf(agent)}`, args);
  if (asJson(context, answer)) return EXIT.ok;
  const { changes, files, insertions, deletions, commits, workspace, skipped, pending } = answer;
  printTable(
    io.out,
    [{ head: "WHAT" }, { head: "+", right: true }, { head: "-", right: true }, { head: "FILE", shrinkTo: 20 }],
    changes.map((each) => [each.kind, figure(each.insertions), figure(each.deletions), nameOf(each)]),
    "nothing was changed",
  );
  const where = workspace.branch === null ? workspace.path : `${workspace.branch}, ${several(commits ?? 0, "commit")}`;
  io.say(`${several(files, "file")}, +${insertions} -${deletions} (${where})`);
  if (pending === true) io.warn(PENDING);
  for (const { path, why } of skipped) io.warn(`not kept: ${path}: ${why}`);
  return EXIT.ok;
}

/** No text: nobody counts its lines. */
const figure = (lines: number | null): string => (lines === null ? "bin" : String(lines));

const nameOf = ({ path, from }: FileShape): string => (from === undefined ? path : `${from} -> ${path}`);
