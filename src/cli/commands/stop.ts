/** `stop`: ends an agent's process and keeps the conversation. */
import { isBusy } from "../../words/agent.ts";
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { actOnEach } from "../each.ts";
import { printJson } from "../print.ts";
import type { AgentShape } from "../shapes.ts";
import { nameOf, pathOf } from "../shapes.ts";

/** The daemon ends it gently, then harder; that takes up to 20 s. */
const STOP_MS = 30_000;

export function run(context: Context): Promise<number> {
  const { args, io } = context;
  return actOnEach(context, { dot: false }, async (client, agent) => {
    if (busy(agent) && !(await confirmed(context, busyWords(agent), "add --yes to end it, or abort it first")))
      return EXIT.error;
    const answer = await client.call(`/api/v1${pathOf(agent)}/stop`, { method: "POST", timeoutMs: STOP_MS });
    if (args.has("json")) printJson(io.out, answer);
    else io.say(`stopped ${nameOf(agent)}`);
    return EXIT.ok;
  });
}

export const busy = ({ status }: AgentShape): boolean => {
  switch (status) {
    case "starting":
    case "processing":
    case "waiting_input":
    case "limited":
      return isBusy(status);
    default:
      return false;
  }
};

export const busyWords = (agent: AgentShape): string => `${nameOf(agent)} is ${agent.status}`;
