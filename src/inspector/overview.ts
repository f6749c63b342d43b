/** The first page: who waits, what failed, what happened meanwhile; beside it every agent. */
import type { AppContext, Page } from "./app.ts";
import { h, setText } from "./dom.ts";
import { amount, count, lasted, money } from "./format.ts";
import { createInbox } from "./inbox.ts";
import { createList } from "./list.ts";

/** Who was away for less has missed nothing. */
const AWAY_MS = 10 * 60_000;

export function createOverview(app: AppContext): Page {
  const { store } = app;
  const list = createList(app);
  const inbox = createInbox(app);
  const since = h("section", { class: "since", "aria-labelledby": "since-title", hidden: true });
  const side = h("div", { class: "inbox" }, inbox.element, since);
  const foot = h("p", { class: "foot-line" });
  const element = h("main", { class: "overview", id: "main" }, side, list.element, foot);
  let first: { readonly element: HTMLElement; close(): void } | null = null;

  /** Nothing here yet: the form for the first agent stands where the list will be. */
  const firstRun = async (): Promise<void> => {
    const wanted = app.node === null && store.loaded && store.projects.size === 0 && store.agents.size === 0;
    if (!wanted || first !== null) {
      if (first !== null && store.agents.size > 0) {
        first.close();
        first.element.replaceWith(list.element);
        first = null;
        side.hidden = false;
      }
      return;
    }
    side.hidden = true;
    const [{ createForm }] = await Promise.all([import("./create.ts"), app.loadStyles()]);
    if (store.projects.size > 0 || first !== null) return void (side.hidden = false);
    first = createForm(app, { project: null, firstRun: true });
    list.element.replaceWith(first.element);
  };

  let asked = false;
  const tellSince = async (): Promise<void> => {
    const from = app.seen.lookedAt;
    if (asked || !store.loaded || from === null || app.seen.acknowledged || store.now() - from < AWAY_MS) return;
    asked = true;
    try {
      const [{ fillSince }] = await Promise.all([import("./since.ts"), app.loadStyles()]);
      await fillSince(app, since, from);
    } catch {
      asked = false; // not connected: the next lists ask again
    }
  };

  const footer = (): void => {
    const { totals } = store;
    if (totals === null) return;
    const { version, uptimeSeconds, today } = totals;
    const providers = [...store.providers.values()].filter(({ version: has }) => has !== null);
    setText(
      foot,
      [
        count(store.agents.size, "agent"),
        today === null
          ? ""
          : `today ${amount(today.tokens)} tokens${today.costUsd === null ? "" : `, ${money(today.costUsd)}`}`,
        `agent-harness ${version}, up ${lasted(uptimeSeconds * 1000)}`,
        ...providers.map((each) => `${each.name} ${each.version ?? ""}`),
      ]
        .filter((each) => each !== "")
        .join(" · "),
    );
  };

  const stops = [
    store.on(["totals", "agents", "providers"], footer),
    store.on(["projects", "agents"], () => void firstRun()),
    store.on(["agents", "totals"], () => void tellSince()),
  ];
  list.update();
  inbox.update();
  footer();
  void firstRun();
  void tellSince();

  /** `j` and `k` move the real focus through what can be opened. */
  const move = (by: 1 | -1): boolean => {
    const all = [...element.querySelectorAll<HTMLElement>(".row")];
    const at = all.findIndex((each) => each === document.activeElement);
    (at === -1 ? all[by === 1 ? 0 : all.length - 1] : all[at + by])?.focus();
    return true;
  };

  return {
    element,
    title: null,
    key(name) {
      if (name === "down") return move(1);
      if (name === "up") return move(-1);
      if (name === "sort") {
        list.cycleSort();
        return true;
      }
      if ((name === "allow" || name === "deny") && document.activeElement?.closest(".card") != null) {
        inbox.answer(name);
        return true;
      }
      return false;
    },
    close() {
      list.close();
      inbox.close();
      first?.close();
      for (const stop of stops) stop();
    },
  };
}
