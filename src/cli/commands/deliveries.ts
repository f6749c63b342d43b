/** `deliveries`: the webhooks on their way, taken and dead. */
import { isObject } from "../../lib/check.ts";
import { EXIT } from "../../words/exits.ts";
import { statusStyle } from "../colours.ts";
import type { Context } from "../command.ts";
import { ago } from "../figures.ts";
import { asJson, printJson } from "../print.ts";
import type { DeliveryShape } from "../shapes.ts";
import { get, member } from "../shapes.ts";
import { printFacts, printTable } from "../table.ts";
import { findAgent } from "../target.ts";
import { given } from "../../lib/given.ts";

const USUAL = 50;
const at = (id: string): string => `/api/v1/deliveries/${encodeURIComponent(id)}`;
const STYLES = { pending: "waiting_input", delivered: "idle", dead: "error" } as const;

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const target = args.value("agent");
  const state = args.value("state");
  const query = new URLSearchParams({
    limit: String(Math.min(1000, Math.max(1, args.number("number") ?? USUAL))),
    ...given({ state }),
    ...(target === undefined ? {} : { agent: (await findAgent(client, target)).id }),
  });
  const answer = await client.call(`/api/v1/deliveries?${query}`);
  if (asJson(context, answer)) return EXIT.ok;
  const now = Date.now();
  printTable(
    io.out,
    [
      { head: "ID", whole: true },
      { head: "STATE" },
      { head: "EVENT", dropAt: 2 },
      { head: "AGENT", dropAt: 1 },
      { head: "AGE", right: true, dropAt: 3 },
      { head: "TRIES", right: true, dropAt: 4 },
      { head: "LAST ERROR", shrinkTo: 16 },
    ],
    member(answer, "deliveries").map((each) => [
      each.id,
      { text: each.state, style: statusStyle(styleOf(each.state)) ?? "dim" },
      each.event,
      each.agentId === null ? "-" : `${each.project ?? ""}/${each.agentId}`,
      { text: ago(now - Date.parse(each.createdAt)), raw: each.createdAt },
      String(each.attempts),
      each.lastError ?? "-",
    ]),
    "no webhooks",
  );
  return EXIT.ok;
}

const styleOf = (state: string): string => new Map<string, string>(Object.entries(STYLES)).get(state) ?? "";

export async function show(context: Context): Promise<number> {
  const { io, args } = context;
  const answer = await context.client().call(at(args.words[0] ?? ""));
  if (asJson(context, answer)) return EXIT.ok;
  const delivery: unknown = isObject(answer) ? answer["delivery"] : null;
  if (!isObject(delivery)) return EXIT.error;
  const { body, attempts, ...rest } = delivery;
  printFacts(io.out, [
    ...Object.entries(rest).map(([key, value]) => [key, value === null ? "-" : String(value)] as const),
    ...(Array.isArray(attempts) ? attempts : []).map(
      (each: unknown, i) => [`attempt ${i + 1}`, JSON.stringify(each)] as const,
    ),
    ["body", JSON.stringify(body)],
  ]);
  return EXIT.ok;
}

export async function redeliver(context: Context): Promise<number> {
  const { args, io } = context;
  const fresh = args.has("fresh") ? "?fresh=1" : "";
  const answer = await context.client().call(`${at(args.words[0] ?? "")}/redeliver${fresh}`, { method: "POST" });
  if (!asJson(context, answer)) io.say(`on its way again as ${member(answer, "delivery").id}`);
  return EXIT.ok;
}

export async function test(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const answer = await client.call("/api/v1/webhook/test", { method: "POST" });
  const sent = member(answer, "delivery");
  if (!args.has("wait")) {
    if (!asJson(context, answer)) io.say(`on its way as ${sent.id} (agent-harness deliveries show ${sent.id})`);
    return EXIT.ok;
  }
  const settled = await settledOrTried(context, sent);
  if (args.has("json")) printJson(io.out, { delivery: settled });
  else if (settled.state === "delivered") io.say(`${sent.id} was taken`);
  else io.warn(`${sent.id} was refused: ${settled.lastError ?? "no answer"}`);
  return settled.state === "delivered" ? EXIT.ok : EXIT.error;
}

/** Its first attempt is what a test asks about; retries may go on for a day. */
async function settledOrTried({ client: connect }: Context, sent: DeliveryShape): Promise<DeliveryShape> {
  const client = connect();
  for (;;) {
    const now = await get(client, `/deliveries/${sent.id}`, "delivery");
    if (now.state !== "pending" || now.lastError !== null) return now;
    await Bun.sleep(200);
  }
}
