/**
 * What happened since the person last looked: how many turns ended and how, who still asks, whether the daemon was
 * away.
 */
import type { AppContext } from "./app.ts";
import { agentPath } from "./client.ts";
import { fill, h, setText } from "./dom.ts";
import { age, amount, clock, count, moment, money } from "./format.ts";
import { shape } from "./icons.ts";
import { nameOf } from "./looks.ts";
import { fields, text, time } from "./read.ts";
import { agentHash } from "./route.ts";
import type { Turn } from "./shapes.ts";
import { readAll, readTurn } from "./shapes.ts";

/** What asks for less than this is news, not history. */
const ASKS_MS = 60_000;
const NIGHT_MS = 4 * 3600_000;
const PAGE = 1000;
const MAX_PAGES = 10;
/** So many agents' turns are summed; of more the sum would cost more than it tells. */
const MAX_SUMMED = 40;
const NAMES = 3;

interface Ended {
  readonly agent: string;
  readonly turn: Turn;
}

/** Fills the section when there is something to tell. */
export async function fillSince(
  { store, client, seen }: AppContext,
  element: HTMLElement,
  from: number,
): Promise<void> {
  const load = async (): Promise<void> => {
    const ended = await endedSince(from);
    const failed = new Map<string, Ended>();
    const done = new Map<string, Ended>();
    const aborted = new Map<string, Ended>();
    for (const each of ended) {
      const by = each.turn.outcome === "completed" ? done : each.turn.outcome === "interrupted" ? aborted : failed;
      by.set(each.agent, each);
    }
    const asking = [...store.permissions.values()].filter(
      (each) => each.state === "pending" && each.createdAt < store.now() - ASKS_MS,
    );
    if (ended.length === 0 && asking.length === 0) return;
    const used = await usedBy(new Set(ended.map(({ agent }) => agent)), from);
    show(from, { failed, done, aborted, asking: new Set(asking.map(({ agent }) => agent)), turns: ended.length, used });
  };

  const endedSince = async (from: number): Promise<Ended[]> => {
    const found: Ended[] = [];
    let before = "";
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const { body } = await client.get(`/events?types=turn_ended&limit=${PAGE}${before}`);
      const events = readAll(body["events"], (each) => fields(each)).sort((a, b) => Number(a["id"]) - Number(b["id"]));
      for (const event of events) {
        const turn = readTurn(fields(event["data"])["turn"]);
        if ((time(event["at"]) ?? 0) > from && turn !== null) found.push({ agent: text(event["agent"]), turn });
      }
      const oldest = events[0];
      if (body["more"] !== true || oldest === undefined || (time(oldest["at"]) ?? 0) <= from) break;
      before = `&before=${Number(oldest["id"])}`;
    }
    return found;
  };

  const usedBy = async (agents: ReadonlySet<string>, from: number): Promise<string> => {
    if (agents.size > MAX_SUMMED) return "";
    let tokens = 0;
    let cost: number | null = null;
    for (const id of agents) {
      const agent = store.agents.get(id);
      if (agent === undefined) continue;
      const { body } = await client.get(`${agentPath(agent)}/turns?limit=200`);
      for (const { endedAt, usage } of readAll(body["turns"], readTurn)) {
        if (usage === null || (endedAt ?? 0) <= from) continue;
        tokens += (usage.input ?? 0) + (usage.output ?? 0);
        if (usage.costUsd !== null) cost = (cost ?? 0) + usage.costUsd;
      }
    }
    return `${tokens > 0 ? ` · ${amount(tokens)} tokens` : ""}${cost === null ? "" : ` · ${money(cost)}`}`;
  };

  const show = (
    from: number,
    {
      failed,
      done,
      aborted,
      asking,
      turns,
      used,
    }: {
      failed: ReadonlyMap<string, Ended>;
      done: ReadonlyMap<string, Ended>;
      aborted: ReadonlyMap<string, Ended>;
      asking: ReadonlySet<string>;
      turns: number;
      used: string;
    },
  ): void => {
    const now = store.now();
    const hour = new Date(now).getHours();
    const night = hour >= 5 && hour < 11 && now - from > NIGHT_MS;
    const startedAt = store.totals === null ? 0 : now - store.totals.uptimeSeconds * 1000;
    const line = (look: "idle" | "error" | "waiting", words: string, agents: Iterable<string>) =>
      h("li", {}, h("span", { class: `status s-${look}` }, shape(look), words), names([...agents]));
    const dismiss = h("button", { class: "small" });
    setText(dismiss, "Mark all as seen");
    dismiss.addEventListener("click", () => {
      seen.seeAll();
      element.hidden = true;
    });
    fill(
      element,
      h(
        "header",
        {},
        h("h2", { id: "since-title" }, night ? "While you slept" : "Since you last looked"),
        h("span", { class: "dim num" }, `${moment(from, now)}, ${age(now - from)} ago`),
      ),
      h(
        "ul",
        {},
        failed.size > 0 && line("error", `${failed.size} failed`, failed.keys()),
        asking.size > 0 && line("waiting", `${asking.size} still ${asking.size === 1 ? "asks" : "ask"}`, asking),
        done.size > 0 && line("idle", `${done.size} done`, done.keys()),
        aborted.size > 0 && line("idle", `${aborted.size} aborted`, aborted.keys()),
        startedAt > from && h("li", { class: "dim" }, `The daemon was started again at ${clock(startedAt)}.`),
        h("li", { class: "dim num" }, `${count(turns, "turn")}${used}`),
      ),
      dismiss,
    );
    element.hidden = false;
  };

  const names = (ids: readonly string[]): HTMLElement => {
    const known = ids.map((id) => store.agents.get(id)).filter((agent) => agent !== undefined);
    const shown = known
      .slice(0, NAMES)
      .flatMap((agent, i) => [
        i === 0 ? "" : ", ",
        h("a", { href: agentHash(agent) }, `${agent.project}/${nameOf(agent)}`),
      ]);
    const more = known.length - Math.min(NAMES, known.length);
    return h("span", { class: "names" }, shown, more > 0 ? ` and ${more} more` : "");
  };

  await load();
}
