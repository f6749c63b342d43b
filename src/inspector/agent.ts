/** One agent's page: who it is, what it says, what it asks, and the box to answer it. */
import { wasTaken } from "./answer.ts";
import { createActions } from "./actions.ts";
import type { AppContext, Page } from "./app.ts";
import { createBox } from "./box.ts";
import type { Card } from "./card.ts";
import { createCard } from "./card.ts";
import { createConversation } from "./conversation.ts";
import type { Row } from "./dom.ts";
import { attr, createKeyed, h, setText } from "./dom.ts";
import { createFacts } from "./facts.ts";
import { age, count } from "./format.ts";
import { setShape } from "./icons.ts";
import { changedAt, lookOf, nameOf, wordOf } from "./looks.ts";
import { createQueue } from "./queue.ts";
import { createRail } from "./rail.ts";
import type { Route, Tab } from "./route.ts";
import { agentHash } from "./route.ts";
import type { Agent, Permission } from "./shapes.ts";
import type { createStanding } from "./standing.ts";
import { watchStillness } from "./still.ts";
import { permissionKey } from "./place.ts";

type AgentRoute = Extract<Route, { page: "agent" }>;

/** A tab beside the conversation: loaded when it is first shown. */
export interface View {
  readonly element: HTMLElement;
  close(): void;
}

const TABS: readonly (readonly [Tab, string])[] = [
  ["conversation", "Conversation"],
  ["changes", "Changes"],
  ["timeline", "Timeline"],
  ["why", "Why"],
  ["debug", "Debug"],
  ["facts", "Facts"],
];

export function createAgentPage(app: AppContext, first: AgentRoute): Page {
  const known = findAgent(app, first);
  return known === null ? createWaiting(app, first) : createKnown(app, known, first);
}

/** By id; by name, too, because that is what people write by hand. */
function findAgent({ store }: AppContext, { project, id }: AgentRoute): Agent | null {
  const byId = store.agents.get(id);
  if (byId !== undefined) return byId;
  return [...store.agents.values()].find((each) => each.project === project && each.name === id) ?? null;
}

/** The lists are not here yet, or there is no such agent (any more). */
function createWaiting(app: AppContext, route: AgentRoute): Page {
  const words = h("p", { class: "empty" });
  const element = h("main", { class: "plain-page", id: "main" }, words);
  let page: Page | null = null;
  const look = (): void => {
    if (page !== null) return;
    const agent = findAgent(app, route);
    if (agent !== null) {
      page = createKnown(app, agent, route);
      element.replaceWith(page.element);
    } else
      setText(
        words,
        app.store.loaded ? `There is no agent ${route.project}/${route.id} here (any more).` : "Looking …",
      );
  };
  const stop = app.store.on(["agents"], look);
  look();
  return {
    element,
    title: null,
    navigate: (next) => page?.navigate?.(next),
    key: (name) => page?.key?.(name) ?? false,
    close() {
      stop();
      page?.close();
    },
  };
}

