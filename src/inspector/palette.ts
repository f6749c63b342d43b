/**
 * Commands, agents and pages by a few letters: parts of a name or the first letters of its words; and on an agent's
 * page what was said in its conversation, by any text in it.
 */
import type { AppContext } from "./app.ts";
import { agentPath } from "./client.ts";
import { attr, fill, h } from "./dom.ts";
import { clock } from "./format.ts";
import { setShape } from "./icons.ts";
import { lookOf, nameOf, wordOf } from "./looks.ts";
import { readMessage } from "./messages.ts";
import { agentHash, go, parseRoute } from "./route.ts";
import { readAll } from "./shapes.ts";

interface Command {
  readonly label: string;
  readonly hint: string;
  readonly look: ReturnType<typeof lookOf> | null;
  run(): void;
}

const SHOWN = 12;
/** A conversation is searched for texts of this length, when nobody has typed for a moment. */
const LEAST = 3;
const PAUSE_MS = 250;
const SAID = 8;
/** What stands before a text that was found. */
const BEFORE = 24;

export function openPalette(
  app: AppContext,
  more: readonly { readonly label: string; readonly run: () => void }[],
): void {
  const { store, client } = app;
  const route = parseRoute(location.hash);
  const here = route.page === "agent" ? (store.agents.get(route.id) ?? null) : null;
  const input = h("input", {
    role: "combobox",
    "aria-expanded": "true",
    "aria-controls": "palette-list",
    "aria-label": "Command, agent or page",
    placeholder: "Command, agent or page",
    autocomplete: "off",
    spellcheck: "false",
  });
  const options = h("div", { role: "listbox", id: "palette-list", class: "palette-list" });
  const dialog = h("dialog", { class: "dialog palette", "aria-label": "Commands" }, input, options);
  let found: readonly Command[] = [];
  /** In this conversation, and for which text they were found. */
  let said: readonly Command[] = [];
  let saidFor = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  let at = 0;

  const page = (label: string, hash: string): Command => ({ label, hint: "page", look: null, run: () => go(hash) });
  const all = (): Command[] => [
    ...[...store.agents.values()].map((agent) => ({
      label: `${agent.project}/${nameOf(agent)}`,
      hint: wordOf(agent, true),
      look: lookOf(agent.status),
      run: () => go(agentHash(agent)),
    })),
    page("Overview", "#/"),
    page("New agent", "#/new"),
    page("Webhooks", "#/webhooks"),
    page("Keys", "#/keys"),
    ...more.map(({ label, run }) => ({ label, hint: "command", look: null, run })),
  ];

  const draw = (): void => {
    const query = input.value.trim().toLowerCase();
    if (saidFor !== query) said = [];
    const named = all()
      .map((command) => ({ command, score: scoreOf(command.label.toLowerCase(), query) }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score)
      .slice(0, SHOWN)
      .map(({ command }) => command);
    found = [...named, ...said];
    at = Math.min(at, Math.max(0, found.length - 1));
    fill(
      options,
      found.length === 0 && h("p", { class: "dim" }, "Nothing is called so."),
      found.map((command, i) => {
        const holder = h("span", { class: "shape" });
        if (command.look !== null) setShape(holder, command.look);
        return h(
          "div",
          {
            role: "option",
            id: `palette-${i}`,
            "aria-selected": String(i === at),
            on: { click: () => choose(command) },
          },
          holder,
          h("span", { class: "cut" }, command.label),
          h("span", { class: "dim" }, command.hint),
        );
      }),
    );
    attr(input, "aria-activedescendant", found.length > 0 ? `palette-${at}` : null);
    options.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  };

  /** The newest that have it. What comes too late is for nobody. */
  const searchSaid = async (query: string): Promise<void> => {
    if (here === null) return;
    const asked = new URLSearchParams({ contains: query, limit: String(SAID) });
    const { body } = await client.get(`${agentPath(here)}/messages?${asked}`);
    if (input.value.trim().toLowerCase() !== query || !dialog.open) return;
    saidFor = query;
    said = readAll(body["messages"], readMessage)
      .reverse()
      .map((message) => ({
        label: around(message.parts.map((part) => ("text" in part ? part.text : "")).join(" "), query),
        hint: `${message.role}, ${clock(message.at)}`,
        look: null,
        run: () => go(`${agentHash(here)}?m=${message.id}`),
      }));
    draw();
  };

  const choose = (command: Command): void => {
    dialog.close();
    command.run();
  };

  input.addEventListener("input", () => {
    at = 0;
    draw();
    clearTimeout(timer);
    const query = input.value.trim().toLowerCase();
    // Without an answer there is nothing to show: the connection says so already.
    if (query.length >= LEAST) timer = setTimeout(() => void searchSaid(query).catch(() => undefined), PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      at = (at + step + found.length) % Math.max(1, found.length);
      draw();
    }
    const command = found[at];
    if (event.key === "Enter" && command !== undefined) {
      event.preventDefault();
      choose(command);
    }
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => {
    clearTimeout(timer);
    dialog.remove();
  });
  document.body.append(dialog);
  draw();
  dialog.showModal();
  input.focus();
}

/** A line of it in which the searched text can be seen. */
function around(text: string, query: string): string {
  const line = text.replace(/\s+/g, " ");
  const from = Math.max(0, line.toLowerCase().indexOf(query) - BEFORE);
  return `${from > 0 ? "…" : ""}${line.slice(from, from + 160)}`;
}

/** The whole beginning beats a beginning of a word, that beats first letters, those beat a part. 0 = no match. */
export function scoreOf(label: string, query: string): number {
  if (query === "") return 1;
  if (label.startsWith(query)) return 5;
  const words = label.split(/[^a-z0-9]+/);
  if (words.some((word) => word.startsWith(query))) return 4;
  if (
    words
      .map((word) => word.charAt(0))
      .join("")
      .includes(query)
  )
    return 3;
  return label.includes(query) ? 2 : 0;
}
