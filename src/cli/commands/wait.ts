/** `wait`: until agents are quiet or wait for somebody. The exit code says what was reached. */
import { isObject } from "../../lib/check.ts";
import { HarnessError } from "../../lib/errors.ts";
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import type { Client } from "../client.ts";
import type { Context } from "../command.ts";
import { doingOf } from "../doing.ts";
import { printJson } from "../print.ts";
import type { AgentShape } from "../shapes.ts";
import { member, nameOf, pathOf } from "../shapes.ts";
import { RECONNECT_MS } from "../stream.ts";
import { findAgents } from "../target.ts";
import { oneLine } from "../text.ts";
import { given } from "../../lib/given.ts";

/** One question to the daemon may stay open for so long. */
const POLL_S = 60;

interface Reached {
  readonly agent: AgentShape;
  readonly answer: unknown;
}

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  if (args.has("any") && args.has("all")) throw usage("--any and --all exclude each other");
  const agents = await findAgents(client, args.words);
  if (args.value("turn") !== undefined && agents.length > 1)
    throw usage("--turn takes one TARGET: a turn is one agent's");
  const stop = new AbortController();
  const limit = args.duration("timeout");
  const timer = limit === undefined ? undefined : setTimeout(() => stop.abort(), limit);
  const until = args.value("until");
  const waits = agents.map((agent) => waitFor(context, client, agent, until, stop.signal));
  const reached: (Reached | null)[] = args.has("any") ? [await first(waits)] : await Promise.all(waits);
  clearTimeout(timer);
  stop.abort();
  let code: number = EXIT.ok;
  for (const each of reached) {
    if (each === null) continue;
    if (args.has("json")) printJson(io.out, each.answer);
    else if (!args.has("quiet")) {
      const { agent } = each;
      io.out.line([nameOf(agent), agent.status, doingOf(agent)].map(oneLine).join(io.out.isTty ? "  " : "\t"));
    }
    if (until === undefined) code = worse(code, codeOf(each.agent));
  }
  if (reached.includes(null)) {
    io.warn(`the time is over (--timeout ${args.value("timeout") ?? ""})`);
    return EXIT.timeout;
  }
  return code;
}

/** null: the time was over. */
async function waitFor(
  { args, io }: Context,
  client: Client,
  agent: AgentShape,
  until: string | undefined,
  signal: AbortSignal,
): Promise<Reached | null> {
  const turn = args.value("turn");
  const query = new URLSearchParams({
    timeout: String(POLL_S),
    ...given({ until, turn }),
  });
  const reconnectMs = args.duration("reconnect") ?? RECONNECT_MS;
  let lostAt: number | null = null;
  while (!signal.aborted) {
    try {
      const answer = await client.call(`/api/v1${pathOf(agent)}/wait?${query}`, { timeoutMs: null, signal });
      if (isObject(answer) && answer["reached"] === true) return { agent: member(answer, "agent"), answer };
      lostAt = null;
    } catch (error) {
      if (signal.aborted) return null;
      if (!(error instanceof HarnessError) || (error.code !== "UNREACHABLE" && error.status !== 503)) throw error;
      if (lostAt === null) io.warn("connection lost, trying again; the agents work on");
      lostAt ??= performance.now();
      if (performance.now() - lostAt > reconnectMs) throw error;
      await Bun.sleep(500);
    }
  }
  return null;
}

function first(waits: readonly Promise<Reached | null>[]): Promise<Reached | null> {
  return Promise.race(waits);
}

export function codeOf({ status, turn }: AgentShape): number {
  switch (status) {
    case "waiting_input":
    case "limited":
      return EXIT.waitingInput;
    case "error":
      return EXIT.error;
    case "exited":
      return EXIT.exited;
    default:
      return turn?.outcome === "interrupted" ? EXIT.aborted : EXIT.ok;
  }
}

const WORST_FIRST: readonly number[] = [EXIT.exited, EXIT.error, EXIT.waitingInput, EXIT.aborted, EXIT.ok];

/** Of several agents the worst counts. */
export const worse = (a: number, b: number): number => (WORST_FIRST.indexOf(a) <= WORST_FIRST.indexOf(b) ? a : b);
