/** The first page: who waits, what failed, what happened meanwhile; beside it every agent. */
import type { AppContext } from "./app.ts";
import { h } from "./dom.ts";
import { createList } from "./list.ts";
import type { Page } from "./app.ts";

export function createOverview(app: AppContext): Page {
  const list = createList(app);
  const inbox = h("div", { class: "inbox" });
  const element = h("main", { class: "overview", id: "main" }, inbox, list.element);
  list.update();
  return {
    element,
    title: null,
    close() {
      list.close();
    },
  };
}
