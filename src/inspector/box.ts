/**
 * The box to write into. Its button says what will happen; a text leaves it only when the daemon has taken it, and sent
 * twice by a bad connection it is taken once.
 */
import type { AppContext } from "./app.ts";
import { agentPath, newKey, problemText } from "./client.ts";
import { attr, h, setText } from "./dom.ts";
import { isBusy } from "./looks.ts";
import type { Agent } from "./shapes.ts";

export interface Box {
  readonly element: HTMLElement;
  readonly field: HTMLTextAreaElement;
  patch(agent: Agent): void;
  /** Puts a text in front of what stands there. */
  put(text: string): void;
  send(mode: "queue" | "interrupt"): Promise<void>;
}

const MAX_LINES = 5;

export function createBox(
  { client, drafts }: AppContext,
  first: Agent,
  { onSent, lastPrompt }: { onSent(): void; lastPrompt(): string },
): Box {
  let agent = first;
  let sending = false;
  /** Of the text as it stands: sent again unchanged, it is the same input. */
  let key: { readonly text: string; readonly key: string } | null = null;
  const problem = h("p", { class: "problem", role: "alert" });
  const field = h("textarea", { rows: 1, id: "box" });
  const button = h("button", { class: "primary", on: { click: () => void send("queue") } });
  const frame = h("div", { class: "box" }, field, button);
  const element = h("div", { class: "box-frame" }, problem, frame);
  const touch = matchMedia("(pointer: coarse)").matches;

  const fit = (): void => {
    field.style.height = "auto";
    const line = 20;
    field.style.height = `${Math.min(field.scrollHeight, MAX_LINES * line + 14)}px`;
  };

  const send: Box["send"] = async (mode) => {
    const text = field.value;
    if (sending || text.trim() === "") return;
    sending = true;
    button.disabled = true;
    setText(problem, "");
    if (key?.text !== mode + text) key = { text: mode + text, key: newKey() };
    try {
      await client.send("POST", `${agentPath(agent)}/input`, { body: { text, mode }, key: key.key });
      key = null;
      // What was typed meanwhile stays.
      field.value = field.value === text ? "" : field.value.replace(text, "");
      if (field.value === "") drafts.clear(agent.id);
      else drafts.keep(agent.id, field.value);
      fit();
      onSent();
    } catch (error) {
      setText(problem, `Not sent: ${problemText(error)}`);
    } finally {
      sending = false;
      button.disabled = false;
    }
  };

  field.addEventListener("input", () => {
    drafts.keep(agent.id, field.value);
    fit();
  });
  field.addEventListener("keydown", (event) => {
    // 229: an input method is at work, whatever the browser says of it.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void send("interrupt");
    } else if (event.key === "Enter" && !event.shiftKey && !touch) {
      event.preventDefault();
      void send("queue");
    } else if (event.key === "ArrowUp" && field.value === "") {
      const text = lastPrompt();
      if (text === "") return;
      event.preventDefault();
      field.value = text;
      drafts.keep(agent.id, text);
      fit();
    } else if (event.key === "Escape") field.blur();
  });

  const words = (): { readonly label: string; readonly hint: string } => {
    if (isBusy(agent)) return { label: "Queue", hint: "Queued behind this turn" };
    const started = agent.process === "running";
    return { label: started ? "Send" : "Start", hint: started ? "Message" : "Message, starts the agent again" };
  };

  const patch = (next: Agent): void => {
    agent = next;
    const { label, hint } = words();
    setText(button, label);
    attr(field, "placeholder", hint);
    attr(field, "aria-label", `Message to ${agent.name ?? agent.id}`);
  };

  field.value = drafts.get(agent.id);
  patch(first);
  requestAnimationFrame(fit);
  return {
    element,
    field,
    patch,
    put(text) {
      field.value = field.value === "" ? text : `${text}\n${field.value}`;
      drafts.keep(agent.id, field.value);
      fit();
      field.focus();
    },
    send,
  };
}
