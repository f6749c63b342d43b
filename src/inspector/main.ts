/** Starts the page: token, connection, bar, keys, and the page that the address names. */
import { createAnnouncer } from "./announce.ts";
import type { AppContext, Page } from "./app.ts";
import { createBar } from "./bar.ts";
import type { Client } from "./client.ts";
import { createClient } from "./client.ts";
import type { Source } from "./connection.ts";
import { createLink } from "./connection.ts";
import { attr, h } from "./dom.ts";
import { createDrafts } from "./drafts.ts";
import type { Filter } from "./filter.ts";
import type { FleetWatch } from "./fleet-watch.ts";
import type { KeyName } from "./keys.ts";
import { listenForKeys } from "./keys.ts";
import { createNotifier, createNotifyLine } from "./notify.ts";
import { createOverview } from "./overview.ts";
import { createRefresh } from "./refresh.ts";
import type { Route } from "./route.ts";
import { agentHash, go, parseRoute, routeKey } from "./route.ts";
import { createSeen } from "./seen.ts";
import { createStore } from "./store.ts";
import { createTicker } from "./ticker.ts";
import { createTokenKeeper } from "./token.ts";
import { nodeIn } from "./place.ts";

/** The server's clock has whole seconds: a smaller difference says nothing. */
const CLOCK_SLACK_MS = 2000;
const LOOK_MS = 60_000;

/** The styles of everything but the first page. A page that comes without them is still one that can be read. */
let styles: Promise<unknown> | undefined;
function loadStyles(): Promise<unknown> {
  return (styles ??= new Promise((done) => {
    const link = h("link", { rel: "stylesheet", href: "/inspect/later.css", on: { load: done, error: missed } });
    function missed(event: unknown): void {
      link.remove();
      styles = undefined; // tried again by the next that needs them
      done(event);
    }
    document.head.append(link);
  }));
}

const store = createStore();
const keeper = createTokenKeeper();
const clientOf = (node: string | null): Client =>
  createClient({
    node,
    token: keeper.get,
    onUnauthorized: keeper.clear,
    onServerTime(ms) {
      const offset = ms - Date.now();
      store.offsetMs = Math.abs(offset) > CLOCK_SLACK_MS ? offset : 0;
    },
  });
const node = nodeIn(location.search);
const client = clientOf(node);
const refresh = createRefresh(store, client);

/** What is known of the other boxes: nothing of it is loaded, and nobody asked, where there is no fleet. */
let fleet: Promise<FleetWatch> | undefined;
async function loadFleet(): Promise<FleetWatch> {
  const { createBoxes, createFleetWatch } = await import("./fleet-join.ts");
  const keepWhileHidden = (): boolean => link.keepWhileHidden;
  const watch = createFleetWatch({
    store,
    home: clientOf(null),
    node,
    keepWhileHidden,
    onWaiting: (permission) => notifier.waits(permission),
  });
  createBoxes(bar.boxes, watch, node);
  nav.append(navLink(["fleet", "#/fleet", "Fleet"]));
  void watch.look();
  return watch;
}
const joinFleet = (): Promise<FleetWatch> =>
  (fleet ??= loadFleet().catch((error: unknown) => {
    fleet = undefined; // not connected: the next that needs it tries again
    throw error;
  }));
const sourceOf = async (name: string): Promise<Source> => {
  const [{ createSource }, watch] = await Promise.all([import("./fleet-join.ts"), joinFleet()]);
  return createSource(watch, store, clientOf(null), name);
};

const link = createLink({ store, client, refresh, node, source: node === null ? null : () => sourceOf(node) });
const filter: Filter = { looks: new Set(), query: "" };
const seen = createSeen(store, node);
const app: AppContext = {
  store,
  node,
  client,
  clientOf,
  link,
  refresh,
  ticker: createTicker(store),
  seen,
  filter,
  drafts: createDrafts(),
  loadStyles,
};

const bar = createBar({
  ...app,
  onFilter: () => store.mark("agents"),
  onTryNow: link.tryNow,
  onCommands: () => void openCommands(),
});
const icon = h("link", { rel: "icon", href: "/inspect/calm.svg" });
const notifier = createNotifier(store, link, seen, icon);
const notifyLine = createNotifyLine(store, notifier);
const holder = h("div", { class: "page" });
const navLink = ([page, href, label]: readonly [page: string, href: string, label: string]): HTMLElement =>
  h("a", { href, "data-page": page }, label);
const nav = h(
  "nav",
  { class: "nav", "aria-label": "Pages" },
  navLink(["overview", "#/", "Agents"]),
  navLink(["new", "#/new", "New"]),
  navLink(["webhooks", "#/webhooks", "Webhooks"]),
);

let page: Page | null = null;
let shown = "";
/** Where each page was scrolled to. */
const places = new Map<string, number>();

async function make(route: Route): Promise<Page> {
  if (route.page !== "overview") await loadStyles();
  switch (route.page) {
    case "overview":
      return createOverview(app);
    case "agent":
      return (await import("./agent.ts")).createAgentPage(app, route);
    case "new":
      return (await import("./create.ts")).createNewPage(app, route.project, joinFleet);
    case "webhooks":
      return (await import("./webhooks.ts")).createWebhooks(app, route.id);
    case "keys":
      return (await import("./help.ts")).createHelp();
    case "fleet":
      return (await import("./fleet.ts")).createFleetPage(app, await joinFleet());
  }
}

