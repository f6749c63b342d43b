/** The agents beside an agent's page: the same order as in the list, one line of what each does. */
import type { AppContext } from "./app.ts";
import type { Row } from "./dom.ts";
import { attr, createKeyed, h, setText } from "./dom.ts";
import { setShape } from "./icons.ts";
import { changedAt, doingNow, lookOf, nameOf, urgency, wordOf } from "./looks.ts";
import { agentHash } from "./route.ts";
import type { Agent } from "./shapes.ts";

interface Entry {
  readonly agent: Agent;
  readonly unseen: boolean;
  readonly title: string | null;
}

/** More would be a list, and that is the overview. */
const MAX = 60;

export function createRail(app: AppContext, current: string) {
  const { store, seen } = app;
  const element = h("nav", { class: "rail", "aria-label": "Agents" });
  let order: readonly string[] = [];
  const keyed = createKeyed<Entry>(element, { key: ({ agent }) => agent.id, make: ({ agent }) => row(agent) });

  const row = ({ project, id }: Agent): Row<Entry> => {
    const holder = h("span");
    const name = h("span", { class: "cut" });
    const doing = h("span", { class: "dim cut" });
    const word = h("span", { class: "sr" });
    const link = h(
      "a",
      { href: agentHash({ project, id }), "aria-current": id === current ? "page" : null },
      h("span", { class: "status" }, holder, name, word),
      doing,
    );
    return {
      element: link,
      patch({ agent, unseen, title }) {
        setShape(holder, lookOf(agent.status));
        setText(name, nameOf(agent));
        setText(word, `, ${wordOf(agent, unseen)}`);
        setText(doing, doingNow(agent, title, store.now()));
        attr(link, "class", unseen ? "new" : "");
      },
    };
  };

  const update = (): void => {
    const titles = new Map([...store.permissions.values()].map((each) => [each.agent, each.title]));
    const entries = [...store.agents.values()].map((agent) => ({
      agent,
      unseen: seen.isUnseen(agent),
      title: titles.get(agent.id) ?? null,
    }));
    const place = (id: string): number => {
      const at = order.indexOf(id);
      return at === -1 ? order.length : at;
    };
    const held = element.matches(":hover, :focus-within") && order.length > 0;
    entries.sort((a, b) =>
      held
        ? place(a.agent.id) - place(b.agent.id)
        : urgency(a.agent, a.unseen) - urgency(b.agent, b.unseen) || changedAt(b.agent) - changedAt(a.agent),
    );
    order = entries.map(({ agent }) => agent.id);
    keyed.update(entries.slice(0, MAX));
  };
  update();
  return { element, close: store.on(["agents", "permissions", "seen"], update) };
}