function createKnown(app: AppContext, known: Agent, first: AgentRoute): Page {
  const { store, ticker, link, seen } = app;
  let agent = known;
  let route = first;
  let view: View | null = null;
  let viewTab: Tab | null = null;
  let standing: ReturnType<typeof createStanding> | null = null;
  let standingAsked = false;
  let closed = false;

  const holder = h("span", { class: "shape" });
  const word = h("span");
  const since = h("span", { class: "dim num" });
  const status = h("span", {}, holder, word);
  const title = h("h1", {});
  const over = h("div", { class: "over" });
  const actions = createActions(app, known);
  const tabs = TABS.map(([tab, label]) => ({
    tab,
    link: h("a", { href: agentHash(known, tab), "data-tab": tab }, label),
  }));
  const conversation = createConversation(app, known, (text) => box.put(text));
  const cards = h("div", { class: "cards" });
  const moreCards = h("p", { class: "small-line dim", hidden: true });
  const queue = createQueue(app, known, (text) => box.put(text));
  const box = createBox(app, known, {
    onSent() {
      conversation.toEnd();
      void queue.load();
    },
    lastPrompt: queue.lastPrompt,
  });
  // What is being written is not handed on from box to box, only what is said.
  const afar =
    app.node !== null &&
    h("p", { class: "small-line dim afar" }, `It works on ${app.node}: its words come when a message is whole.`);
  const foot = h("div", { class: "foot" }, cards, moreCards, queue.element, box.element, afar);
  const panel = h("div", { class: "panel" });
  const facts = createFacts(app, known);
  const main = h(
    "main",
    { class: "conv", id: "main" },
    h("div", { class: "head" }, title, status, since, actions.element, actions.problem, over),
    h(
      "nav",
      { class: "tabs", "aria-label": "Views" },
      tabs.map((each) => each.link),
    ),
    panel,
    foot,
  );
  const rail = createRail(app, known.id);
  const element = h("div", { class: "agent" }, rail.element, main);
  const still = watchStillness(cards);
  let shownCards = "";

  /** Where there is room the facts stand beside, else they are a tab. */
  const wide = matchMedia("(min-width: 1100px)");
  const placeFacts = (): void => {
    if (wide.matches) element.append(facts.element);
    else facts.element.remove();
    if (route.tab === "facts") viewTab = null;
    void show();
  };
  wide.addEventListener("change", placeFacts);

  const open: Card[] = [];
  const keyed = createKeyed<Permission>(cards, {
    key: ({ id }) => id,
    make(permission): Row<Permission> {
      const card = createCard({
        app,
        permission,
        still,
        linked: false,
        onClose() {
          store.permissions.delete(permissionKey(permission.agent, permission.id));
          update();
        },
      });
      open.push(card);
      return {
        ...card,
        close() {
          card.close?.();
          open.splice(open.indexOf(card), 1);
        },
      };
    },
  });

  const tick = (): void => {
    if (store.connection.is === "live" || since.textContent === "") setText(since, age(store.now() - changedAt(agent)));
  };

  const update = (): void => {
    const next = store.agents.get(known.id);
    if (next === undefined) {
      setText(word, "Deleted");
      box.field.disabled = true;
      return;
    }
    agent = next;
    const look = lookOf(agent.status);
    setShape(holder, look);
    attr(status, "class", `status s-${look}`);
    setText(word, wordOf(agent, true));
    setText(title, `${agent.project}/${nameOf(agent)}`);
    actions.patch(agent);
    box.patch(agent);
    facts.patch(agent);
    for (const each of tabs) if (each.tab === "changes") each.link.hidden = !agent.keepsWork;
    standing?.patch(agent);
    if (!standingAsked && hasStanding(agent)) void loadStanding();
    const mine = [...store.permissions.values()]
      .filter((each) => each.agent === agent.id && each.node === null)
      .sort((a, b) => a.createdAt - b.createdAt || a.id.length - b.id.length || (a.id < b.id ? -1 : 1));
    const pending = mine.filter((each) => each.state === "pending");
    // The oldest is open; one that was settled elsewhere while it was looked at stays until it is let go.
    const current =
      mine.find((each) => each.state !== "pending" && keyed.get(each.id) !== undefined && !wasTaken(each)) ??
      pending[0];
    const keys = current?.id ?? "";
    if (keys !== shownCards) still.disturb();
    shownCards = keys;
    keyed.update(current === undefined ? [] : [current]);
    foot.classList.toggle("with-card", current !== undefined);
    const others = pending.filter((each) => each !== current).length;
    moreCards.hidden = others === 0;
    setText(moreCards, `${count(others, "more request")} behind this one`);
    if (!document.hidden) seen.see(agent);
    tick();
  };

  const loadStanding = async (): Promise<void> => {
    standingAsked = true;
    const made = (await import("./standing.ts")).createStanding(app, agent);
    if (closed) return made.close();
    standing = made;
    over.append(made.element);
    made.patch(agent);
  };

  const show = async (): Promise<void> => {
    const tab = route.tab === "facts" && wide.matches ? "conversation" : route.tab;
    for (const each of tabs) attr(each.link, "aria-current", each.tab === tab ? "page" : null);
    foot.hidden = tab !== "conversation";
    if (viewTab === tab) return;
    viewTab = tab;
    view?.close();
    view = null;
    if (tab === "conversation") {
      panel.replaceChildren(conversation.element);
      return;
    }
    if (tab === "facts") {
      panel.replaceChildren(facts.element);
      return;
    }
    panel.replaceChildren(h("p", { class: "empty" }, "Loading …"));
    const made = await load(tab).catch(() => null);
    if (viewTab !== tab) return made?.close();
    if (made === null) {
      const words = "This could not be loaded: the daemon cannot be reached. It comes when the connection is back.";
      panel.replaceChildren(h("p", { class: "empty" }, words));
      viewTab = null;
      return;
    }
    view = made;
    panel.replaceChildren(made.element);
  };

  const load = async (tab: Exclude<Tab, "conversation" | "facts">): Promise<View> => {
    switch (tab) {
      case "changes":
        return (await import("./changes.ts")).createChanges(app, agent);
      case "timeline":
        return (await import("./timeline.ts")).createTimeline(app, agent, route.event);
      case "why":
        return (await import("./why.ts")).createWhy(app, agent);
      case "debug":
        return (await import("./debug.ts")).createDebug(app, agent);
    }
  };

  const stops = [
    store.on(["agents", "permissions", "providers"], update),
    ticker.each(tick),
    link.onEvent((event) => {
      if (event.data["agent"] !== known.id) return;
      conversation.take(event);
      if (event.type === "input") void queue.load();
    }),
    link.onReload((cut) => {
      if (viewTab === null) void show();
      void conversation.reload(cut);
      void queue.load();
    }),
    () => wide.removeEventListener("change", placeFacts),
    rail.close,
    facts.close,
    still.close,
    () => keyed.update([]),
  ];
  update();
  placeFacts();
  void conversation.open(first.message);
  void queue.load();
  link.follow(known.id);

  return {
    element,
    title: nameOf(known),
    navigate(next) {
      if (next.page !== "agent") return;
      const before = route;
      route = next;
      void show();
      if (next.message !== null && next.message !== before.message) void conversation.open(next.message);
    },
    key(name) {
      if (route.tab !== "conversation") return false;
      switch (name) {
        case "allow":
          open[0]?.allow();
          return open.length > 0;
        case "deny":
          open[0]?.deny();
          return open.length > 0;
        case "box":
          box.field.focus();
          return true;
        case "end":
          conversation.toEnd();
          return true;
        case "before":
          conversation.jump(-1);
          return true;
        case "behind":
          conversation.jump(1);
          return true;
        case "fold":
          conversation.foldTools();
          return true;
        case "abort":
          actions.abort();
          return true;
        default:
          return false;
      }
    },
    close() {
      closed = true;
      link.follow(null);
      view?.close();
      standing?.close();
      conversation.close();
      for (const stop of stops) stop();
    },
  };
}

/** Something stands over it that its status alone does not say. */
function hasStanding({ limit, budgeted, turn }: Agent): boolean {
  const code = turn?.error?.code;
  return (
    budgeted || limit !== undefined || turn?.verify !== undefined || code === "BILLING" || code === "AUTH_REQUIRED"
  );
}
