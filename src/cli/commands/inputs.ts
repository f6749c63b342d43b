/** `inputs`: what was sent to an agent, how far it got, and what can still be taken back. */
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import type { Context } from "../command.ts";
import { ago } from "../figures.ts";
import { asJson, printJson } from "../print.ts";
import type { InputShape } from "../shapes.ts";
import { get, nameOf, pathOf } from "../shapes.ts";
import { printTable } from "../table.ts";
import { findAgent } from "../target.ts";
import { squeezed } from "../text.ts";

const PAGE = 1000;

export async function run({ args, io, client: connect }: Context): Promise<number> {
  const client = connect();
  const agent = await findAgent(client, args.words[0] ?? "");
  const inputs: InputShape[] = [];
  for (let full = true; full;) {
    const page = await get(client, `${pathOf(agent)}/inputs?limit=${PAGE}&after=${inputs.at(-1)?.n ?? 0}`, "inputs");
    inputs.push(...page);
    full = page.length === PAGE;
  }
  if (args.has("json")) {
    printJson(io.out, { inputs });
    return EXIT.ok;
  }
  const now = Date.now();
  printTable(
    io.out,
    [
      { head: "N", right: true, whole: true },
      { head: "STATE", whole: true },
      { head: "SENT", right: true, dropAt: 2 },
      { head: "TURN", dropAt: 1 },
      { head: "TEXT", shrinkTo: 16 },
    ],
    inputs.map(({ n, state, createdAt, turnId, text }) => [
      String(n),
      state,
      { text: ago(now - Date.parse(createdAt)), raw: createdAt },
      turnId ?? "-",
      { text: squeezed(text), raw: text },
    ]),
    "nothing was sent yet",
  );
  return EXIT.ok;
}

export async function remove({ args, io, client: connect }: Context): Promise<number> {
  const [target = "", n = ""] = args.words;
  if (!/^[1-9]\d{0,14}$/.test(n))
    throw usage(`got the input ${JSON.stringify(n)}, expected its number (agent-harness inputs ${target})`);
  const client = connect();
  const agent = await findAgent(client, target);
  await client.call(`/api/v1${pathOf(agent)}/inputs/${n}`, { method: "DELETE" });
  if (args.has("json")) printJson(io.out, { removed: Number(n) });
  else io.say(`took back input ${n} of ${nameOf(agent)}`);
  return EXIT.ok;
}

export async function release(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const agent = await findAgent(client, args.words[0] ?? "");
  const answer = await client.call(`/api/v1${pathOf(agent)}/inputs/release`, { method: "POST" });
  if (!asJson(context, answer)) io.say(`the queue of ${nameOf(agent)} goes on`);
  return EXIT.ok;
}
