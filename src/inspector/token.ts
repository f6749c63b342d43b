/**
 * The token: asked for once, tried, and kept for this tab (or, when the person wants it, on this device). It stands in
 * no address, no log, no title and no attribute; another tab of ours is asked before the person is.
 */
import type { Client } from "./client.ts";
import { problemText } from "./client.ts";
import { fill, h, setText } from "./dom.ts";
import { fields } from "./read.ts";

const KEY = "agent-harness-token";
const CHANNEL = "agent-harness-token";
const OTHER_TAB_MS = 200;

export interface TokenKeeper {
  get(): string | null;
  set(token: string, keep: boolean): void;
  clear(): void;
  /** What another tab has, or null. */
  askOtherTabs(): Promise<string | null>;
}

export function createTokenKeeper(): TokenKeeper {
  let token = stored(() => sessionStorage.getItem(KEY)) ?? stored(() => localStorage.getItem(KEY));
  const channel = new BroadcastChannel(CHANNEL);
  let answered: ((token: string) => void) | null = null;
  channel.onmessage = ({ data }: MessageEvent<unknown>) => {
    const { ask, token: given } = fields(data);
    if (ask === true && token !== null) channel.postMessage({ token });
    else if (typeof given === "string") answered?.(given);
  };
  return {
    get: () => token,
    set(value, keep) {
      token = value;
      stored(() => sessionStorage.setItem(KEY, value));
      if (keep) stored(() => localStorage.setItem(KEY, value));
    },
    clear() {
      token = null;
      stored(() => sessionStorage.removeItem(KEY));
      stored(() => localStorage.removeItem(KEY));
    },
    askOtherTabs() {
      channel.postMessage({ ask: true });
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(null), OTHER_TAB_MS);
        answered = (given) => {
          clearTimeout(timer);
          resolve(given);
        };
      });
    },
  };
}

/** Storage may be forbidden: then the token lives as long as the page. */
function stored<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

export interface TokenQuestion {
  ask(message: string | null): void;
}

/** `onReady`: a token was taken, the page may go on. */
export function createTokenQuestion(keeper: TokenKeeper, client: Client, onReady: () => void): TokenQuestion {
  const input = h("input", {
    type: "password",
    name: "token",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
  });
  const keep = h("input", { type: "checkbox" });
  const problem = h("p", { class: "problem", role: "alert" });
  const submit = h("button", { class: "primary", type: "submit" }, "Open");
  const form = h(
    "form",
    { class: "form", method: "dialog" },
    h("h2", { id: "token-title" }, "This daemon asks for its token"),
    h("p", { class: "dim" }, "It is the value of auth.token in the daemon's config. It stays in this tab."),
    h("label", { class: "field" }, h("span", {}, "Token"), input),
    h("label", { class: "check" }, keep, h("span", {}, "Keep on this device")),
    problem,
    h("div", { class: "acts" }, submit),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "token-title" }, form);
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // behind it is nothing to see

  let asking = false;
  const close = (): void => {
    asking = false;
    input.value = "";
    dialog.close();
    dialog.remove();
    onReady();
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    fill(problem);
    keeper.set(input.value.trim(), false);
    try {
      await client.get("/status");
      if (keep.checked) keeper.set(input.value.trim(), true);
      close();
    } catch (error) {
      keeper.clear();
      setText(problem, problemText(error));
      input.select();
    } finally {
      submit.disabled = false;
    }
  });

  return {
    async ask(message) {
      if (asking) return;
      asking = true;
      const other = message === null || keeper.get() === null ? await keeper.askOtherTabs() : null;
      if (other !== null && other !== keeper.get()) {
        keeper.set(other, false);
        asking = false;
        onReady();
        return;
      }
      document.body.append(dialog);
      dialog.showModal();
      input.focus();
    },
  };
}
