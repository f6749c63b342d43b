/** `approve`, and what `deny` shares with it: never blind. What is not named exactly is shown whole, then asked. */
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import type { Decided } from "../answers.ts";
import { answersOf, decide, meantRequest } from "../answers.ts";
import type { Asked } from "../asks.ts";
import { askerOf, questionsOf, reasonText } from "../asks.ts";
import type { Context } from "../command.ts";
import { asJson } from "../print.ts";
import { oneLine, squeezed, wrap } from "../text.ts";
import type { Terminal } from "../tty.ts";
import { openTerminal } from "../tty.ts";
import { showRequest } from "../request.ts";
import { given } from "../../lib/given.ts";

export const run = (context: Context): Promise<number> => answer(context, "allow");

export async function answer(context: Context, verdict: "allow" | "deny"): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const meant = await meantRequest(context);
  if (meant === null) {
    io.warn("nothing waits for an answer");
    return EXIT.error;
  }
  const { request, named } = meant;
  const message = args.value("message");
  const base: Decided = {
    decision: verdict === "deny" ? "deny" : args.has("always") ? "allow_always" : "allow",
    ...given({ message }),
  };
  const answers = answersOf(request, args.all("answer"));
  let decided: Decided | null = { ...base, ...given({ answers }) };
  const asks = verdict === "allow" && request.kind === "question" && answers === undefined;
  if (!named || asks) {
    const command = `${verdict === "deny" ? "deny" : "approve"} ${askerOf(request)} ${request.id}`;
    const terminal =
      io.mayAsk && io.err.isTty ? openTerminal(io.err.write, () => process.kill(process.pid, "SIGINT")) : null;
    if (terminal === null)
      throw usage(
        named
          ? `it asks ${questionsOf(request.detail)
              .map(({ question }) => JSON.stringify(question))
              .join(", ")}: add --answer "1=…"`
          : `no terminal to show the request on: name it (${command})`,
      );
    try {
      decided = await ask(terminal, context, request, decided, asks);
    } finally {
      terminal.close();
    }
  }
  if (decided === null) return EXIT.error;
  const settled = await decide(client, request, decided);
  if (!asJson(context, settled))
    io.say(`${decided.decision === "deny" ? "denied" : "allowed"} ${askerOf(request)} ${request.id}`);
  return EXIT.ok;
}

async function ask(
  terminal: Terminal,
  { io }: Context,
  request: Asked,
  decided: Decided,
  asks: boolean,
): Promise<Decided | null> {
  for (const line of wrap(
    oneLine(`${askerOf(request)} ${request.id}  ${squeezed(reasonText(request))}`),
    io.err.width(),
  ))
    io.err.line(line);
  await showRequest(request, io.err, terminal);
  if (!asks) {
    const word = decided.decision === "deny" ? "deny" : decided.decision === "allow" ? "allow" : "always allow";
    const line = await terminal.line(`${word} it? [y/N] `);
    return /^y(es)?$/i.test(line?.trim() ?? "") ? decided : null;
  }
  const answers: Record<string, string> = {};
  for (const { question, options } of questionsOf(request.detail)) {
    const line = await terminal.line(`${oneLine(question)} (${options.map(oneLine).join(" / ")}): `);
    if (line === null || line.trim() === "") return null;
    answers[question] = options[Number(line) - 1] ?? line.trim();
  }
  return { ...decided, answers };
}
