/**
 * What happened since the person last looked, a line an agent, those that need a person first; each leads to its agent.
 * Says no more than the report does.
 */
import type { AppContext } from "./app.ts";
import { fill, h, setText } from "./dom.ts";
import { age, amount, clock, count, lasted, moment, money } from "./format.ts";
import { shape } from "./icons.ts";
import type { Look } from "./looks.ts";
import { visible } from "./plain.ts";
import type { Fields } from "./read.ts";
import { fields, isTrue, list, number, text, textOrNull, time } from "./read.ts";
import { agentHash } from "./route.ts";
import { readProblem, readUsage } from "./shapes.ts";
import type { Usage } from "./shapes.ts";

/** What asks for less than this is news, not history. */
const ASKS_MS = 60_000;
const NIGHT_MS = 4 * 3600_000;
/** So many lines stand open; with the rest folded it fits a screen. */
const LINES = 6;

interface Told {
  readonly look: Look;
  readonly word: string;
  readonly name: string;
  /** null: it is forgotten. */
  readonly href: string | null;
  readonly details: string;
}

/** Fills the section when there is something to tell. */
export async function fillSince(
  { store, client, seen }: AppContext,
  element: HTMLElement,
  from: number,
): Promise<void> {
  const { body } = await client.get(`/report?since=${encodeURIComponent(new Date(from).toISOString())}`);
  const now = store.now();
  const asks = new Set(
    [...store.permissions.values()]
      .filter((each) => each.state === "pending" && each.node === null && each.createdAt < now - ASKS_MS)
      .map(({ agent }) => agent),
  );
  const told = list(body["agents"]).flatMap((each) => tellOf(fields(each), asks) ?? []);
  if (told.length === 0) return;
  const hour = new Date(now).getHours();
  const night = hour >= 5 && hour < 11 && now - from > NIGHT_MS;
  const dismiss = h("button", { class: "small" });
  setText(dismiss, "Mark all as seen");
  dismiss.addEventListener("click", () => {
    seen.seeAll();
    element.hidden = true;
  });
  const rest = told.slice(LINES);
  const dead = list(body["dead"]).length;
  fill(
    element,
    h(
      "header",
      {},
      h("h2", { id: "since-title" }, night ? "While you slept" : "Since you last looked"),
      h("span", { class: "dim num" }, `${moment(from, now)}, ${age(now - from)} ago`),
    ),
    h("ul", {}, told.slice(0, LINES).map(line)),
    rest.length > 0 &&
      h("details", {}, h("summary", {}, `${rest.length} more: ${summed(rest)}`), h("ul", {}, rest.map(line))),
    list(body["restarts"]).map((each) => h("p", { class: "dim" }, restartLine(fields(each)))),
    dead > 0 && h("p", {}, h("a", { href: "#/webhooks?dead" }, `${count(dead, "webhook")} could not be delivered`)),
    h("p", { class: "dim num" }, used(fields(body["usage"]))),
    dismiss,
  );
  element.hidden = false;
}

/** null: nothing of it ended, and nothing of it waits. */
function tellOf(agent: Fields, asks: ReadonlySet<string>): Told | null {
  const { id, project, name, status } = agent;
  const turns = fields(agent["turns"]);
  const failed = number(turns["failed"]) + number(turns["lost"]);
  const aborted = number(turns["interrupted"]);
  const done = number(turns["completed"]);
  const limited = fields(agent["limited"]);
  const waits = fields(agent["waits"]);
  const open = number(waits["open"]) > 0 && asks.has(text(id));
  if (done + failed + aborted === 0 && !open && number(limited["times"]) === 0) return null;
  const isBad = status === "error" || status === "exited" || (status === null && failed > 0 && done === 0);
  const [look, word] = open
    ? (["waiting", "Asks"] as const)
    : isBad
      ? ([status === "exited" ? "exited" : "error", status === "exited" ? "Exited" : "Failed"] as const)
      : isTrue(limited["now"])
        ? (["limited", "Limited"] as const)
        : done === 0 && failed > 0
          ? (["error", "Failed"] as const)
          : done === 0 && aborted > 0
            ? (["idle", "Aborted"] as const)
            : (["idle", "Done"] as const);
  const place = { project: text(project), id: text(id) };
  return {
    look,
    word,
    name: `${textOrNull(project) === null ? "" : `${text(project)}/`}${textOrNull(name) ?? text(id)}`,
    href: status === null ? null : agentHash(place),
    details: detailsOf(agent, { turns: done + failed + aborted, failed, isBad, waitedMs: number(waits["ms"]) }),
  };
}

interface Sums {
  readonly turns: number;
  readonly failed: number;
  readonly isBad: boolean;
  readonly waitedMs: number;
}

function detailsOf(agent: Fields, { turns, failed, isBad, waitedMs }: Sums): string {
  const error = readProblem(agent["error"]);
  const checks = fields(agent["checks"]);
  const changes = agent["changes"] === null ? null : fields(agent["changes"]);
  const usage = readUsage(agent["usage"]);
  const bad = number(checks["failed"]);
  return [
    agent["status"] === null ? "deleted since" : "",
    isBad && error !== null ? error.code || error.message : "",
    turns > 1 ? `${turns} turns${failed > 0 && !isBad ? `, ${failed} failed` : ""}` : "",
    bad > 0 ? `${bad} of ${count(bad + number(checks["passed"]), "check")} failed` : "",
    changes === null
      ? ""
      : [
          count(number(changes["files"]), "file"),
          figure("+", changes["insertions"]),
          figure("−", changes["deletions"]),
        ].join(" "),
    waitedMs >= ASKS_MS ? `waited ${lasted(waitedMs)} for a person` : "",
    usage.costUsd !== null && usage.costUsd > 0 ? money(usage.costUsd) : "",
  ]
    .filter((each) => each !== "")
    .join(" · ");
}

const figure = (sign: string, n: unknown): string => `${sign}${number(n)}`;

function line({ look, word, name, href, details }: Told): HTMLElement {
  const parts = [
    h("span", { class: `status s-${look}` }, shape(look), word),
    h("b", { class: "cut" }, visible(name)),
    h("span", { class: "cut dim", title: details }, visible(details)),
  ];
  return h("li", {}, href === null ? h("span", { class: "told" }, parts) : h("a", { class: "told", href }, parts));
}

function summed(rest: readonly Told[]): string {
  const counts = new Map<string, number>();
  for (const { word } of rest) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, n]) => `${n} ${word.toLowerCase()}`).join(", ");
}

function restartLine({ at, lived, ended }: Fields): string {
  const [lives, ends] = [list(lived).length, list(ended).length];
  const agents = lives + ends === 0 ? "" : `: ${count(lives, "agent")} lived through it, ${ends} had ended`;
  return `The daemon was started again at ${clock(time(at) ?? 0)}${agents}.`;
}

function used(usage: Fields): string {
  const { input, output, costUsd }: Usage = readUsage(usage);
  const tokens = (input ?? 0) + (output ?? 0);
  return [
    count(number(usage["turns"]), "turn"),
    tokens > 0 ? `${amount(tokens)} tokens` : "",
    costUsd === null || costUsd === 0 ? "" : money(costUsd),
  ]
    .filter((each) => each !== "")
    .join(" · ");
}
