/**
 * Asks the person for the token, over a page that shows nothing: tried before it is kept, told why when it is wrong.
 */
import type { Client } from "./client.ts";
import { problemText } from "./client.ts";
import { fill, h, setText } from "./dom.ts";
import type { TokenKeeper } from "./token.ts";

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
