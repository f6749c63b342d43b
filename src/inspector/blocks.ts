/**
 * Markdown by lines: headings, paragraphs, fences, lists, quotes, tables, rules. Containers nest to a bounded depth,
 * each level reads its lines once. Everything else is a paragraph. Pure.
 */
import type { Span } from "./inline.ts";
import { parseInline } from "./inline.ts";

export type Block =
  | { readonly is: "paragraph"; readonly spans: readonly Span[] }
  | { readonly is: "heading"; readonly level: number; readonly spans: readonly Span[] }
  | { readonly is: "code"; readonly language: string; readonly text: string }
  | { readonly is: "quote"; readonly blocks: readonly Block[] }
  | { readonly is: "list"; readonly start: number | null; readonly items: readonly Item[] }
  | { readonly is: "table"; readonly rows: readonly (readonly (readonly Span[])[])[] }
  | { readonly is: "rule" };

export interface Item {
  /** null = no task box. */
  readonly done: boolean | null;
  readonly blocks: readonly Block[];
}

const MAX_DEPTH = 6;

export function parseBlocks(text: string): readonly Block[] {
  return blocksOf(text.replaceAll("\r\n", "\n").replaceAll("\t", "    ").split("\n"), 0);
}

function blocksOf(lines: readonly string[], depth: number): Block[] {
  const out: Block[] = [];
  let paragraph: string[] = [];
  let at = 0;
  const close = (): void => {
    if (paragraph.length > 0) out.push({ is: "paragraph", spans: parseInline(paragraph.join("\n").trimEnd()) });
    paragraph = [];
  };
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const found = line.trim() === "" ? { block: null, next: at + 1 } : blockAt(lines, at, depth, paragraph.length > 0);
    if (found === null) {
      paragraph.push(line.trimStart());
      at += 1;
      continue;
    }
    close();
    if (found.block !== null) out.push(found.block);
    at = found.next;
  }
  close();
  return out;
}

interface Found {
  /** null: an empty line. */
  readonly block: Block | null;
  readonly next: number;
}

function blockAt(lines: readonly string[], at: number, depth: number, inParagraph: boolean): Found | null {
  const line = lines[at] ?? "";
  const start = line.search(/\S/);
  if (start >= 4) return inParagraph ? null : indented(lines, at);
  switch (line.charAt(start)) {
    case "`":
    case "~":
      return fence(lines, at);
    case "#":
      return heading(line, at);
    case ">":
      return depth < MAX_DEPTH ? quote(lines, at, depth) : null;
    case "|":
      return table(lines, at);
    default:
      if (/^\s*(?:\*\s*){3,}$|^\s*(?:-\s*){3,}$|^\s*(?:_\s*){3,}$/.test(line.slice(0, 200))) {
        return line.length <= 200 ? { block: { is: "rule" }, next: at + 1 } : null;
      }
      return depth < MAX_DEPTH ? listAt(lines, at, depth, inParagraph) : null;
  }
}

