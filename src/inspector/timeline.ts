/** Every event of an agent by its number, newest first: for who wants to know exactly what happened when. */
import type { AppContext } from "./app.ts";
import { agentPath, problemText } from "./client.ts";
import { createKeyed, attr, h, setText } from "./dom.ts";
import { download } from "./export.ts";
import { clockSeconds, day, firstLine, sameDay } from "./format.ts";
import { visible } from "./plain.ts";
import type { Fields } from "./read.ts";
import { fields, number, text, time } from "./read.ts";
import type { Agent } from "./shapes.ts";
import { readAll } from "./shapes.ts";
import { verdictWords } from "./verdict.ts";

interface Event {
  readonly id: number;
  readonly type: string;
  readonly at: number;
  readonly data: Fields;
}

const PAGE = 100;

export function createTimeline({ client, store, link }: AppContext, agent: Agent, pointed: number | null) {
  const wanted = new Set<string>();
  const types = new Set<string>();
  let events: Event[] = [];
  let more = false;
  const problem = h("p", { class: "problem", role: "alert" });
  const chips = h("span", { class: "chips wraps", role: "group", "aria-label": "Types" });
  const rows = h("div", { class: "events" });
  const from = h("input", {
    inputmode: "numeric",
    "aria-label": "From event number",
    placeholder: "from #",
    class: "short",
  });
  const older = h("button", { hidden: true, on: { click: () => void load(true) } }, "Older ones");
  const exported = h("button", { class: "small", on: { click: save } }, "Export JSONL");
  from.addEventListener("change", () => void load(false));
  const element = h(
    "div",
    { class: "tab-view" },
    h("div", { class: "acts" }, chips, from, exported),
    problem,
    rows,
    older,
  );

  const keyed = createKeyed<Event>(rows, {
    key: ({ id }) => String(id),
    make({ id, type, at, data }) {
      const details = h("details", { "data-event": id });
      const moment = sameDay(at, store.now()) ? clockSeconds(at) : `${day(at)}, ${clockSeconds(at)}`;
      details.append(
        h(
          "summary",
          {},
          h("span", { class: "faint num" }, `#${id}`),
          h("span", { class: "num dim" }, moment),
          h("b", {}, type),
          h("span", { class: "cut dim" }, visible(summaryOf(data))),
        ),
      );
      details.addEventListener("toggle", () => {
        if (details.childElementCount > 1) return;
        const tail = text(fields(fields(fields(data["data"])["turn"])["verify"])["tail"]);
        if (tail !== "") details.append(h("pre", { class: "wrap inner tail" }, visible(tail)));
        details.append(h("pre", { class: "wrap inner" }, visible(JSON.stringify(data, null, 2))));
      });
      if (id === pointed) {
        details.open = true;
        requestAnimationFrame(() => details.scrollIntoView({ block: "center" }));
      }
      return { element: details, patch: () => undefined };
    },
  });

  const typeChips = createKeyed<string>(chips, {
    key: (type) => type,
    make(type) {
      const button = h("button", {
        class: "chip",
        on: {
          click() {
            if (!wanted.delete(type)) wanted.add(type);
            void load(false);
          },
        },
      });
      setText(button, type);
      return { element: button, patch: () => attr(button, "aria-pressed", String(wanted.has(type))) };
    },
  });

  const draw = (): void => {
    for (const { type } of events) types.add(type);
    typeChips.update([...types].sort());
    keyed.update(events.filter(({ type }) => wanted.size === 0 || wanted.has(type)));
    older.hidden = !more;
  };

  async function load(further: boolean): Promise<void> {
    const typed = /^\d+$/.test(from.value.trim()) ? Number(from.value.trim()) + 1 : null;
    const before = further ? (events.at(-1)?.id ?? null) : (typed ?? (pointed === null ? null : pointed + 50));
    const some = wanted.size === 0 ? "" : `&types=${[...wanted].join(",")}`;
    try {
      const { body } = await client.get(
        `${agentPath(agent)}/events?limit=${PAGE}&clip=2000${some}${before === null ? "" : `&before=${before}`}`,
      );
      const page = readAll(body["events"], readEvent).sort((a, b) => b.id - a.id);
      events = further ? [...events, ...page] : page;
      more = body["more"] === true;
      setText(problem, "");
      draw();
    } catch (error) {
      setText(problem, problemText(error));
    }
  }

  function save(): void {
    download(
      events.map((each) => `${JSON.stringify(each.data)}\n`),
      `${agent.project}-${agent.id}-events.jsonl`,
    );
  }

  const stop = link.onEvent(({ id, data }) => {
    if (id === null || data["agent"] !== agent.id || from.value !== "") return;
    const event = readEvent(data);
    if (event === null || events.some((each) => each.id === id)) return;
    events = [event, ...events];
    draw();
  });
  void load(false);
  return { element, close: stop };
}

function readEvent(value: unknown): Event | null {
  const event = fields(value);
  if (typeof event["id"] !== "number") return null;
  return { id: number(event["id"]), type: text(event["type"]), at: time(event["at"]) ?? 0, data: event };
}

/** A message without text: which tools it calls. */
function callsOf(parts: unknown): string {
  const names = (Array.isArray(parts) ? parts : []).map((part) => text(fields(part)["name"]));
  return names.filter((name) => name !== "").join(", ") || "(no text)";
}

/** What a person looks for in an event, in a line; of a type that is not known, its data. */
function summaryOf(event: Fields): string {
  const data = fields(event["data"]);
  const [message, permission, turn, input] = ["message", "permission", "turn", "input"].map((name) =>
    fields(data[name]),
  );
  switch (event["type"]) {
    case "agent_status": {
      const cause = fields(data["cause"]);
      return `${text(data["from"])} → ${text(data["to"])} · ${text(cause["source"])}: ${text(cause["detail"])}`;
    }
    case "message":
      return `${text(message?.["role"])}: ${firstLine(text(message?.["text"])) || callsOf(message?.["parts"])}`;
    case "permission_requested":
      return `${text(permission?.["id"])} ${text(permission?.["title"])}`;
    case "permission_settled":
      return `${text(permission?.["id"])} ${text(permission?.["state"])} by ${text(permission?.["by"])}`;
    case "turn_started":
      return text(turn?.["origin"]) === "agent" ? "began by itself" : "for an input";
    case "turn_ended":
      return [
        text(turn?.["outcome"]),
        turn?.["verify"] === undefined ? "" : `check ${verdictWords(turn["verify"])}`,
        text(fields(turn?.["error"])["message"]),
      ]
        .filter((each) => each !== "")
        .join(": ");
    case "input":
      return `${number(input?.["n"])} ${text(input?.["state"])}`;
    default:
      return JSON.stringify(event["data"] ?? null).slice(0, 300);
  }
}
