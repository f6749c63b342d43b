/** Copying: by the clipboard where the browser gives it, else out of a hidden field. Says what came of it. */
import { h, setText } from "./dom.ts";

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByField(text);
  }
}

/** Plain http from another host has no clipboard. */
function copyByField(text: string): boolean {
  const field = h("textarea", { class: "sr", "aria-hidden": "true", tabindex: "-1" });
  const before = document.activeElement;
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}

export function copyButton(text: () => string, label = "Copy"): HTMLButtonElement {
  const button = h("button", {
    class: "quiet small",
    on: {
      async click() {
        setText(button, (await copyText(text())) ? "Copied" : "Cannot copy");
        setTimeout(() => setText(button, label), 1500);
      },
    },
  });
  setText(button, label);
  return button;
}
