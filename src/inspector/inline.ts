/**
 * The marks inside a paragraph: code, emphasis, strike, links, breaks, escapes. One pass and a stack of bounded depth,
 * so that no text takes more than linear time. Everything else, HTML included, stays text. Pure.
 */
export type Span =
  | string
  | { readonly is: "code"; readonly text: string }
  | { readonly is: "strong" | "em" | "del"; readonly spans: readonly Span[] }
  | { readonly is: "link"; readonly href: string; readonly spans: readonly Span[] }
  | { readonly is: "break" };

interface Frame {
  /** The opening mark, as it is shown when nothing closes it. */
  readonly mark: string;
  readonly spans: Span[];
}

const MAX_DEPTH = 12;
const MAX_URL = 2048;
const KINDS: Readonly<Record<string, "strong" | "em" | "del">> = {
  "**": "strong",
  __: "strong",
  "*": "em",
  _: "em",
  "~~": "del",
};

export function parseInline(text: string): readonly Span[] {
  const stack: Frame[] = [{ mark: "", spans: [] }];
  const closers = backtickRuns(text);
  let at = 0;
  let plain = "";

  const top = (): Frame => stack[stack.length - 1] ?? { mark: "", spans: [] };
  const flush = (): void => {
    if (plain !== "") top().spans.push(plain);
    plain = "";
  };
  const push = (span: Span): void => {
    flush();
    top().spans.push(span);
  };
  const open = (mark: string): void => {
    flush();
    stack.push({ mark, spans: [] });
  };
  /** Frames above `depth` were never closed: their marks are text after all. */
  const collapse = (depth: number): void => {
    flush();
    while (stack.length > depth) {
      const frame = stack.pop();
      if (frame !== undefined) top().spans.push(frame.mark, ...frame.spans);
    }
  };
  const depthOf = (mark: string): number => stack.findLastIndex((frame) => frame.mark === mark);

  while (at < text.length) {
    const char = text.charAt(at);
    const next = text.charAt(at + 1);
    if (char === "\\" && next === "\n") {
      push({ is: "break" });
      at += 2;
    } else if (char === "\\" && /[!-/:-@[-`{-~]/.test(next)) {
      plain += next;
      at += 2;
    } else if (char === "`") {
      const run = runLength(text, at);
      const end = closers.next(run, at + run);
      if (end === -1) plain += text.slice(at, at + run);
      else push({ is: "code", text: codeText(text.slice(at + run, end)) });
      at = end === -1 ? at + run : end + run;
    } else if (char === "*" || char === "_" || (char === "~" && next === "~")) {
      const mark = char === next ? char + next : char;
      const before = text.charAt(at - 1);
      const after = text.charAt(at + mark.length);
      const inWord = char === "_" && /\w/.test(before);
      const depth = /\s|^$/.test(before) || (char === "_" && /\w/.test(after)) ? -1 : depthOf(mark);
      at += mark.length;
      if (depth > 0) {
        collapse(depth + 1);
        flush();
        const frame = stack.pop();
        push({ is: KINDS[mark] ?? "em", spans: frame?.spans ?? [] });
      } else if (stack.length < MAX_DEPTH && !inWord && after !== "" && !/\s/.test(after)) open(mark);
      else plain += mark;
    } else if (char === "[" || (char === "!" && next === "[")) {
      // An image becomes a link with its words: nothing is fetched.
      const mark = char === "!" ? "![" : "[";
      if (stack.length < MAX_DEPTH) open(mark);
      else plain += mark;
      at += mark.length;
    } else if (char === "]") {
      const depth = Math.max(depthOf("["), depthOf("!["));
      const target = depth > 0 && next === "(" ? linkTarget(text, at + 2) : null;
      if (target === null) {
        plain += char;
        at += 1;
      } else {
        collapse(depth + 1);
        flush();
        const spans = stack.pop()?.spans ?? [];
        const href = safeHref(target.url);
        push(href === null ? `[${flat(spans)}](${target.url})` : { is: "link", href, spans });
        at = target.end;
      }
    } else if (char === "\n") {
      const hard = plain.endsWith("  ");
      plain = plain.trimEnd();
      if (hard) push({ is: "break" });
      else plain += "\n";
      at += 1;
    } else {
      const url = char === "h" || char === "<" ? urlAt(text, at) : null;
      if (url === null) {
        plain += char;
        at += 1;
      } else {
        push({ is: "link", href: url.href, spans: [url.text] });
        at = url.end;
      }
    }
  }
  collapse(1);
  return top().spans;
}

/** Where runs of backticks stand, by their length: each closer is looked for once. */
function backtickRuns(text: string): { next(length: number, from: number): number } {
  const places = new Map<number, { readonly at: number[]; used: number }>();
  for (let i = text.indexOf("`"); i !== -1;) {
    const run = runLength(text, i);
    const known = places.get(run);
    if (known === undefined) places.set(run, { at: [i], used: 0 });
    else known.at.push(i);
    i = text.indexOf("`", i + run);
  }
  return {
    next(length, from) {
      const known = places.get(length);
      if (known === undefined) return -1;
      while ((known.at[known.used] ?? Infinity) < from) known.used += 1;
      return known.at[known.used] ?? -1;
    },
  };
}

function runLength(text: string, at: number): number {
  let end = at;
  while (text.charCodeAt(end) === 96) end += 1;
  return end - at;
}

const codeText = (text: string): string => {
  const line = text.replaceAll("\n", " ");
  return line.startsWith(" ") && line.endsWith(" ") && line.trim() !== "" ? line.slice(1, -1) : line;
};

/** `url)` or `url "title")`; null when it is none. */
function linkTarget(text: string, from: number): { readonly url: string; readonly end: number } | null {
  const piece = text.slice(from, from + MAX_URL);
  const match = /^\s?<?([^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)?)>?(?:\s+"[^"\n]*")?\s?\)/.exec(piece);
  return match === null ? null : { url: match[1] ?? "", end: from + match[0].length };
}

function urlAt(text: string, at: number): { href: string; text: string; end: number } | null {
  const start = text.charAt(at) === "<" ? at + 1 : at;
  if (!text.startsWith("http", start) || (start === at && /\w/.test(text.charAt(at - 1)))) return null;
  const found = /^https?:\/\/[^\s<>"'`]+/.exec(text.slice(start, start + MAX_URL))?.[0];
  if (found === undefined) return null;
  const closed = start > at && text.charAt(start + found.length) === ">";
  const url = closed ? found : trimUrl(found);
  const href = safeHref(url);
  if (href === null || (start > at && !closed)) return null;
  return { href, text: url, end: start + url.length + (closed ? 1 : 0) };
}

/** Punctuation of the sentence around it is not part of an address. */
function trimUrl(url: string): string {
  const trimmed = url.replace(/[.,:;!?*_~\]]+$/, "");
  return trimmed.endsWith(")") && !trimmed.includes("(") ? trimmed.slice(0, -1) : trimmed;
}

/** An address that may be followed; null for every other scheme and for what is no whole address. */
export function safeHref(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const { protocol, href } = new URL(url);
  return protocol === "http:" || protocol === "https:" || protocol === "mailto:" ? href : null;
}

export function flat(spans: readonly Span[]): string {
  return spans
    .map((span) => {
      if (typeof span === "string") return span;
      if (span.is === "break") return "\n";
      return span.is === "code" ? span.text : flat(span.spans);
    })
    .join("");
}
