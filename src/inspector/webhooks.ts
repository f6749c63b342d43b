/** Webhooks: what is on its way, what arrived, what was given up and why; sent once more on request. */
import type { AppContext, Page } from "./app.ts";
import { problemText } from "./client.ts";
import type { Row } from "./dom.ts";
import { attr, createKeyed, fill, h, setText } from "./dom.ts";
import { age, clockSeconds, moment } from "./format.ts";
import { shape } from "./icons.ts";
import { nameOf } from "./looks.ts";
import { visible } from "./plain.ts";
import { fields, list, number, numberOrNull, text, textOrNull, time } from "./read.ts";
import { agentHash } from "./route.ts";
import { readAll } from "./shapes.ts";

interface Delivery {
  readonly id: string;
  readonly seq: number;
  readonly project: string | null;
  readonly agent: string | null;
  readonly event: string;
  readonly url: string;
  readonly state: string;
  readonly attempts: number;
  readonly lastError: string | null;
  readonly nextAt: number | null;
  readonly createdAt: number;
}

const STATES = ["pending", "delivered", "dead"] as const;
const LOOKS = { pending: "starting", delivered: "idle", dead: "error" } as const;
const PAGE = 50;

export function createWebhooks(app: AppContext, first: string | null): Page {
  const { client, store, link } = app;
  let state: string | null = location.hash.includes("?dead") ? "dead" : null;
  let shown: Delivery[] = [];
  let next: number | null = null;
  const opened = new Set(first === null ? [] : [first]);
  const problem = h("p", { class: "problem", role: "alert" });
  const told = h("p", { class: "dim", role: "status" });
  const rows = h("div", { class: "deliveries" });
  const empty = h("p", { class: "empty" }, "Loading …");
  const more = h("button", { hidden: true, on: { click: () => void load(true) } }, "Older ones");
  const chips = STATES.map((each) =>
    h(
      "button",
      {
        class: `chip s-${LOOKS[each]}`,
        on: {
          click() {
            state = state === each ? null : each;
            void load(false);
          },
        },
      },
      shape(LOOKS[each]),
      each,
    ),
  );
  const test = h("button", {
    on: {
      click: () => void act(async () => void (await client.send("POST", "/webhook/test")), "A test is on its way."),
    },
  });
  setText(test, "Send a test");
  const element = h(
    "main",
    { class: "plain-page wide", id: "main" },
    h("div", { class: "head-line" }, h("h1", {}, "Webhooks"), h("span", { class: "chips" }, chips), test),
    problem,
    told,
    rows,
    empty,
    more,
  );

  const act = async (work: () => Promise<void>, words: string): Promise<void> => {
    setText(problem, "");
    setText(told, "");
    try {
      await work();
      setText(told, words);
      await load(false);
    } catch (error) {
      setText(problem, problemText(error));
    }
  };

  const keyed = createKeyed<Delivery>(rows, { key: ({ id }) => id, make: ({ id }) => row(id) });

  const row = (id: string): Row<Delivery> => {
    const summary = h("summary");
    const inside = h("div", { class: "inner" });
    const details = h("details", { class: "delivery", "data-delivery": id }, summary, inside);
    let now: Delivery | null = null;
    details.addEventListener("toggle", () => {
      if (details.open) opened.add(id);
      else opened.delete(id);
      if (details.open) void fillInside();
    });
    const fillInside = async (): Promise<void> => {
      if (inside.childElementCount === 0) fill(inside, h("p", { class: "dim" }, "Loading …"));
      try {
        const { body } = await client.get(`/deliveries/${encodeURIComponent(id)}`);
        fill(inside, deliveryDetails(fields(body["delivery"])));
      } catch (error) {
        fill(inside, h("p", { class: "problem" }, problemText(error)));
      }
    };
    const deliveryDetails = (delivery: ReturnType<typeof fields>) => [
      h(
        "div",
        { class: "acts" },
        h("button", { class: "primary", on: { click: () => void again(false) } }, "Send again"),
        h(
          "button",
          {
            title: "Under a new id: a receiver that knows the old one takes it, too",
            on: { click: () => void again(true) },
          },
          "Send as new",
        ),
      ),
      h("p", { class: "dim" }, `To ${text(delivery["url"])}`),
      attemptsTable(delivery["attempts"]),
      h("pre", { class: "wrap" }, visible(JSON.stringify(delivery["body"], null, 2) ?? "")),
    ];
    const again = (fresh: boolean): Promise<void> =>
      act(async () => {
        await client.send("POST", `/deliveries/${encodeURIComponent(id)}/redeliver${fresh ? "?fresh=1" : ""}`);
        if (details.open) await fillInside();
      }, "It is on its way again.");
    return {
      element: details,
      patch(delivery) {
        if (now !== null && JSON.stringify(now) === JSON.stringify(delivery)) return;
        const before = now;
        now = delivery;
        const { event, project, agent, state: at, attempts, lastError, nextAt, createdAt } = delivery;
        const look = STATES.find((each) => each === at);
        const known = agent === null ? undefined : store.agents.get(agent);
        const who = known === undefined ? (agent ?? "") : nameOf(known);
        const from = project === null ? "" : `${project}/${who}`;
        fill(
          summary,
          h(
            "span",
            { class: `status s-${look === undefined ? "unknown" : LOOKS[look]}` },
            shape(look === undefined ? "unknown" : LOOKS[look]),
            at,
          ),
          h("b", {}, visible(event)),
          known === undefined
            ? h("span", { class: "cut" }, from)
            : h("a", { class: "cut", href: agentHash(known) }, from),
          h("span", { class: "cut dim grow" }, lastError === null ? "" : visible(lastError)),
          h(
            "span",
            { class: "dim num" },
            at === "pending" && nextAt !== null
              ? `next try in ${age(Math.max(5000, nextAt - store.now()))}`
              : `${attempts}×`,
          ),
          h("span", { class: "dim num" }, moment(createdAt, store.now())),
        );
        if (opened.has(id) && !details.open) details.open = true;
        else if (before !== null && details.open) void fillInside();
      },
    };
  };

  const load = async (older: boolean): Promise<void> => {
    chips.forEach((chip, i) => attr(chip, "aria-pressed", String(STATES[i] === state)));
    const before = older && next !== null ? `&before=${next}` : "";
    try {
      const { body } = await client.get(`/deliveries?limit=${PAGE}${state === null ? "" : `&state=${state}`}${before}`);
      const found = readAll(body["deliveries"], readDelivery);
      shown = older ? [...shown, ...found] : found;
      next = numberOrNull(body["next"]);
      keyed.update(shown);
      more.hidden = next === null;
      empty.hidden = shown.length > 0;
      setText(
        empty,
        state === null
          ? "No webhook was sent yet. Set webhook.url in the config, then send a test."
          : `None is ${state}.`,
      );
    } catch (error) {
      setText(problem, problemText(error));
    }
  };

  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void load(false);
    }, 300);
  };
  const stops = [
    link.onEvent(({ type }) => {
      if (type === "delivery") soon();
    }),
    link.onReload(soon),
    () => clearTimeout(timer),
  ];
  void load(false);
  return { element, title: "Webhooks", close: () => stops.forEach((stop) => stop()) };
}

