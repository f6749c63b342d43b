/** `restore`: brings an agent's folder back to what was kept of it; without a snapshot, lists what was. */
import { EXIT } from "../../words/exits.ts";
import type { Client } from "../client.ts";
import type { Context } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { several } from "../figures.ts";
import { asJson } from "../print.ts";
import type { AgentShape } from "../shapes.ts";
import { nameOf, pathOf } from "../shapes.ts";
import { printTable } from "../table.ts";
import { findAgent } from "../target.ts";
import type { RestoredShape, SnapshotShape } from "../work-shapes.ts";

const RESTORE_MS = 10 * 60 * 1000;

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const [target = "", snapshot] = args.words;
  const agent = await findAgent(client, target, { dot: false });
  if (snapshot === undefined) return list(context, client, agent);
  const paths = args.all("path");
  const what = `${nameOf(agent)}: ${paths.length === 0 ? "its folder" : paths.join(", ")} goes back to snapshot ${snapshot}, what lies there now is kept`;
  if (!(await confirmed(context, what, "add --yes"))) return EXIT.error;
  const answer = await client.call(`/api/v1${pathOf(agent)}/snapshots/${encodeURIComponent(snapshot)}/restore`, {
    method: "POST",
    body: paths.length === 0 ? {} : { paths },
    timeoutMs: RESTORE_MS,
  });
  if (asJson(context, answer)) return EXIT.ok;
  // The daemon made it of this shape.
  const { written, deleted, kept, before } = answer as RestoredShape;
  io.say(
    `${several(written, "file")} written, ${deleted} deleted; agent-harness restore ${nameOf(agent)} ${before} takes it back`,
  );
  for (const { path, why } of kept) io.warn(`left as it is: ${path}: ${why}`);
  return EXIT.ok;
}

async function list(context: Context, client: Client, agent: AgentShape): Promise<number> {
  const answer = await client.call(`/api/v1${pathOf(agent)}/snapshots`);
  if (asJson(context, answer)) return EXIT.ok;
  // The daemon made it of this shape.
  const { snapshots } = answer as { readonly snapshots: readonly SnapshotShape[] };
  printTable(
    context.io.out,
    [
      { head: "SNAPSHOT" },
      { head: "AT" },
      { head: "FILES", right: true },
      { head: "+", right: true },
      { head: "-", right: true },
    ],
    snapshots.map(({ id, at, files, insertions, deletions }) => [
      id,
      at,
      String(files),
      String(insertions),
      String(deletions),
    ]),
    "nothing was kept yet",
  );
  return EXIT.ok;
}