function heading(line: string, at: number): Found | null {
  const marks = /^\s*(#{1,6})(?:\s+|$)/.exec(line.slice(0, 16));
  if (marks === null) return null;
  const text = line.slice(marks[0].length).trimEnd();
  return {
    block: { is: "heading", level: marks[1]?.length ?? 1, spans: parseInline(text) },
    next: at + 1,
  };
}

/** An unclosed one goes to the end. */
function fence(lines: readonly string[], at: number): Found | null {
  const line = lines[at] ?? "";
  const mark = /^\s*(`{3,}|~{3,})/.exec(line.slice(0, 40))?.[1];
  if (mark === undefined) return null;
  const indent = line.search(/\S/);
  const language = line.slice(indent + mark.length).trim();
  if (mark.startsWith("`") && language.includes("`")) return null;
  let end = at + 1;
  while (end < lines.length && !closes(lines[end] ?? "", mark)) end += 1;
  const text = lines.slice(at + 1, end).map((each) => unindent(each, indent));
  return { block: { is: "code", language: language.split(/\s/)[0] ?? "", text: text.join("\n") }, next: end + 1 };
}

const closes = (line: string, mark: string): boolean => {
  const text = line.trim();
  return text.length >= mark.length && text === mark.charAt(0).repeat(text.length);
};

function indented(lines: readonly string[], at: number): Found {
  let end = at;
  while (end < lines.length && ((lines[end] ?? "").startsWith("    ") || (lines[end] ?? "").trim() === "")) end += 1;
  const text = lines.slice(at, end).map((each) => unindent(each, 4));
  return { block: { is: "code", language: "", text: text.join("\n").trimEnd() }, next: end };
}

function unindent(line: string, columns: number): string {
  let cut = 0;
  while (cut < columns && line.charAt(cut) === " ") cut += 1;
  return line.slice(cut);
}

function quote(lines: readonly string[], at: number, depth: number): Found {
  let end = at;
  while (end < lines.length && /^ {0,3}>/.test(lines[end] ?? "")) end += 1;
  const inner = lines.slice(at, end).map((each) => each.slice(each.indexOf(">") + 1).replace(/^ /, ""));
  return { block: { is: "quote", blocks: blocksOf(inner, depth + 1) }, next: end };
}

const BULLET = /^( {0,3})(?:([-*+])|(\d{1,9})[.)])(?: +|$)/;

function listAt(lines: readonly string[], at: number, depth: number, inParagraph: boolean): Found | null {
  const first = BULLET.exec(lines[at] ?? "");
  if (first === null) return null;
  const [, , bullet, digits] = first;
  // In the middle of a paragraph only a list that begins at 1 and holds something is one.
  if (inParagraph && (first[0].length === (lines[at] ?? "").length || (digits !== undefined && digits !== "1")))
    return null;
  const items: Item[] = [];
  let next = at;
  while (next < lines.length) {
    const mark = BULLET.exec(lines[next] ?? "");
    if (mark === null || mark[2] !== bullet || (mark[3] === undefined) !== (digits === undefined)) break;
    const width = Math.min(mark[0].length, 8);
    const own = [(lines[next] ?? "").slice(mark[0].length)];
    next += 1;
    for (; next < lines.length; next += 1) {
      const line = lines[next] ?? "";
      const indent = line.search(/\S/);
      if (indent === -1) {
        // An empty line belongs to the item only when more of it follows.
        if ((lines[next + 1] ?? "").search(/\S/) < Math.min(width, 2) || own.at(-1) === "") break;
        own.push("");
      } else if (indent >= Math.min(width, 2)) own.push(unindent(line, width));
      else if (BULLET.test(line) || own.at(-1) === "" || /^(#|>|```|~~~)/.test(line)) break;
      else own.push(line);
    }
    while ((lines[next] ?? " ") === "" && BULLET.test(lines[next + 1] ?? "")) next += 1;
    const task = /^\[([ xX])\] /.exec(own[0] ?? "");
    if (task !== null) own[0] = (own[0] ?? "").slice(4);
    items.push({ done: task === null ? null : task[1] !== " ", blocks: blocksOf(own, depth + 1) });
  }
  return { block: { is: "list", start: digits === undefined ? null : Number(digits), items }, next };
}

function table(lines: readonly string[], at: number): Found | null {
  if (!/^\s*\|?[\s:|-]*-[\s:|-]*$/.test(lines[at + 1] ?? "") || !(lines[at + 1] ?? "").includes("|")) return null;
  let end = at + 2;
  while (end < lines.length && (lines[end] ?? "").includes("|")) end += 1;
  const rows = [lines[at] ?? "", ...lines.slice(at + 2, end)].map((line) =>
    cells(line).map((cell) => parseInline(cell)),
  );
  return { block: { is: "table", rows }, next: end };
}

function cells(line: string): string[] {
  const found: string[] = [];
  let cell = "";
  for (let i = 0; i < line.length; i += 1) {
    const char = line.charAt(i);
    if (char === "\\" && line.charAt(i + 1) === "|") {
      cell += "|";
      i += 1;
    } else if (char === "|") {
      found.push(cell.trim());
      cell = "";
    } else cell += char;
  }
  if (cell.trim() !== "") found.push(cell.trim());
  return line.trimStart().startsWith("|") ? found.slice(1) : found;
}
