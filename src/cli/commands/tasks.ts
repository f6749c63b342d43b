/** `tasks`: the fleet's pool; `show`, `cancel`, `reassign`. */
import { EXIT } from "../../words/exits.ts";
import type { Style } from "../colours.ts";
import type { Context } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { ago } from "../figures.ts";
import { asJson } from "../print.ts";
import type { TaskShape } from "../shapes.ts";
import { member } from "../shapes.ts";
import { printFacts, printTable } from "../table.ts";
import { given } from "../../lib/given.ts";

const STYLES: Readonly<Record<string, Style>> = { done: "green", failed: "red", queued: "yellow" };
const at = (id: string): string => `/api/v1/fleet/tasks/${encodeURIComponent(id)}`;

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const query = new URLSearchParams({ limit: String(args.number("number") ?? 50) });
  if (args.all("state").length > 0) query.set("state", args.all("state").join(","));
  const answer = await context.client().call(`/api/v1/fleet/tasks?${query}`);
  if (asJson(context, answer)) return EXIT.ok;
  const now = Date.now();
  printTable(
    io.out,
    [
      { head: "TASK", whole: true },
      { head: "STATE" },
      { head: "PROJECT" },
      { head: "NODE" },
      { head: "AGE", right: true, dropAt: 1 },
      { head: "WHAT", shrinkTo: 16 },
    ],
    member(answer, "tasks").map((task) => [
      task.id,
      styled(task.state),
      task.project,
      whereOf(task),
      { text: ago(Math.max(0, now - Date.parse(task.createdAt))), raw: task.createdAt },
      whyOf(task),
    ]),
    "no tasks",
  );
  return EXIT.ok;
}

const styled = (state: string): { readonly text: string; readonly style?: Style } => {
  const style = STYLES[state];
  return { text: state, ...given({ style }) };
};

const whereOf = ({ holder, reach }: TaskShape): string =>
  holder === null ? "-" : reach === "lost" ? `${holder} (lost)` : holder;

const whyOf = ({ blockedBy, error, agent }: TaskShape): string =>
  blockedBy ?? error ?? (agent === null ? "" : `agent ${agent}`);

export async function show(context: Context): Promise<number> {
  const [id = ""] = context.args.words;
  return said(context, await context.client().call(at(id)));
}

export async function cancel(context: Context): Promise<number> {
  const [id = ""] = context.args.words;
  return said(context, await context.client().call(`${at(id)}/cancel`, { method: "POST" }));
}

export async function reassign(context: Context): Promise<number> {
  const [id = ""] = context.args.words;
  const what = "the box that has it may come back, and the task runs twice";
  if (!(await confirmed(context, what, "add --yes"))) return EXIT.ok;
  return said(context, await context.client().call(`${at(id)}/reassign`, { method: "POST" }));
}

function said(context: Context, answer: unknown): number {
  if (asJson(context, answer)) return EXIT.ok;
  const task = member(answer, "task");
  printFacts(context.io.out, [
    ["task", task.id],
    ["state", styled(task.state)],
    ["project", task.project],
    ["provider", task.provider ?? "-"],
    ["node", whereOf(task)],
    ["agent", task.agent ?? "-"],
    ["why", task.blockedBy ?? task.error ?? "-"],
    ...(task.superseded ?? []).map(
      ({ node, agent, outcome }) => ["superseded", `${node}, agent ${agent ?? "-"}: ${outcome}`] as const,
    ),
    ["put by", task.createdBy],
    ["created", task.createdAt],
    ["started", task.startedAt ?? "-"],
    ["ended", task.endedAt ?? "-"],
  ]);
  return EXIT.ok;
}
