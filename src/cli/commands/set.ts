/** `set`: changes an agent. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { asJson } from "../print.ts";
import { member, nameOf, pathOf } from "../shapes.ts";
import type { Setting } from "../settings.ts";
import { BUDGET_SETTINGS, patchOf } from "../settings.ts";
import { findAgent } from "../target.ts";

export const AGENT_SETTINGS: readonly Setting[] = [
  { key: "name", path: ["name"] },
  { key: "model", path: ["model"] },
  { key: "permissions", path: ["permissions"] },
  { key: "verify", path: ["verify"], within: "command" },
  { key: "webhook.url", path: ["webhook", "url"] },
  { key: "metadata.K", path: ["metadata"] },
  ...BUDGET_SETTINGS,
];

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const [target = "", ...settings] = args.words;
  const body = patchOf(settings, AGENT_SETTINGS);
  const client = context.client();
  const agent = await findAgent(client, target);
  const answer = await client.call(`/api/v1${pathOf(agent)}`, { method: "PATCH", body });
  if (!asJson(context, answer)) io.say(`changed ${nameOf(member(answer, "agent"))}: ${settings.map(keyOf).join(", ")}`);
  return EXIT.ok;
}

const keyOf = (word: string): string => word.slice(0, word.indexOf("="));