function attemptsTable(value: unknown): HTMLElement {
  const attempts = list(value).map(fields);
  if (attempts.length === 0) return h("p", { class: "dim" }, "Not tried yet.");
  return h(
    "div",
    { class: "scroller" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["Tried", "Answer", "Took", "Why"].map((head) => h("th", {}, head)),
        ),
      ),
      h(
        "tbody",
        {},
        attempts.map((attempt) => {
          const took = numberOrNull(attempt["ms"] ?? attempt["durationMs"] ?? attempt["tookMs"]);
          const status = numberOrNull(attempt["status"]);
          const why = textOrNull(attempt["error"]) ?? textOrNull(attempt["lastError"]) ?? text(attempt["response"]);
          return h(
            "tr",
            {},
            h("td", { class: "num" }, clockSeconds(time(attempt["at"]) ?? 0)),
            h("td", { class: "num" }, status === null ? "none" : String(status)),
            h("td", { class: "num" }, took === null ? "" : `${took} ms`),
            h("td", {}, visible(why)),
          );
        }),
      ),
    ),
  );
}

function readDelivery(value: unknown): Delivery | null {
  const delivery = fields(value);
  if (typeof delivery["id"] !== "string") return null;
  return {
    id: delivery["id"],
    seq: number(delivery["seq"]),
    project: textOrNull(delivery["project"]),
    agent: textOrNull(delivery["agentId"]),
    event: text(delivery["event"]),
    url: text(delivery["url"]),
    state: text(delivery["state"]),
    attempts: number(delivery["attempts"]),
    lastError: textOrNull(delivery["lastError"]),
    nextAt: time(delivery["nextAttemptAt"]),
    createdAt: time(delivery["createdAt"]) ?? 0,
  };
}
