/**
 * The list of agents by project. Rows are patched, never rebuilt; while the pointer or the focus is in the list,
 * nothing changes its place, and a button says how many would.
 */
import type { Filter } from "./filter.ts";
import { attr, createKeyed, h, setText } from "./dom.ts";
import type { Row } from "./dom.ts";
import { count } from "./format.ts";
import type { Shown } from "./list-row.ts";
import { createAgentRow } from "./list-row.ts";
import { doingNow, lookOf, nameOf, urgency } from "./looks.ts";
import type { Seen } from "./seen.ts";
import type { Agent, Project } from "./shapes.ts";
import type { Store } from "./store.ts";
import type { Ticker } from "./ticker.ts";

export interface ListOptions {
  readonly store: Store;
  readonly ticker: Ticker;
  readonly seen: Seen;
  readonly filter: Filter;
}

export interface AgentList {
  readonly element: HTMLElement;
  update(): void;
  /** The next of the orders: urgency, name, newest, cost. */
  cycleSort(): void;
  close(): void;
}

interface Group {
  readonly project: Project;
  readonly rows: readonly Shown[];
}

const SORTS = ["urgency", "name", "newest", "cost"] as const;
type Sort = (typeof SORTS)[number];

/** From so many agents on, a project in which nothing is going on starts folded. */
const FOLD_FROM = 20;

let sort: Sort = "urgency";
/** What the person folded or unfolded, for as long as the page lives. */
const folded = new Map<string, boolean>();

export function createList({ store, ticker, seen, filter }: ListOptions): AgentList {
  const groups = h("div", { class: "groups" });
  const summary = h("span", { class: "dim" });
  const sorted = h("button", { class: "quiet small", title: "Sort by something else (s)", on: { click: cycle } });
  const again = h("button", { class: "small", hidden: true, on: { click: release } });
  const empty = h("p", { class: "empty", hidden: true });
  const element = h(
    "section",
    { class: "list", "aria-label": "Agents", id: "list", tabindex: "-1" },
    h("div", { class: "list-head" }, summary, again, sorted),
    groups,
    empty,
  );
  /** Ids in the order in which they stand, by project; the projects too. */
  let shownOrder = new Map<string, readonly string[]>();
  let held = false;

  function cycle(): void {
    sort = SORTS[(SORTS.indexOf(sort) + 1) % SORTS.length] ?? "urgency";
    shownOrder = new Map();
    update();
  }
  function release(): void {
    shownOrder = new Map();
    update();
  }
  const hold = (): void => {
    held = element.matches(":hover") || groups.contains(document.activeElement);
    if (!held) update();
  };
  element.addEventListener("pointerenter", () => (held = true));
  element.addEventListener("pointerleave", hold);
  element.addEventListener("focusin", () => (held = true));
  element.addEventListener("focusout", () => setTimeout(hold));

  const keyed = createKeyed<Group>(groups, { key: ({ project }) => project.name, make: (group) => makeGroup(group) });

  const makeGroup = ({ project }: Group): Row<Group> => {
    const { name } = project;
    const place = h("span", { class: "cut dim" });
    const idle = h("span", { class: "dim" });
    const toggle = h("button", { class: "quiet fold-mark", "aria-label": `Fold ${name}` });
    const rows = h("div", { class: "rows" });
    const head = h(
      "div",
      { class: "grp" },
      toggle,
      h("b", {}, name),
      place,
      idle,
      h(
        "a",
        { class: "small add", href: `#/new?project=${encodeURIComponent(name)}`, title: `New agent in ${name}` },
        "+ agent",
      ),
    );
    const row = createKeyed<Shown>(rows, {
      key: ({ agent }) => agent.id,
      make: ({ agent }) => createAgentRow(agent, store, ticker),
    });
    let now: Group | null = null;
    const patch = (group: Group): void => {
      now = group;
      const closed = isFolded(group);
      setText(place, `${group.project.cwd}${group.project.trusted ? " · trusted" : ""}`);
      setText(idle, closed ? `${group.rows.length} idle` : "");
      setText(toggle, closed ? "▸" : "▾");
      attr(toggle, "aria-expanded", String(!closed));
      rows.hidden = closed;
      row.update(closed ? [] : group.rows);
    };
    toggle.addEventListener("click", () => {
      if (now === null) return;
      folded.set(name, !isFolded(now));
      patch(now);
    });
    return { element: h("section", { class: "group", "aria-label": name }, head, rows), patch };
  };

  const isFolded = ({ project, rows }: Group): boolean => {
    if (filter.query !== "" || filter.looks.size > 0) return false;
    const quiet = store.agents.size >= FOLD_FROM && rows.every(({ agent, unseen }) => urgency(agent, unseen) === 6);
    return folded.get(project.name) ?? (quiet && rows.length > 0);
  };

  const wanted = (): Group[] => {
    const titles = new Map<string, string>();
    for (const each of store.permissions.values())
      if (each.state === "pending" && !titles.has(each.agent)) titles.set(each.agent, each.title);
    const byProject = new Map<string, Shown[]>();
    for (const name of store.projects.keys())
      if (filter.query === "" && filter.looks.size === 0) byProject.set(name, []);
    for (const agent of store.agents.values()) {
      const title = titles.get(agent.id) ?? null;
      if (!matches(agent, title)) continue;
      const shown = {
        agent,
        unseen: seen.isUnseen(agent),
        title,
        query: filter.query,
        hour: store.hours.get(agent.id),
      };
      const rows = byProject.get(agent.project);
      if (rows === undefined) byProject.set(agent.project, [shown]);
      else rows.push(shown);
    }
    for (const rows of byProject.values()) rows.sort(compare);
    return [...byProject]
      .sort(([a, x], [b, y]) => compareGroups(x, y) || a.localeCompare(b))
      .map(([name, rows]) => ({
        project: store.projects.get(name) ?? { name, cwd: "", trusted: false, provider: null },
        rows,
      }));
  };

  const matches = (agent: Agent, title: string | null): boolean => {
    if (filter.looks.size > 0 && !filter.looks.has(lookOf(agent.status))) return false;
    if (filter.query === "") return true;
    const { id, name, project, provider, model } = agent;
    return [id, name, project, provider, model, doingNow(agent, title, 0)].some((each) =>
      each?.toLowerCase().includes(filter.query),
    );
  };

  function update(): void {
    const groupsWanted = wanted();
    const { kept, moved } = held ? keepOrder(groupsWanted, shownOrder) : { kept: groupsWanted, moved: 0 };
    shownOrder = new Map(kept.map(({ project, rows }) => [project.name, rows.map(({ agent }) => agent.id)]));
    keyed.update(kept);
    again.hidden = moved === 0;
    setText(again, `${moved} moved: sort again`);
    const n = kept.reduce((sum, { rows }) => sum + rows.length, 0);
    setText(summary, n === store.agents.size ? count(n, "agent") : `${n} of ${count(store.agents.size, "agent")}`);
    setText(sorted, `by ${sort}`);
    empty.hidden = !store.loaded || n > 0;
    setText(empty, store.agents.size === 0 ? "No agent yet." : "No agent matches. Esc clears the search.");
  }

  const stops = [store.on(["agents", "permissions", "projects", "seen"], update)];
  return { element, update, cycleSort: cycle, close: () => stops.forEach((stop) => stop()) };
}

