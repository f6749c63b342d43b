/** The page of keys, made of the very table that the handler is made of. */
import type { Page } from "./app.ts";
import { h } from "./dom.ts";
import { KEYS } from "./keys.ts";

const ARROWS: Readonly<Record<string, string>> = { ArrowDown: "↓", ArrowUp: "↑" };

export function createHelp(): Page {
  const places = [...new Set(KEYS.map(({ place }) => place))];
  const element = h(
    "main",
    { class: "plain-page", id: "main" },
    h("h1", {}, "Keys"),
    h("p", { class: "dim" }, "Single letters act outside of fields only, and never while a dialog is open."),
    places.map((place) =>
      h(
        "section",
        {},
        h("h2", {}, place),
        h(
          "dl",
          { class: "pairs keys" },
          KEYS.filter((each) => each.place === place).map(({ keys, does }) =>
            h(
              "div",
              {},
              h(
                "dt",
                {},
                keys.map((key) => [h("kbd", {}, ARROWS[key] ?? key), " "]),
              ),
              h("dd", {}, does),
            ),
          ),
        ),
      ),
    ),
  );
  return { element, title: "Keys", close: () => undefined };
}
