/** The bar: where one is, whether the page is live, how many agents are in which status, and the ways out of it. */
import { attr, createKeyed, fill, h, setText } from "./dom.ts";
import { clock, moment } from "./format.ts";
import { shape } from "./icons.ts";
import type { Filter } from "./filter.ts";
import type { Look } from "./looks.ts";
import { CHIPS, lookOf } from "./looks.ts";
import type { Store } from "./store.ts";
import type { Ticker } from "./ticker.ts";

export interface BarOptions {
  readonly store: Store;
  readonly ticker: Ticker;
  readonly filter: Filter;
  /** The filter was changed. */
  onFilter(): void;
  onTryNow(): void;
  onCommands(): void;
}

export interface Bar {
  readonly element: HTMLElement;
  /** For what the fleet adds; empty where there is none. */
  readonly boxes: HTMLElement;
  readonly search: HTMLInputElement;
  /** Inside an agent's page: with a way back, and only the chips of who waits. */
  setInside(inside: boolean): void;
}

interface Chip {
  readonly look: Look;
  readonly word: string;
  readonly n: number;
}

export function createBar({ store, ticker, filter, onFilter, onTryNow, onCommands }: BarOptions): Bar {
  let inside = false;
  const home = h("a", { class: "home", href: "#/" });
  const dot = h("span", { "aria-hidden": "true" });
  const words = h("span", { class: "words" });
  const live = h("span", { class: "live", role: "status" }, dot, words);
  const retry = h("button", { class: "retry", hidden: true, on: { click: onTryNow } }, "Try now");
  const reload = h("button", { class: "retry", hidden: true, on: { click: () => location.reload() } });
  const boxes = h("span", { class: "boxes" });
  const chips = h("span", { class: "chips", role: "group", "aria-label": "Filter by status" });
  const search = h("input", {
    type: "search",
    class: "search",
    "aria-label": "Search agents",
    placeholder: "Search agents   /",
    on: {
      input() {
        filter.query = search.value.trim().toLowerCase();
        if (location.hash !== "" && location.hash !== "#/") location.hash = "#/";
        onFilter();
      },
      keydown(event) {
        if (event.key !== "Escape") return;
        search.value = filter.query = "";
        onFilter();
        search.blur();
      },
    },
  });
  // A shortcut is of no use to who has no keys.
  const touched = matchMedia("(pointer: coarse)").matches;
  const mac = /mac/i.test(navigator.userAgent);
  const commands = h(
    "button",
    { class: "quiet commands", "aria-label": "Commands", on: { click: onCommands } },
    touched ? "Find" : mac ? "⌘K" : "Ctrl K",
  );
  const element = h(
    "header",
    { class: "bar" },
    home,
    boxes,
    live,
    retry,
    reload,
    chips,
    search,
    h("a", { class: "btn primary new", href: "#/new" }, "New agent"),
    commands,
  );

  const keyed = createKeyed<Chip>(chips, {
    key: ({ look }) => look,
    make({ look }) {
      const number = h("span", { class: "num" });
      const label = h("span", { class: "label" });
      const toggle = (): void => {
        if (inside) location.hash = "#/";
        if (!filter.looks.delete(look)) filter.looks.add(look);
        onFilter();
        update();
      };
      const button = h("button", { class: `chip s-${look}`, on: { click: toggle } }, shape(look), number, label);
      return {
        element: button,
        patch({ n, word }) {
          setText(number, String(n));
          setText(label, word);
          attr(button, "aria-pressed", String(filter.looks.has(look)));
          attr(button, "aria-label", `${n} ${word}`);
        },
      };
    },
  });

  const connection = (): void => {
    const { connection: at } = store;
    const off = at.is === "lost" || at.is === "refused" || at.is === "token" || at.is === "gone";
    document.documentElement.classList.toggle("off", at.is !== "live");
    retry.hidden = !off || at.is === "token";
    attr(live, "data-is", at.is);
    setText(dot, at.is === "live" ? "●" : off ? "▲" : "◌");
    setText(words, sentence());
  };

  const sentence = (): string => {
    const { connection: at } = store;
    switch (at.is) {
      case "live":
        return "live";
      case "connecting":
      case "paused":
        return "connecting";
      case "starting":
        return "starting, looks at what survived";
      case "token":
        return "waits for the token";
      case "refused":
        return at.message;
      case "gone":
        return `${at.node} not heard of since ${moment(at.since, store.present())}: this is what was known then`;
      case "lost": {
        const seconds = Math.max(0, Math.ceil((at.retryAt - store.now()) / 1000));
        return `not connected since ${clock(at.since)}, trying ${seconds > 0 ? `again in ${seconds} s` : "now"}`;
      }
    }
  };

  const update = (): void => {
    const counts = new Map<Look, number>();
    for (const { status } of store.agents.values()) counts.set(lookOf(status), (counts.get(lookOf(status)) ?? 0) + 1);
    keyed.update(
      CHIPS.flatMap(([look, word]) => {
        const n = counts.get(look) ?? 0;
        return (n > 0 && (!inside || look === "waiting")) || filter.looks.has(look) ? [{ look, word, n }] : [];
      }),
    );
    if (store.updatedTo !== null) {
      reload.hidden = false;
      setText(reload, "The daemon was updated: reload");
    }
  };

  store.on(["connection"], connection);
  store.on(["agents", "totals"], update);
  ticker.each(() => {
    if (store.connection.is === "lost") setText(words, sentence());
  });
  connection();

  return {
    element,
    boxes,
    search,
    setInside(value) {
      inside = value;
      element.classList.toggle("inside", value);
      attr(home, "aria-label", value ? "Back to the overview" : "agent-harness, overview");
      fill(
        home,
        value ? ["‹ ", h("span", { class: "txt" }, "Overview")] : h("span", { class: "txt" }, "agent-harness"),
      );
      update();
    },
  };
}
