/**
 * What needs a person, most pressing first: open requests, what failed unseen, webhooks that were given up, programs
 * that cannot be used. The first request is open, the others are a line each; answering opens the next.
 */
import type { AppContext } from "./app.ts";
import { wasTaken } from "./answer.ts";
import type { Card } from "./card.ts";
import { createCard, hrefOf, oneLineOf, whoOf } from "./card.ts";
import type { Row } from "./dom.ts";
import { attr, createKeyed, fill, h, setText } from "./dom.ts";
import { age, count, firstLine, running } from "./format.ts";
import { setShape, shape } from "./icons.ts";
import type { Look } from "./looks.ts";
import { changedAt, isBusy, lookOf, nameOf, wordOf } from "./looks.ts";
import { agentHash } from "./route.ts";
import type { Agent, Permission } from "./shapes.ts";
import { watchStillness } from "./still.ts";
import { keyOf } from "./place.ts";

export interface Inbox {
  readonly element: HTMLElement;
  update(): void;
  /** As if the open card's button were pressed. */
  answer(how: "allow" | "deny"): void;
  close(): void;
}

type Entry =
  | { readonly is: "card" | "request"; readonly key: string; readonly permission: Permission }
  | { readonly is: "failed"; readonly key: string; readonly agent: Agent }
  | {
      readonly is: "line";
      readonly key: string;
      readonly text: string;
      readonly href: string | null;
      readonly bad: boolean;
    };

