/** `workspaces`: folders of agents, and bringing back that of one that is gone. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { bytes, several } from "../figures.ts";
import { asJson } from "../print.ts";
import { printTable } from "../table.ts";
import type { RestoredShape, WorkspacesShape } from "../work-shapes.ts";

const DISK_MS = 120_000;

export async function run(context: Context): Promise<number> {
  const answer = await context.client().call("/api/v1/workspaces", { timeoutMs: DISK_MS });
  if (asJson(context, answer)) return EXIT.ok;
  // The daemon made it of this shape.
  const { workspaces, snapshotBytes } = answer as WorkspacesShape;
  const size = (of: number | null) => ({ text: of === null ? "-" : bytes(of), raw: String(of ?? "") });
  printTable(
    context.io.out,
    [
      { head: "AGENT" },
      { head: "ID" },
      { head: "KIND" },
      { head: "STATE" },
      { head: "SIZE", right: true },
      { head: "FOLDER", shrinkTo: 20 },
    ],
    workspaces.map((each) => [
      `${each.project}/${each.name ?? each.id}`,
      each.id,
      each.kind,
      each.state,
      size(each.bytes),
      each.path,
    ]),
    "no agent has a folder of its own",
  );
  for (const { project, name, id, pending } of workspaces)
    if (pending === true) context.io.warn(`${project}/${name ?? id}: what it did last is still being saved`);
  if (snapshotBytes !== null) context.io.say(`snapshots: ${bytes(snapshotBytes)}`);
  return EXIT.ok;
}

export async function recover(context: Context): Promise<number> {
  const [id = ""] = context.args.words;
  const path = `/api/v1/workspaces/${encodeURIComponent(id)}/recover`;
  const answer = await context.client().call(path, { method: "POST", timeoutMs: DISK_MS });
  if (asJson(context, answer)) return EXIT.ok;
  // The daemon made it of this shape.
  const { workspace, written, kept } = answer as RestoredShape & { readonly workspace: { readonly path: string } };
  context.io.out.line(workspace.path);
  context.io.say(`${several(written, "file")} written`);
  for (const { path: left, why } of kept) context.io.warn(`left as it is: ${left}: ${why}`);
  return EXIT.ok;
}
