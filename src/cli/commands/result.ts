/** `result`: what an agent gave as the result of a turn, as JSON. */
import { isObject } from "../../lib/check.ts";
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { asJson, printJson } from "../print.ts";
import { pathOf } from "../shapes.ts";
import { findAgent } from "../target.ts";

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const [target = ""] = args.words;
  const agent = await findAgent(client, target);
  const turn = args.value("turn");
  const query = turn === undefined ? "" : `?turn=${encodeURIComponent(turn)}`;
  const answer = await client.call(`/api/v1${pathOf(agent)}/result${query}`);
  if (asJson(context, answer)) return EXIT.ok;
  printJson(io.out, isObject(answer) ? answer["result"] : null);
  return EXIT.ok;
}
