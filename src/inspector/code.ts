/** Blocks of code and diffs as nodes. In cards everything hidden is made visible; nothing is ever cut. */
import type { DiffLine, Sign } from "./diff.ts";
import { diffLines, patchLines } from "./diff.ts";
import { h } from "./dom.ts";
import { visible } from "./plain.ts";
import type { Thing } from "./request.ts";

const CLASSES: Readonly<Record<Sign, string>> = { "+": "a", "−": "d", "@": "g", " ": "c" };

/** Long lines scroll sideways inside. */
export function diffBlock(lines: readonly DiffLine[]): HTMLElement {
  const rows = lines.map(({ sign, text }) =>
    h(
      "span",
      { class: CLASSES[sign] },
      h("span", { class: "sign" }, sign === "@" ? "" : sign),
      visible(text) === "" ? " " : visible(text),
      "\n",
    ),
  );
  return h("pre", { class: "diff" }, h("code", {}, rows));
}

/** The thing that a permission is about, whole. */
export function thingBlock(thing: Thing): HTMLElement {
  switch (thing.is) {
    case "command":
      return h("pre", { class: "wrap" }, visible(thing.command));
    case "path":
      return h("pre", { class: "wrap" }, visible(thing.path));
    case "json":
      return h("pre", { class: "wrap" }, visible(thing.json));
    case "patch":
      return h("div", {}, h("div", { class: "path mono" }, visible(thing.path)), diffBlock(patchLines(thing.patch)));
    case "edit":
      return h(
        "div",
        {},
        h("div", { class: "path mono" }, visible(thing.path)),
        thing.edits.map(({ before, after }) => diffBlock(diffLines(before, after))),
      );
  }
}

/** `reached` turns true once the end of the box's content was in view, and stays so; never before `filled`. */
export function createCodeBox(content: HTMLElement, label: string, onReached: () => void) {
  const element = h("div", { class: "code", tabindex: "0", role: "region", "aria-label": label }, content);
  let reached = false;
  let filled = false;
  const look = (): void => {
    if (reached || !filled || element.clientHeight === 0) return;
    if (element.scrollTop + element.clientHeight < element.scrollHeight - 4) return;
    reached = true;
    sizes.disconnect();
    onReached();
  };
  const sizes = new ResizeObserver(look);
  sizes.observe(element);
  sizes.observe(content);
  element.addEventListener("scroll", look, { passive: true });
  return {
    element,
    filled() {
      filled = true;
      look();
    },
    get reached() {
      look();
      return reached;
    },
    showRest() {
      element.classList.add("opened");
      element.scrollTop = element.scrollHeight;
      look();
    },
    close: () => sizes.disconnect(),
  };
}
