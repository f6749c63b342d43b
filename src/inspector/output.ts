/**
 * What a tool answered: its beginning and its end, the rest when somebody asks for it, without a terminal's colours.
 */
import { problemText } from "./client.ts";
import { copyButton } from "./copy.ts";
import { fill, h, setText } from "./dom.ts";
import { bytes as inBytes, exact } from "./format.ts";
import { withoutColours } from "./plain.ts";

const ENDS = 20;
const PIECE = 50 * 1024;

/** `whole` fetches what was cut; null when nothing was. */
export function outputBlock(text: string, cutBytes: number | null, whole: () => Promise<string>): HTMLElement {
  const element = h("div", { class: "output" });
  if (text === "" && cutBytes === null) {
    element.append(h("span", { class: "dim" }, "(no output)"));
    return element;
  }
  const show = (source: string): void => {
    const lines = withoutColours(source).split("\n");
    const hidden = lines.length - 2 * ENDS;
    if (hidden <= 1) return fill(element, pre(lines.join("\n")));
    const more = h("button", { class: "quiet small" }, `… ${exact(hidden)} lines …`);
    more.addEventListener("click", () =>
      fill(
        element,
        pieces(lines.join("\n")),
        copyButton(() => source),
      ),
    );
    fill(element, pre(lines.slice(0, ENDS).join("\n")), more, pre(lines.slice(-ENDS).join("\n")));
  };
  if (cutBytes === null) show(text);
  else {
    const more = h("button", { class: "quiet small" }, `… all ${inBytes(cutBytes)} …`);
    more.addEventListener("click", async () => {
      more.disabled = true;
      try {
        show(await whole());
      } catch (error) {
        more.disabled = false;
        setText(more, problemText(error));
      }
    });
    fill(
      element,
      pre(
        withoutColours(text)
          .split("\n")
          .slice(0, 2 * ENDS)
          .join("\n"),
      ),
      more,
    );
  }
  return element;
}

const pre = (text: string): HTMLElement => h("pre", { tabindex: "0" }, text);

/** One node of megabytes would be laid out again with every change in it. */
function pieces(text: string): HTMLElement[] {
  return Array.from({ length: Math.ceil(text.length / PIECE) }, (_, i) =>
    h("pre", { class: "piece" }, text.slice(i * PIECE, (i + 1) * PIECE)),
  );
}