export function createInbox(app: AppContext): Inbox {
  const { store, seen, ticker } = app;
  const cards = h("div", { class: "cards" });
  const number = h("span", { class: "dim" });
  const empty = h("p", { class: "empty" });
  const element = h(
    "section",
    { "aria-labelledby": "needs-title", id: "needs" },
    h("h2", { id: "needs-title" }, "Needs you ", number),
    cards,
    empty,
  );
  const still = watchStillness(cards);
  /** The request that a person chose to open; else the oldest is. */
  let opened: string | null = null;
  let shownKeys = "";
  let openCard: Card | null = null;

  const keyed = createKeyed<Entry>(cards, {
    key: ({ is, key }) => `${is} ${key}`,
    make(entry) {
      switch (entry.is) {
        case "card":
          return asRow(
            createCard({
              app,
              permission: entry.permission,
              still,
              linked: true,
              onClose() {
                store.permissions.delete(entry.key);
                update();
              },
            }),
          );
        case "request":
          return requestLine(entry.key);
        case "failed":
          return failedLine();
        case "line":
          return plainLine();
      }
    },
  });

  const asRow = (card: Card): Row<Entry> => {
    openCard = card;
    return {
      element: card.element,
      patch: (entry) => entry.is === "card" && card.patch(entry.permission),
      close() {
        card.close?.();
        if (openCard === card) openCard = null;
      },
    };
  };

  const requestLine = (key: string): Row<Entry> => {
    const since = h("span");
    const line = h("a", { class: "cut" });
    const show = h("button", {
      class: "quiet",
      on: {
        click() {
          opened = key;
          update();
        },
      },
    });
    setText(show, "Show");
    const row = h(
      "div",
      { class: "folded" },
      h("span", { class: "status s-waiting" }, shape("waiting"), since),
      line,
      show,
    );
    let now: Permission | null = null;
    const tick = (): void => {
      if (now !== null && (store.connection.is === "live" || since.textContent === ""))
        setText(since, `${now.kind === "question" ? "Asks" : "Waits"} ${age(store.now() - now.createdAt)}`);
    };
    const stop = ticker.each(tick);
    return {
      element: row,
      patch(entry) {
        if (entry.is !== "request" || entry.permission === now) return;
        now = entry.permission;
        attr(line, "href", hrefOf(now));
        attr(show, "aria-label", `Show what ${now.agentName ?? now.agent} asks`);
        fill(line, h("b", {}, whoOf(now)), h("span", { class: "dim" }, ` ${oneLineOf(now)}`));
        tick();
      },
      close: stop,
    };
  };

  const failedLine = (): Row<Entry> => {
    const holder = h("span");
    const since = h("span");
    const status = h("span", {}, holder, since);
    const line = h("a", { class: "cut" });
    const show = h("a", { class: "btn quiet" }, "Show");
    let now: Agent | null = null;
    const tick = (): void => {
      if (now !== null && (store.connection.is === "live" || since.textContent === ""))
        setText(since, `${wordOf(now, true)} ${age(store.now() - changedAt(now))}`);
    };
    const stop = ticker.each(tick);
    return {
      element: h("div", { class: "folded bad" }, status, line, show),
      patch(entry) {
        if (entry.is !== "failed" || entry.agent === now) return;
        now = entry.agent;
        const look: Look = lookOf(now.status);
        setShape(holder, look);
        attr(status, "class", `status s-${look}`);
        attr(line, "href", agentHash(now));
        attr(show, "href", agentHash(now));
        const problem = now.error ?? now.turn?.error ?? null;
        const why = problem === null ? now.cause.detail : problem.code || firstLine(problem.message);
        fill(line, h("b", {}, `${now.project}/${nameOf(now)}`), h("span", { class: "dim" }, ` ${why}`));
        tick();
      },
      close: stop,
    };
  };

  const plainLine = (): Row<Entry> => {
    const line = h("a", { class: "cut" });
    const row = h("div", {}, line);
    return {
      element: row,
      patch(entry) {
        if (entry.is !== "line") return;
        attr(row, "class", entry.bad ? "folded bad" : "folded plain");
        setText(line, entry.text);
        attr(line, "title", entry.text);
        attr(line, "href", entry.href);
      },
    };
  };

  const requests = (): Entry[] => {
    const open = [...store.permissions.values()]
      .filter((each) => each.state === "pending")
      .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    // One that was settled while it was open stays until the person lets it go; one that this page answered does not.
    const kept = [...store.permissions.values()].filter(
      (each) => each.state !== "pending" && opened === keyOf(each) && !wasTaken(each),
    );
    for (const each of store.permissions.values())
      if (each.state !== "pending" && !kept.includes(each)) store.permissions.delete(keyOf(each));
    const all = [...kept, ...open];
    if (opened === null || !all.some((each) => keyOf(each) === opened))
      opened = all[0] === undefined ? null : keyOf(all[0]);
    return all.map((permission) => {
      const key = keyOf(permission);
      return { is: key === opened ? "card" : "request", key, permission };
    });
  };

  const entries = (): Entry[] => {
    const failed = [...store.agents.values()]
      .filter((agent) => (agent.status === "error" || agent.status === "exited") && seen.isUnseen(agent))
      .sort((a, b) => changedAt(b) - changedAt(a));
    const dead = store.totals?.deadDeliveries ?? 0;
    const lines: Entry[] = [];
    if (dead > 0) {
      const text = `${count(dead, "webhook")} could not be delivered`;
      lines.push({ is: "line", key: "dead", text, href: "#/webhooks?dead", bad: true });
    }
    const used = new Set([...store.agents.values()].map(({ provider }) => provider));
    for (const { name, available, reason } of store.providers.values()) {
      if (available || !used.has(name)) continue;
      lines.push({
        is: "line",
        key: name,
        text: `${name} cannot be used: ${reason ?? "unknown"}`,
        href: null,
        bad: false,
      });
    }
    return [...requests(), ...failed.map((agent): Entry => ({ is: "failed", key: agent.id, agent })), ...lines];
  };

  const nothing = (): string => {
    if (!store.loaded) return "Looking …";
    const longest = [...store.agents.values()]
      .filter((agent) => isBusy(agent) && agent.turn !== null && agent.turn.endedAt === null)
      .sort((a, b) => (a.turn?.startedAt ?? 0) - (b.turn?.startedAt ?? 0))[0];
    if (longest === undefined) return "Nothing waits for you.";
    const time = running(store.now() - (longest.turn?.startedAt ?? 0));
    return `Nothing waits for you. ${nameOf(longest)} has been at work the longest: ${time}.`;
  };

  function update(): void {
    const all = entries();
    const keys = all.map(({ is, key }) => is + key).join(" ");
    if (keys !== shownKeys) still.disturb();
    shownKeys = keys;
    keyed.update(all);
    setText(number, all.length > 0 ? String(all.length) : "");
    empty.hidden = all.length > 0;
    if (all.length === 0) setText(empty, nothing());
  }

  const stops = [
    store.on(["permissions", "agents", "totals", "providers", "seen"], update),
    ticker.each(() => {
      if (!empty.hidden && store.connection.is === "live") setText(empty, nothing());
    }),
    still.close,
  ];
  return {
    element,
    update,
    answer: (how) => openCard?.[how](),
    close: () => (keyed.update([]), stops.forEach((stop) => stop())),
  };
}
