/** One agent's row: its shape and word, its name, what it does, since when, its last hour, what it has cost. */
import { attr, h, setText, svg } from "./dom.ts";
import type { Row } from "./dom.ts";
import { age, running, spent } from "./format.ts";
import { busyMinutes, hourPath, setShape } from "./icons.ts";
import { changedAt, doingNow, isBusy, isStalled, lookOf, nameOf, wordOf } from "./looks.ts";
import { agentHash } from "./route.ts";
import type { Agent } from "./shapes.ts";
import type { Store } from "./store.ts";
import { isConnected } from "./store.ts";
import type { Ticker } from "./ticker.ts";

/** What a row shows beside its agent. */
export interface Shown {
  readonly agent: Agent;
  readonly unseen: boolean;
  /** Of the permission it waits for. */
  readonly title: string | null;
  readonly query: string;
  readonly hour: readonly number[] | undefined;
}

export function createAgentRow({ project, id }: Agent, store: Store, ticker: Ticker): Row<Shown> {
  const holder = h("span", { class: "shape" });
  const word = h("span");
  const status = h("span", { class: "status" }, holder, word);
  const name = h("span", { class: "cut nm" });
  const doing = h("span", { class: "cut dim doing" });
  const since = h("span", { class: "num r" });
  const path = svg("path");
  const hour = svg("svg", { class: "sp", viewBox: "0 0 120 20", preserveAspectRatio: "none", role: "img" }, path);
  const cost = h("span", { class: "num r cost" });
  const element = h(
    "a",
    { class: "row", href: agentHash({ project, id }), "data-agent": id },
    status,
    name,
    doing,
    since,
    hour,
    cost,
  );
  let now: Shown | null = null;

  const tick = (): void => {
    if (now === null || (!isConnected(store) && since.textContent !== "")) return; // frozen: nobody knows
    const { agent, title, query } = now;
    const open = isBusy(agent) && agent.turn !== null && agent.turn.endedAt === null;
    setText(since, open ? running(store.now() - (agent.turn?.startedAt ?? 0)) : age(store.now() - changedAt(agent)));
    if (isStalled(agent)) marked(doing, doingNow(agent, title, store.now()), query);
  };

  const patch = (shown: Shown): void => {
    const before = now;
    now = shown;
    const { agent, unseen, title, query } = shown;
    if (before?.hour !== shown.hour) patchHour(shown.hour ?? []);
    if (before?.agent === agent && before.unseen === unseen && before.title === title && before.query === query) return;
    const look = lookOf(agent.status);
    setShape(holder, look);
    attr(status, "class", `status s-${look}`);
    setText(word, wordOf(agent, unseen));
    marked(name, nameOf(agent), query);
    if (unseen) name.append(h("span", { class: "unseen" }, "new"));
    attr(element, "class", unseen ? "row new" : "row");
    const line = doingNow(agent, title, store.now());
    marked(doing, line, query);
    attr(doing, "title", line);
    setText(cost, spent(agent.usage));
    tick();
  };

  const patchHour = (minutes: readonly number[]): void => {
    attr(path, "d", hourPath(minutes));
    attr(hour, "aria-label", `busy for ${busyMinutes(minutes)} of the last 60 minutes`);
  };

  patchHour([]);
  const stop = ticker.each(tick);
  return { element, patch, close: stop };
}

/** Text with the first place that the search found, marked. */
export function marked(element: Element, text: string, query: string): void {
  const at = query === "" ? -1 : text.toLowerCase().indexOf(query);
  if (at === -1) return setText(element, text);
  const end = at + query.length;
  element.replaceChildren(text.slice(0, at), h("mark", {}, text.slice(at, end)), text.slice(end));
}
