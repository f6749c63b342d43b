/** One command on several agents: each by itself, so that a refusal for one does not keep the others from it. */
import { HarnessError, exitOf } from "../lib/errors.ts";
import { EXIT } from "../words/exits.ts";
import type { Client } from "./client.ts";
import type { Context } from "./command.ts";
import { printJson } from "./print.ts";
import type { AgentShape } from "./shapes.ts";
import { nameOf } from "./shapes.ts";
import type { TargetOptions } from "./target.ts";
import { findAgents } from "./target.ts";
import { oneLine } from "./text.ts";

/** The first code that is not 0. */
export async function actOnEach(
  context: Context,
  options: TargetOptions,
  act: (client: Client, agent: AgentShape) => Promise<number>,
): Promise<number> {
  const client = context.client();
  const agents = await findAgents(client, context.args.words, options);
  let code: number = EXIT.ok;
  for (const agent of agents) {
    try {
      code ||= await act(client, agent);
    } catch (error) {
      if (!(error instanceof HarnessError) || agents.length === 1 || error.code === "UNREACHABLE") throw error;
      if (context.args.has("json")) printJson(context.io.out, { error: error.code, message: error.message });
      context.io.warn(oneLine(`${nameOf(agent)}: ${error.message}`));
      code ||= exitOf(error);
    }
  }
  return code;
}