/** The rows in the order in which they stand; newcomers behind them. `moved`: how many would stand elsewhere. */
function keepOrder(
  wanted: readonly Group[],
  shown: ReadonlyMap<string, readonly string[]>,
): { kept: Group[]; moved: number } {
  const place = (known: readonly string[], id: string): number => {
    const at = known.indexOf(id);
    return at === -1 ? Number.MAX_SAFE_INTEGER : at;
  };
  const projects = [...shown.keys()];
  let moved = 0;
  const kept = wanted
    .map((group) => {
      const known = shown.get(group.project.name) ?? [];
      const rows = [...group.rows].sort((a, b) => place(known, a.agent.id) - place(known, b.agent.id));
      moved += rows.filter(({ agent }, i) => group.rows[i]?.agent.id !== agent.id).length;
      return { project: group.project, rows };
    })
    .sort((a, b) => place(projects, a.project.name) - place(projects, b.project.name));
  if (moved === 0) moved = kept.filter(({ project }, i) => wanted[i]?.project.name !== project.name).length;
  return { kept, moved };
}

function compare(a: Shown, b: Shown): number {
  const x = a.agent;
  const y = b.agent;
  switch (sort) {
    case "name":
      return nameOf(x).localeCompare(nameOf(y));
    case "newest":
      return y.createdAt - x.createdAt || (x.id < y.id ? -1 : 1);
    case "cost":
      return cost(y) - cost(x) || nameOf(x).localeCompare(nameOf(y));
    case "urgency":
      return urgency(x, a.unseen) - urgency(y, b.unseen) || changed(y) - changed(x) || (x.id < y.id ? -1 : 1);
  }
}

const changed = ({ cause, updatedAt }: Agent): number => cause.at ?? updatedAt;

const cost = ({ usage }: Agent): number => usage.costUsd ?? ((usage.input ?? 0) + (usage.output ?? 0)) / 1e6;

/** Projects by their most urgent agent; those without agents last. */
function compareGroups(a: readonly Shown[], b: readonly Shown[]): number {
  if (sort !== "urgency") return 0;
  const best = (rows: readonly Shown[]): number =>
    rows.reduce((least, { agent, unseen }) => Math.min(least, urgency(agent, unseen)), 9);
  return best(a) - best(b);
}
