/** `attach`: a conversation handed to a person in the program's own screen, and given back on any kind of end. */
import { isObject } from "../../lib/check.ts";
import { HarnessError, errorText } from "../../lib/errors.ts";
import { usage } from "../args.ts";
import type { Plan } from "../attach/plan.ts";
import { commandLine, missing, readPlan, screenEnv } from "../attach/plan.ts";
import type { Hold } from "../attach/screen.ts";
import { holdOn } from "../attach/screen.ts";
import type { Modes } from "../attach/terminal.ts";
import { keepModes } from "../attach/terminal.ts";
import type { Client } from "../client.ts";
import type { Context } from "../command.ts";
import { EXIT } from "../../words/exits.ts";
import { duration } from "../figures.ts";
import { asJson } from "../print.ts";
import type { AgentShape } from "../shapes.ts";
import { pathOf } from "../shapes.ts";
import { findAgent } from "../target.ts";
import { oneLine } from "../text.ts";
import { CONFIRM_MS } from "./abort.ts";
import { busy, busyWords } from "./stop.ts";

const RENEW_MS = 10_000;
/** Longer than the daemon takes to end a process. */
const TAKE_MS = 30_000;
/** Longer than the daemon waits for the program's own history. */
const HISTORY_MS = 90_000;
/** After the screen: how long a daemon that is being started again is waited for. */
const GIVE_BACK_MS = 20_000;

export async function run(context: Context): Promise<number> {
  const { args, env, io } = context;
  const client = context.client();
  const agent = await findAgent(client, args.words[0] ?? "");
  const path = `/api/v1${pathOf(agent)}/attach`;
  if (!args.has("print") && !(io.stdinIsTty && io.out.isTty))
    throw usage("a screen needs a terminal on both ends: --print shows the command");
  const answer = await client.call(path);
  const plan = readPlan(answer);
  if (args.has("print")) {
    if (!asJson(context, answer)) io.out.line(oneLine(commandLine(plan)));
    return EXIT.ok;
  }
  tellAhead(context, plan);
  if (busy(agent)) await endTurn(context, client, agent);
  const modes = keepModes(io.out);
  const hold = holdOn(() => io.say("no screen is opened; the agent is given back"));
  const taken = await client.call(path, { method: "POST", timeoutMs: TAKE_MS });
  const lease = isObject(taken) ? String(taken["lease"]) : "";
  const startedAt = performance.now();
  const code = await show(context, plan, modes, hold, (screen) =>
    client.call(path, { method: "POST", body: { lease, ...screen } }),
  );
  return (await giveBack(context, client, `${path}?lease=${lease}`, performance.now() - startedAt)) || code;

  function tellAhead({ io: { say, warn } }: Context, { argv, cwd }: Plan): void {
    say(oneLine(`will run in ${cwd}:  ${argv.join(" ")}`));
    say("its process is ended first and comes back when you leave; inputs sent meanwhile are queued");
    const names = missing(plan, env);
    if (names.length > 0)
      warn(
        `the agent was given ${names.join(", ")}, which this shell does not have; their values stay with the daemon`,
      );
  }
}

async function endTurn({ args }: Context, client: Client, agent: AgentShape): Promise<void> {
  if (!args.has("abort"))
    throw new HarnessError("AGENT_BUSY", `${busyWords(agent)}: wait, or add --abort to end its turn`);
  await client.call(`/api/v1${pathOf(agent)}/abort`, { method: "POST", timeoutMs: CONFIRM_MS });
}

/** The screen, from its start to its end; meanwhile the daemon hears that we live. */
async function show(
  { env, io }: Context,
  plan: Plan,
  modes: Modes | null,
  hold: Hold,
  renew: (more: Readonly<Record<string, unknown>>) => Promise<unknown>,
): Promise<number> {
  if (hold.over) return EXIT.interrupted;
  try {
    const screen = hold.open({ argv: plan.argv, cwd: plan.cwd, env: screenEnv(plan, env) });
    // A daemon that is away for a moment finds the lease in its store.
    const tell = (): void => void renew({ screen: screen.identity ?? undefined }).catch(() => undefined);
    tell();
    const timer = setInterval(tell, RENEW_MS);
    const { how, torn } = await screen.ended;
    clearInterval(timer);
    modes?.restore(torn);
    if (how !== null) io.warn(`the screen ${how}`);
    return EXIT.ok;
  } catch (error) {
    io.warn(`cannot start ${plan.argv[0] ?? "the screen"}: ${errorText(error)}`);
    return EXIT.error;
  }
}

async function giveBack({ io, args }: Context, client: Client, path: string, tookMs: number): Promise<number> {
  const agent = args.words[0] ?? "";
  const deadline = performance.now() + GIVE_BACK_MS;
  for (;;) {
    try {
      const answer = await client.call(path, { method: "DELETE", timeoutMs: HISTORY_MS });
      const n = isObject(answer) ? Number(answer["messages"]) : 0;
      io.say(`taken back after ${duration(tookMs)}, ${n} ${n === 1 ? "message" : "messages"} brought in`);
      return EXIT.ok;
    } catch (error) {
      if (!(error instanceof HarnessError)) throw error;
      if (error.code === "NO_LEASE" || error.code === "AGENT_NOT_FOUND") {
        io.warn(`${agent} was given back already: ${error.message}`);
        return EXIT.ok;
      }
      if ((error.code !== "UNREACHABLE" && error.status !== 503) || performance.now() > deadline) throw error;
      await Bun.sleep(500);
    }
  }
}
