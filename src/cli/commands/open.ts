/** `open`: where the inspector is. The token is never part of an address. */
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import type { Context } from "../command.ts";
import { printJson } from "../print.ts";
import { findAgent } from "../target.ts";

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  if (client.page === null)
    throw usage(
      `the daemon listens on ${client.where}, where no browser can go: forward it (ssh -L 7070:${client.where.slice(5)})`,
    );
  const [target] = args.words;
  const agent = target === undefined ? null : await findAgent(client, target);
  const url = `${client.page}/inspect${agent === null ? "" : `#/a/${agent.project}/${agent.id}`}`;
  if (args.has("json")) printJson(io.out, { url });
  else io.out.line(url);
  return EXIT.ok;
}
