/** The end of a run: the answer on stdout, a last line on stderr, and the exit code. */
import { HarnessError } from "../../lib/errors.ts";
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { turnWords } from "../conversation.ts";
import { printJson } from "../print.ts";
import type { AgentShape, TurnShape } from "../shapes.ts";
import { get, nameOf, pathOf } from "../shapes.ts";
import { oneLine } from "../text.ts";
import type { Control } from "./control.ts";
import type { Ending } from "./ending.ts";
import { waitsWords } from "./ending.ts";

const REMOVE_MS = 30_000;

export async function finish(context: Context, agent: AgentShape, ending: Ending, control: Control): Promise<number> {
  const { args, io } = context;
  const code = control.late && ending.how !== "left" ? EXIT.timeout : codeOf(ending);
  switch (ending.how) {
    case "left":
      return code;
    case "waits":
      if (args.has("json")) await printEnd(context, agent, null);
      io.err.line(oneLine(waitsWords(agent, ending.request)));
      return code;
    case "cancelled":
      io.warn(`the input was cancelled before ${nameOf(agent)} got it`);
      break;
    case "exited":
      io.warn(oneLine(`${nameOf(agent)}: ${ending.why} (agent-harness debug ${nameOf(agent)})`));
      break;
    case "turn":
      await printEnd(context, agent, ending.turn);
      io.say(turnWords(ending.turn));
  }
  if (args.has("rm")) await forget(context, agent);
  return code;
}

/** One whose work is merged nowhere stays: the flag asked for tidiness, not for that. */
async function forget(context: Context, agent: AgentShape): Promise<void> {
  try {
    await context.client().call(`/api/v1${pathOf(agent)}`, { method: "DELETE", timeoutMs: REMOVE_MS });
  } catch (error) {
    if (!(error instanceof HarnessError) || error.code !== "WORK_NOT_MERGED") throw error;
    context.io.warn(oneLine(`${nameOf(agent)} stays: ${error.message}`));
  }
}

/** Exactly the last thing that was said in the turn; on a terminal it was shown as it came. */
async function printEnd(context: Context, agent: AgentShape, turn: TurnShape | null): Promise<void> {
  const { args, io } = context;
  const client = context.client();
  const message = await get(client, `${pathOf(agent)}/messages/last`, "message");
  const said = message !== null && message.turnId === turn?.id ? message : null;
  if (args.has("json")) {
    printJson(io.out, { agent: await get(client, pathOf(agent), "agent"), turn, message: said });
    return;
  }
  if (io.out.isTty || said === null || said.text === "") return;
  io.out.write(said.text.endsWith("\n") ? said.text : `${said.text}\n`);
}

function codeOf(ending: Ending): number {
  switch (ending.how) {
    case "left":
      return ending.code;
    case "waits":
      return EXIT.waitingInput;
    case "cancelled":
      return EXIT.aborted;
    case "exited":
      return EXIT.exited;
    case "turn":
      return ofTurn(ending.turn);
  }
}

function ofTurn({ outcome }: TurnShape): number {
  switch (outcome) {
    case "completed":
      return EXIT.ok;
    case "interrupted":
      return EXIT.aborted;
    case "lost":
      return EXIT.exited;
    default:
      return EXIT.error;
  }
}
