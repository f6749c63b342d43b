/** Markdown as nodes. What is parsed is text; what is made are our own few elements around text nodes. */
import type { Block, Item } from "./blocks.ts";
import { parseBlocks } from "./blocks.ts";
import { copyButton } from "./copy.ts";
import type { Child } from "./dom.ts";
import { h } from "./dom.ts";
import type { Span } from "./inline.ts";
import { flat } from "./inline.ts";

/** Beyond this, layout of marked-up text would be felt: it is shown as it is, in pieces. */
const PLAIN_FROM = 200 * 1024;
const PIECE = 50 * 1024;

export function renderMarkdown(text: string): readonly Child[] {
  if (text.length <= PLAIN_FROM) return parseBlocks(text).map(block);
  return Array.from({ length: Math.ceil(text.length / PIECE) }, (_, i) =>
    h("pre", { class: "wrap piece" }, text.slice(i * PIECE, (i + 1) * PIECE)),
  );
}

function block(each: Block): Child {
  switch (each.is) {
    case "paragraph":
      return h("p", {}, spans(each.spans));
    case "heading":
      return heading(each.level, spans(each.spans));
    case "rule":
      return h("hr");
    case "quote":
      return h("blockquote", {}, each.blocks.map(block));
    case "code":
      return codeBlock(each.language, each.text);
    case "list":
      return each.start === null
        ? h("ul", {}, each.items.map(item))
        : h("ol", { start: each.start }, each.items.map(item));
    case "table": {
      const [head = [], ...rows] = each.rows;
      return h(
        "div",
        { class: "scroller", tabindex: "0", role: "region", "aria-label": "A table" },
        h(
          "table",
          {},
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              head.map((cell) => h("th", {}, spans(cell))),
            ),
          ),
          h(
            "tbody",
            {},
            rows.map((row) =>
              h(
                "tr",
                {},
                row.map((cell) => h("td", {}, spans(cell))),
              ),
            ),
          ),
        ),
      );
    }
  }
}

/** The page's own headings are above: a message begins at the third level. */
function heading(level: number, children: readonly Child[]): HTMLElement {
  if (level <= 1) return h("h3", {}, children);
  return level === 2 ? h("h4", {}, children) : level === 3 ? h("h5", {}, children) : h("h6", {}, children);
}

function item({ done, blocks }: Item): Child {
  const [first, ...rest] = blocks;
  // A lone paragraph stands without its own box: that is what a tight list looks like.
  const head = first?.is === "paragraph" ? spans(first.spans) : first === undefined ? [] : block(first);
  const box = done === null ? null : h("input", { type: "checkbox", disabled: true, checked: done });
  return h("li", done === null ? {} : { class: "task" }, box, head, rest.map(block));
}

function codeBlock(language: string, text: string): HTMLElement {
  const pre = h("pre", { tabindex: "0" }, h("code", {}, text));
  const wrap = h("button", { class: "quiet small", on: { click: () => pre.classList.toggle("wrap") } }, "Wrap");
  return h(
    "div",
    { class: "fence" },
    h(
      "div",
      { class: "fence-head" },
      h("span", { class: "dim" }, language || "text"),
      wrap,
      copyButton(() => text),
    ),
    pre,
  );
}

function spans(all: readonly Span[]): Child[] {
  return all.map((span) => {
    if (typeof span === "string") return span;
    switch (span.is) {
      case "break":
        return h("br");
      case "code":
        return h("code", {}, span.text);
      case "strong":
        return h("strong", {}, spans(span.spans));
      case "em":
        return h("em", {}, spans(span.spans));
      case "del":
        return h("del", {}, spans(span.spans));
      case "link":
        return link(span.href, span.spans);
    }
  });
}

/** `href` has passed the list of schemes. Where the words name another place, the title says which one it is. */
function link(href: string, words: readonly Span[]): HTMLElement {
  const { host, protocol } = new URL(href);
  const told = flat(words);
  const title = told.includes(host) && host !== "" ? {} : { title: protocol === "mailto:" ? href : host };
  return h("a", { href, target: "_blank", rel: "noopener noreferrer", ...title }, told === "" ? href : spans(words));
}
