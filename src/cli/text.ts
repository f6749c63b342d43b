/**
 * Text of strangers on its way to a terminal: harmless, measured as it is shown, cut where a character ends. Widths are
 * columns of a terminal.
 */

/** Shown, but without effect: ESC as ␛, other controls, bidi marks and line separators as spaces. */
const CONTROLS = /[\u0000-\u001a\u001c-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g;

/** One line. */
export function oneLine(text: string): string {
  return text.replace(/\r\n/g, " ").replace(CONTROLS, " ").replaceAll("\u001b", "␛");
}

/** One line with single spaces: for excerpts. */
export function squeezed(text: string): string {
  return oneLine(text).replace(/\s+/g, " ").trim();
}

/** Lines stay lines, tabs become spaces. */
export function lines(text: string): string[] {
  return text
    .replace(/\r\n?/g, "\n")
    .split("\n")
    .map((line) => oneLine(line.replaceAll("\t", "    ")));
}

/** Exact text for a terminal: only what would act on the terminal is taken out. */
export function withoutEscapes(text: string): string {
  return (
    text
      // CSI, OSC and the other strings, then what is left of them.
      .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g, "")
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g, "")
  );
}

const ASCII = /^[\x20-\x7e]*$/;
let segmenter: Intl.Segmenter | undefined;

function graphemes(text: string): Iterable<{ readonly segment: string }> {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  return segmenter.segment(text);
}

/**
 * Terminals do not agree on how wide joined emoji and marks are. The larger of both answers is taken: a line may end a
 * little early, but never runs over.
 */
function graphemeWidth(segment: string): number {
  let sum = 0;
  for (const point of segment) sum += /\p{Mark}|\u200d|[\ufe00-\ufe0f]/u.test(point) ? 0 : Bun.stringWidth(point);
  return Math.max(sum, Bun.stringWidth(segment));
}

export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes(text)) width += graphemeWidth(segment);
  return width;
}

/** At most `width` columns; "…" is the last when something is missing. */
export function fit(text: string, width: number): string {
  if (ASCII.test(text)) return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
  if (widthOf(text) <= width) return text;
  const [head] = split(text, width - 1);
  return widthOf(head) < width ? `${head}…` : "…";
}

/** The part that fits, and the rest. At least one character is in the first part, so that this comes to an end. */
export function split(text: string, width: number): readonly [string, string] {
  if (ASCII.test(text)) return [text.slice(0, Math.max(1, width)), text.slice(Math.max(1, width))];
  let used = 0;
  let at = 0;
  for (const { segment } of graphemes(text)) {
    const wide = graphemeWidth(segment);
    if (used + wide > width && at > 0) break;
    used += wide;
    at += segment.length;
    if (used >= width) break;
  }
  return [text.slice(0, at), text.slice(at)];
}

export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

export function padLeft(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - widthOf(text))) + text;
}

/** Lines of at most `width` columns, broken at spaces where there are any. `text` is one line. */
export function wrap(text: string, width: number): string[] {
  const wrapped: string[] = [];
  let rest = text;
  while (widthOf(rest) > width) {
    const [part, more] = split(rest, width);
    const space = more.startsWith(" ") ? part.length : part.lastIndexOf(" ");
    if (space > 0) {
      wrapped.push(part.slice(0, space));
      rest = rest.slice(space + 1);
    } else {
      wrapped.push(part);
      rest = more;
    }
  }
  wrapped.push(rest);
  return wrapped;
}
