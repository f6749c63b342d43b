/** `send`: one more input for an agent. */
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import { attachmentsOf } from "../attachments.ts";
import type { Context } from "../command.ts";
import { asJson } from "../print.ts";
import { newestEvent, stay } from "../run/stay.ts";
import { member, nameOf, pathOf } from "../shapes.ts";
import { readStdin } from "../stdin.ts";
import { findAgent } from "../target.ts";

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const [target = "", given] = args.words;
  if (args.has("interrupt") && args.has("reject")) throw usage("--interrupt and --reject exclude each other");
  if (!args.has("wait"))
    for (const flag of ["timeout", "wait-input"]) if (args.has(flag)) throw usage(`--${flag} belongs to --wait`);
  const attachments = attachmentsOf(args);
  if (given === undefined && attachments === undefined)
    throw usage("TEXT is missing: write it behind the target, or - to read it from stdin");
  const agent = await findAgent(client, target);
  const text = given === "-" ? readStdin(io) : (given ?? "");
  const key = args.value("key");
  const since = args.has("wait") ? await newestEvent(client) : 0;
  const answer = await client.call(`/api/v1${pathOf(agent)}/input`, {
    method: "POST",
    body: {
      text,
      ...(args.has("interrupt") ? { mode: "interrupt" } : args.has("reject") ? { mode: "reject" } : {}),
      ...(args.has("verbatim") ? { raw: true } : {}),
      ...(attachments === undefined ? {} : { attachments }),
    },
    ...(key === undefined ? {} : { headers: { "Idempotency-Key": key } }),
  });
  const input = member(answer, "input");
  if (args.has("wait"))
    return stay(context, agent, { input: input.n, since, replayed: key !== undefined, textFromStdin: given === "-" });
  if (!asJson(context, answer)) io.say(`sent to ${nameOf(agent)} as input ${input.n} (${input.state})`);
  return EXIT.ok;
}
