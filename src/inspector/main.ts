/** Starts the page: token, connection, bar, and the page that the address names. */
import type { AppContext, Page } from "./app.ts";
import type { Filter } from "./bar.ts";
import { createBar } from "./bar.ts";
import { createClient } from "./client.ts";
import { createLink } from "./connection.ts";
import { h } from "./dom.ts";
import { createOverview } from "./overview.ts";
import { createRefresh } from "./refresh.ts";
import type { Route } from "./route.ts";
import { parseRoute, routeKey } from "./route.ts";
import { createSeen } from "./seen.ts";
import { createStore } from "./store.ts";
import { createTicker } from "./ticker.ts";
import { createTokenKeeper, createTokenQuestion } from "./token.ts";

const store = createStore();
const keeper = createTokenKeeper();
const client = createClient({
  token: keeper.get,
  onUnauthorized: keeper.clear,
  onServerTime: (ms) => (store.offsetMs = Math.abs(ms - Date.now()) > 2000 ? ms - Date.now() : 0),
});
const refresh = createRefresh(store, client);
const link = createLink({ store, client, refresh, extraTypes: [] });
const question = createTokenQuestion(keeper, client, () => link.tryNow());
const filter: Filter = { looks: new Set(), query: "" };
const app: AppContext = {
  store,
  client,
  link,
  refresh,
  ticker: createTicker(store),
  seen: createSeen(store),
  filter,
};

const bar = createBar({
  ...app,
  onFilter: () => store.mark("agents"),
  onTryNow: link.tryNow,
  onCommands: () => undefined,
});
const holder = h("div", { class: "page" });
let page: Page | null = null;
let shown = "";

function open(route: Route): Page {
  switch (route.page) {
    default:
      return createOverview(app);
  }
}

function show(): void {
  const route = parseRoute(location.hash);
  const key = routeKey(route);
  if (key === shown && page !== null) return page.navigate?.(route);
  page?.close();
  shown = key;
  page = open(route);
  holder.replaceChildren(page.element);
  bar.setInside(route.page === "agent");
}

document.head.append(
  h("link", { rel: "manifest", href: "/inspect/app.webmanifest" }),
  h("link", { rel: "apple-touch-icon", href: "/inspect/icon-192.png" }),
  h("link", { rel: "icon", href: "/inspect/calm.svg" }),
);
document.body.append(h("a", { class: "skip", href: "#list" }, "To the agents"), bar.element, holder);
store.onMark((topic) => {
  if (topic === "connection" && store.connection.is === "token") question.ask(store.connection.message);
});
addEventListener("hashchange", show);
show();
link.start();
