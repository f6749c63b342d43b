/** Small dialogs: a question, a few fields. The browser gives the focus back; an error stands where it was asked. */
import { problemText } from "./client.ts";
import type { Child } from "./dom.ts";
import { h, setText } from "./dom.ts";

export interface DialogOptions {
  readonly title: string;
  readonly content: Child;
  readonly action: string;
  readonly danger?: boolean;
  /** Throws what is shown; then the dialog stays. */
  act(): Promise<void>;
  /** false = the action is not possible yet. */
  ready?(): boolean;
}

export function openDialog({ title, content, action, danger = false, act, ready }: DialogOptions): void {
  const problem = h("p", { class: "problem", role: "alert" });
  const submit = h("button", { type: "submit", class: danger ? "danger" : "primary" }, action);
  const cancel = h("button", { type: "button", on: { click: () => dialog.close() } }, "Cancel");
  const form = h(
    "form",
    { class: "form" },
    h("h2", { id: "dialog-title" }, title),
    content,
    problem,
    h("div", { class: "acts" }, submit, cancel),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" }, form);
  const look = (): void => {
    if (ready !== undefined) submit.disabled = !ready();
  };
  form.addEventListener("input", look);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    setText(problem, "");
    try {
      await act();
      dialog.close();
    } catch (error) {
      setText(problem, problemText(error));
      submit.disabled = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  look();
  dialog.showModal();
}
