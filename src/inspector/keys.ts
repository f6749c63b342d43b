/**
 * Every key the page knows: one table makes the handler and the help. Single letters act outside of fields only, never
 * with a modifier, never while a dialog is open.
 */
export type KeyName =
  | "down"
  | "up"
  | "next"
  | "search"
  | "palette"
  | "overview"
  | "webhooks"
  | "fleet"
  | "new"
  | "help"
  | "sort"
  | "allow"
  | "deny"
  | "box"
  | "end"
  | "before"
  | "behind"
  | "fold"
  | "abort";

interface Key {
  readonly name: KeyName;
  /** `g o` = one after the other. */
  readonly keys: readonly string[];
  readonly does: string;
  readonly place: "Everywhere" | "Overview" | "Agent's page";
}

export const KEYS: readonly Key[] = [
  { name: "down", keys: ["j", "ArrowDown"], does: "to the next agent", place: "Overview" },
  { name: "up", keys: ["k", "ArrowUp"], does: "to the agent before", place: "Overview" },
  { name: "sort", keys: ["s"], does: "sort by urgency, name, newest, cost", place: "Overview" },
  { name: "next", keys: ["n"], does: "to the next that needs you", place: "Everywhere" },
  { name: "search", keys: ["/"], does: "search agents", place: "Everywhere" },
  { name: "palette", keys: ["Ctrl+k", "⌘k"], does: "commands, agents and pages", place: "Everywhere" },
  { name: "overview", keys: ["g o"], does: "overview", place: "Everywhere" },
  { name: "webhooks", keys: ["g w"], does: "webhooks", place: "Everywhere" },
  { name: "fleet", keys: ["g f"], does: "the fleet, where there is one", place: "Everywhere" },
  { name: "new", keys: ["g n"], does: "new agent", place: "Everywhere" },
  { name: "help", keys: ["?"], does: "this list", place: "Everywhere" },
  {
    name: "allow",
    keys: ["a"],
    does: "allow what the card asks (in the card, or on its agent's page)",
    place: "Agent's page",
  },
  { name: "deny", keys: ["d"], does: "deny it, with a reason", place: "Agent's page" },
  { name: "box", keys: ["i"], does: "write to the agent; Esc leaves the box", place: "Agent's page" },
  { name: "before", keys: ["["], does: "to the prompt before", place: "Agent's page" },
  { name: "behind", keys: ["]"], does: "to the next prompt", place: "Agent's page" },
  { name: "end", keys: ["G"], does: "to the end", place: "Agent's page" },
  { name: "fold", keys: ["t"], does: "fold or unfold the tools", place: "Agent's page" },
  { name: "abort", keys: ["x"], does: "abort the turn (asks once)", place: "Agent's page" },
];

/** The first of two keys is forgotten after this. */
const SEQUENCE_MS = 1200;

/** `act` answers whether the key meant something. */
export function listenForKeys(act: (name: KeyName, event: KeyboardEvent) => boolean): void {
  const single = new Map<string, KeyName>();
  const second = new Map<string, KeyName>();
  for (const { name, keys } of KEYS) {
    for (const key of keys) {
      const [one = "", two] = key.split(" ");
      if (two !== undefined) second.set(`${one} ${two}`, name);
      else if (!key.includes("+") && !key.startsWith("⌘")) single.set(key, name);
    }
  }
  let pending = { key: "", at: 0 };

  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.repeat) return;
    if (document.querySelector("dialog[open]") !== null) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      if (act("palette", event)) event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
    const pair = performance.now() - pending.at < SEQUENCE_MS ? second.get(`${pending.key} ${event.key}`) : undefined;
    pending = { key: event.key, at: performance.now() };
    const name = pair ?? single.get(event.key);
    if (name !== undefined && act(name, event)) event.preventDefault();
  });
}

/** Where keys are letters; or, for buttons and links, where Enter and space are theirs (no single key of ours is). */
function isField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input, textarea, select, [role=menuitem]");
}
