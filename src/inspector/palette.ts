/** Commands, agents and pages by a few letters: parts of a name or the first letters of its words. */
import type { AppContext } from "./app.ts";
import { attr, fill, h } from "./dom.ts";
import { setShape } from "./icons.ts";
import { lookOf, nameOf, wordOf } from "./looks.ts";
import { agentHash, go } from "./route.ts";

interface Command {
  readonly label: string;
  readonly hint: string;
  readonly look: ReturnType<typeof lookOf> | null;
  run(): void;
}

const SHOWN = 12;

export function openPalette(
  app: AppContext,
  more: readonly { readonly label: string; readonly run: () => void }[],
): void {
  const { store } = app;
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
    found = all()
      .map((command) => ({ command, score: scoreOf(command.label.toLowerCase(), query) }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score)
      .slice(0, SHOWN)
      .map(({ command }) => command);
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

  const choose = (command: Command): void => {
    dialog.close();
    command.run();
  };

  input.addEventListener("input", () => {
    at = 0;
    draw();
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
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  draw();
  dialog.showModal();
  input.focus();
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