/** A page whose part could not be fetched says so, and comes when the daemon is there again. */
function createMissing(): Page {
  const words = "This could not be loaded: the daemon cannot be reached. It comes when the connection is back.";
  const stop = store.on(["connection"], () => {
    if (store.connection.is !== "live") return;
    shown = "";
    void show();
  });
  return {
    element: h("main", { class: "plain-page", id: "main" }, h("p", { class: "empty" }, words)),
    title: null,
    close: stop,
  };
}

async function show(): Promise<void> {
  const route = parseRoute(location.hash);
  const key = routeKey(route);
  if (key === shown && page !== null) return page.navigate?.(route);
  places.set(shown, scrollY);
  shown = key;
  const made = await make(route).catch(createMissing);
  if (shown !== key) return made.close(); // the person was faster
  page?.close();
  page = made;
  holder.replaceChildren(made.element);
  if (route.page === "overview") made.element.querySelector("#needs")?.after(notifyLine.element);
  document.documentElement.classList.toggle("inside-agent", route.page === "agent");
  bar.setInside(route.page !== "overview");
  for (const each of nav.querySelectorAll("a"))
    attr(each, "aria-current", each.dataset["page"] === route.page ? "page" : null);
  notifier.setTitle(made.title);
  scrollTo(0, places.get(key) ?? 0);
}

let question: Promise<{ ask(message: string | null): void }> | undefined;
async function askForToken(message: string | null): Promise<void> {
  question ??= import("./token-question.ts").then(({ createTokenQuestion }) =>
    createTokenQuestion(keeper, client, () => link.tryNow()),
  );
  (await question).ask(message);
}

async function openCommands(): Promise<void> {
  const loaded = await Promise.all([import("./palette.ts"), loadStyles()]).catch(() => null);
  if (loaded === null) return; // not connected: the bar says so
  const [{ openPalette }] = loaded;
  const quiet = notifier.state() === "on";
  openPalette(app, [
    ...(fleet === undefined ? [] : [{ label: "Fleet", run: () => go("#/fleet") }]),
    {
      label: quiet ? "Turn notifications off" : "Turn notifications on",
      run: () => (quiet ? notifier.turnOff() : void notifier.turnOn()),
    },
    { label: "Mark all as seen", run: seen.seeAll },
    ...(keeper.get() === null
      ? []
      : [
          {
            label: "Forget token",
            run() {
              keeper.clear();
              location.reload();
            },
          },
        ]),
  ]);
}

/** The agent that has waited longest, but the one on screen. */
function nextThatNeeds(): boolean {
  const route = parseRoute(location.hash);
  const here = route.page === "agent" ? route.id : "";
  const waits = [...store.permissions.values()]
    .filter((each) => each.state === "pending")
    .sort((a, b) => a.createdAt - b.createdAt)
    .map(({ agent }) => store.agents.get(agent));
  const failed = [...store.agents.values()].filter(
    (each) => (each.status === "error" || each.status === "exited") && seen.isUnseen(each),
  );
  const ids = [...waits, ...failed].flatMap((agent) => agent ?? []);
  const after = ids.findIndex(({ id }) => id === here);
  const next = ids.slice(after + 1).find(({ id }) => id !== here) ?? ids.find(({ id }) => id !== here);
  if (next !== undefined) go(agentHash(next));
  return next !== undefined;
}

function act(name: KeyName): boolean {
  switch (name) {
    case "search":
      bar.search.focus();
      return true;
    case "palette":
      void openCommands();
      return true;
    case "overview":
      go("#/");
      return true;
    case "webhooks":
      go("#/webhooks");
      return true;
    case "new":
      go("#/new");
      return true;
    case "fleet":
      if (fleet !== undefined) go("#/fleet");
      return fleet !== undefined;
    case "help":
      go("#/keys");
      return true;
    case "next":
      return nextThatNeeds();
    default:
      return page?.key?.(name) ?? false;
  }
}

document.head.append(
  h("link", { rel: "manifest", href: "/inspect/app.webmanifest" }),
  h("link", { rel: "apple-touch-icon", href: "/inspect/icon-192.png" }),
  icon,
);
// The hash is the page's address, so a skip link moves the focus by hand.
const skip = h("a", { class: "skip", href: "#/" }, "To the content");
skip.addEventListener("click", (event) => {
  event.preventDefault();
  const target = document.querySelector<HTMLElement>("#list, #log, #main");
  target?.setAttribute("tabindex", "-1");
  target?.focus();
});
document.body.append(skip, bar.element, holder, nav, createAnnouncer(store));
store.onMark((topic) => {
  if (topic === "totals" && store.totals?.fleet === true) joinFleet().catch(() => undefined);
  if (topic === "connection" && store.connection.is === "token") void askForToken(store.connection.message);
});
addEventListener("hashchange", () => void show());
listenForKeys(act);

let lookedAt = 0;
app.ticker.each(() => {
  if (document.hidden || Date.now() - lookedAt < LOOK_MS) return;
  lookedAt = Date.now();
  seen.look();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden && store.loaded) seen.look();
});
void show();
link.start();
