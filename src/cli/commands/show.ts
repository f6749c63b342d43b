/** `show`: all that is known of one agent, with the causes in words and the next step. */
import { spentWords, unpricedWords } from "../../words/budget.ts";
import { EXIT } from "../../words/exits.ts";
import { askedOf } from "../asks.ts";
import { statusStyle } from "../colours.ts";
import type { Context } from "../command.ts";
import { doingOf, tokensOf } from "../doing.ts";
import type { Client } from "../client.ts";
import { isObject } from "../../lib/check.ts";
import { HarnessError } from "../../lib/errors.ts";
import { asJson } from "../print.ts";
import { member, nameOf, pathOf } from "../shapes.ts";
import type { AgentShape } from "../shapes.ts";
import type { Cell } from "../table.ts";
import { printFacts } from "../table.ts";
import { findAgent } from "../target.ts";
import { commandText, verifiedWords } from "../verify.ts";
import { clockTime, count, money } from "../figures.ts";
import { given } from "../../lib/given.ts";

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const found = await findAgent(client, args.words[0] ?? "");
  const answer = await client.call(`/api/v1${pathOf(found)}`);
  if (asJson(context, answer)) return EXIT.ok;
  const agent = member(answer, "agent");
  const asked = agent.pendingPermissions > 0 ? await askedOf(client, agent, "pending") : [];
  const style = statusStyle(agent.status);
  printFacts(io.out, [
    ["agent", nameOf(agent)],
    ["id", agent.id],
    ["provider", agent.provider],
    ["status", { text: agent.status, ...given({ style }) }],
    ["because", `${agent.cause.detail} (${agent.cause.source})`],
    ["doing", doingOf(agent, asked[0])],
    ["process", agent.process],
    ...turnFacts(agent),
    ...asked.map((each) => [`asks ${each.id}`, each.title] as const),
    ...limitFacts(agent),
    ["queue", `${agent.queuedInputs} ${agent.held ? "held: agent-harness inputs release" : "queued"}`],
    ...(agent.backgroundTasks === 0 ? [] : [["background", `${agent.backgroundTasks} tasks`] as const]),
    ...usageFacts(agent),
    ...verifyFacts(agent),
    ...(await resultFacts(client, agent)),
    ...budgetFacts(agent),
    ["model", agent.model ?? "the provider's"],
    ["permissions", agent.permissions ?? "the project's or the provider's"],
    ...(agent.env.length === 0 ? [] : [["variables", agent.env.join(" ")] as const]),
    ...(agent.webhook === null ? [] : [["webhook", agent.webhook.url] as const]),
    ...Object.entries(agent.metadata).map(([key, value]) => [`metadata.${key}`, value] as const),
    ["session", agent.session ?? "none yet"],
    ["made", agent.createdAt],
    ["take over", `agent-harness attach ${nameOf(agent)}`],
  ]);
  return EXIT.ok;
}

function limitFacts({ limit }: AgentShape): readonly (readonly [string, string])[] {
  if (limit === undefined) return [];
  const { account, scope, message, resumesAt, guessed, attempts } = limit;
  return [
    ["account", `${account}, ${scope}: ${message}`],
    ["goes on", `${resumesAt}${guessed ? " (guessed)" : ""}${attempts === 0 ? "" : `, tried ${attempts} times`}`],
  ];
}

function turnFacts({ turn }: AgentShape): readonly (readonly [string, string | Cell])[] {
  if (turn === null) return [["turn", "none yet"]];
  const took = clockTime((turn.endedAt === null ? Date.now() : Date.parse(turn.endedAt)) - Date.parse(turn.startedAt));
  const facts: (readonly [string, string | Cell])[] = [
    [
      "turn",
      `${turn.id}, ${turn.outcome ?? "running"}, ${took}${turn.origin === "input" ? "" : `, began by ${turn.origin}`}`,
    ],
  ];
  if (turn.error) facts.push(["error", { text: `${turn.error.code}: ${turn.error.message}`, style: "red" }]);
  return facts;
}

function verifyFacts({ verify, turn }: AgentShape): readonly (readonly [string, string | Cell])[] {
  const said = turn?.verify;
  return [
    ...(verify === undefined ? [] : [["verify", commandText(verify)] as const]),
    ...(said ? [["check", { text: verifiedWords(said), style: said.passed ? "green" : "red" }] as const] : []),
  ];
}

/** The newest, where it is asked for one. */
async function resultFacts(client: Client, agent: AgentShape): Promise<readonly (readonly [string, string])[]> {
  if (agent.result === undefined) return [];
  try {
    const answer = await client.call(`/api/v1${pathOf(agent)}/result`);
    return [["result", isObject(answer) ? JSON.stringify(answer["result"]) : ""]];
  } catch (error) {
    if (error instanceof HarnessError && error.code === "RESULT_NOT_FOUND") return [["result", "none yet"]];
    throw error;
  }
}

function usageFacts({ usage }: AgentShape): readonly (readonly [string, Cell])[] {
  const tokens = tokensOf(usage);
  return [
    ...(tokens === null ? [] : [["tokens", { text: count(tokens), raw: String(tokens) }] as const]),
    ...(usage.costUsd === undefined
      ? []
      : [["cost", { text: money(usage.costUsd), raw: String(usage.costUsd) }] as const]),
  ];
}

function budgetFacts({ standings = [] }: AgentShape): readonly (readonly [string, Cell])[] {
  return standings.map(({ scope, key, limit, used, unpricedTokens = 0 }) => [
    scope === "day" ? "day's budget" : "budget",
    {
      text: `${spentWords(key, used)} of ${spentWords(key, limit)}${unpricedWords(unpricedTokens)}`,
      raw: `${key} ${used} ${limit}`,
      ...(used < limit ? {} : { style: "red" as const }),
    },
  ]);
}
