/** What is known of an agent, beside its conversation. */
import type { AppContext } from "./app.ts";
import { copyButton } from "./copy.ts";
import { createKeyed, h, setText } from "./dom.ts";
import { age, amount, exact, money, running } from "./format.ts";
import { isBusy } from "./looks.ts";
import type { Agent } from "./shapes.ts";

/** Always the same ones: a fact that comes or goes would move the others. */
type Fact = readonly [name: string, value: string, exactly?: string | undefined];

export interface Facts {
  readonly element: HTMLElement;
  patch(agent: Agent): void;
  close(): void;
}

export function createFacts({ store, ticker, node }: AppContext, first: Agent): Facts {
  let agent = first;
  const groups = (["Now", "Agent", "Used"] as const).map((title) => {
    const facts = h("dl");
    const keyed = createKeyed<Fact>(facts, {
      key: ([name]) => name,
      make([name]) {
        const value = h("dd", { class: "num" });
        return {
          element: h("div", {}, h("dt", {}, name), value),
          patch([, text, exactly]) {
            setText(value, text);
            value.title = exactly ?? text;
          },
        };
      },
    });
    return { element: h("section", {}, h("h2", {}, title), facts), update: keyed.update };
  });
  const command = `agent-harness attach ${first.project}/${first.name ?? first.id}`;
  const element = h(
    "aside",
    { class: "side", "aria-label": "Facts" },
    groups.map((group) => group.element),
    h(
      "section",
      {},
      h("h2", {}, node === null ? "Take over" : `Take over, on ${node}`),
      h(
        "div",
        { class: "takeover" },
        h("code", {}, command),
        copyButton(() => command),
      ),
    ),
  );

  const now = (): Fact[] => {
    const { turn, retrying, backgroundTasks, activity, queuedInputs, held, process } = agent;
    const open = isBusy(agent) && turn !== null && turn.endedAt === null;
    const sign = activity?.at ?? null;
    return [
      ["Turn", open ? running(store.now() - turn.startedAt) : "none runs"],
      ["Process", process],
      ["Retrying", retrying === null ? "no" : `attempt ${retrying.attempt}`],
      ["Background", backgroundTasks === 0 ? "nothing" : `${backgroundTasks} running`],
      ["Inputs", queuedInputs === 0 ? "none wait" : `${queuedInputs} ${held ? "held" : "queued"}`],
      ["Last sign", sign === null ? "none yet" : ago(store.now() - sign)],
    ];
  };

  const who = (): Fact[] => {
    const { provider, model, permissions, id, session } = agent;
    const version = store.providers.get(provider)?.version ?? null;
    return [
      ["Provider", version === null ? provider : `${provider} ${version}`],
      ["Model", model ?? "default"],
      ["Permissions", permissions ?? "default"],
      ["Id", id],
      ["Session", session ?? "none yet"],
    ];
  };

  const used = (): Fact[] => {
    const { input, output, cacheRead, costUsd } = agent.usage;
    const told = input !== null || output !== null;
    return [
      [
        "In / out",
        told ? `${amount(input ?? 0)} / ${amount(output ?? 0)}` : "not told",
        told ? `${exact(input ?? 0)} in, ${exact(output ?? 0)} out` : undefined,
      ],
      ["Cache", cacheRead === null ? "not told" : amount(cacheRead), cacheRead === null ? undefined : exact(cacheRead)],
      ["Cost", costUsd === null ? "not told" : money(costUsd)],
    ];
  };

  const tick = (): void => {
    if (store.connection.is === "live" || element.querySelector("dd") === null) groups[0]?.update(now());
  };
  const patch = (next: Agent): void => {
    agent = next;
    tick();
    groups[1]?.update(who());
    groups[2]?.update(used());
  };
  patch(first);
  return { element, patch, close: ticker.each(tick) };
}

const ago = (ms: number): string => (age(ms) === "now" ? "now" : `${age(ms)} ago`);
