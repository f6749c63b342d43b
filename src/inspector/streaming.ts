/**
 * Text while it is being written: one text node a message, filled once a frame, and gone when the whole message is
 * here.
 */
import { h } from "./dom.ts";
import type { Fields } from "./read.ts";
import { text } from "./read.ts";

export interface Streaming {
  readonly element: HTMLElement;
  /** `onGrown` after the frame's text went in. */
  add(delta: Fields, onGrown: () => void): void;
  drop(key: string): void;
  /** None of it goes on: a part may have been missed. It stays to be seen until it is swept. */
  retire(): void;
  sweep(): void;
}

interface Provisional {
  readonly element: HTMLElement;
  readonly node: Text;
  waiting: string;
}

export function createStreaming(): Streaming {
  const element = h("div", { class: "log-body streaming" });
  const rows = new Map<string, Provisional>();
  /** Told as messages: what is streamed of one behind it, where a program wrote both at once, says nothing new. */
  const told = new Set<string>();
  let retired: Provisional[] = [];
  let asked = false;

  const rowOf = (key: string, kind: string): Provisional => {
    let row = rows.get(key);
    if (row === undefined) {
      const node = document.createTextNode("");
      const holder = h("div", { class: kind === "thinking" ? "verbatim dim thinking" : "say verbatim" }, node);
      row = { element: h("div", { class: "log-row r-text", "data-key": key }, holder), node, waiting: "" };
      rows.set(key, row);
      element.append(row.element);
    }
    return row;
  };

  return {
    element,
    add(delta, onGrown) {
      if (told.has(text(delta["key"]))) return;
      const row = rowOf(`${text(delta["key"])} ${text(delta["kind"])}`, text(delta["kind"]));
      row.waiting += text(delta["text"]);
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        for (const each of rows.values()) {
          if (each.waiting === "") continue;
          each.node.appendData(each.waiting);
          each.waiting = "";
        }
        onGrown();
      });
    },
    drop(key) {
      told.add(key);
      for (const [name, row] of rows) {
        if (!name.startsWith(`${key} `)) continue;
        // Gone in the very frame in which the whole message is drawn.
        requestAnimationFrame(() => row.element.remove());
        rows.delete(name);
      }
    },
    retire() {
      retired.push(...rows.values());
      rows.clear();
    },
    sweep() {
      const old = retired;
      retired = [];
      // These alone: by the next frame, which may be far, others may have come.
      requestAnimationFrame(() => old.forEach((each) => each.element.remove()));
    },
  };
}
