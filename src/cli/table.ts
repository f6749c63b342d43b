/**
 * Rows for people and for programs. On a terminal: aligned and never wider than the window; in a pipe: tab-separated,
 * without a header, nothing cut. The caller gives both forms of a cell, because a program wants `430112` where a person
 * wants `430k`.
 */
import type { Style } from "./colours.ts";
import { painter } from "./colours.ts";
import type { Output } from "./io.ts";
import { fit, oneLine, pad, padLeft, split, widthOf, wrap } from "./text.ts";

export interface Cell {
  readonly text: string;
  /** In a pipe; default the text. */
  readonly raw?: string;
  readonly style?: Style;
}

export interface Column {
  readonly head: string;
  readonly right?: true;
  /** Never cut. */
  readonly whole?: true;
  /** Narrow windows lose the highest first; without it the column stays. */
  readonly dropAt?: number;
  /** Takes what is left of the width, at least this much. */
  readonly shrinkTo?: number;
}

const GAP = 2;
const TWO_LINES_BELOW = 50;

/** `empty` is said on a terminal when there is no row; a pipe gets nothing. */
export function printTable(
  out: Output,
  columns: readonly Column[],
  rows: readonly (readonly (Cell | string)[])[],
  empty: string,
): void {
  if (!out.isTty) {
    if (rows.length > 0) out.write(rows.map((row) => `${row.map(rawCell).join("\t")}\n`).join(""));
  } else if (rows.length === 0) out.line(empty);
  else
    out.write(
      layTable(columns, rows, out.width(), out.colours)
        .map((line) => `${line}\n`)
        .join(""),
    );
}

const cellOf = (cell: Cell | string): Cell => (typeof cell === "string" ? { text: cell } : cell);

function rawCell(cell: Cell | string): string {
  const { text, raw } = cellOf(cell);
  return oneLine(raw ?? text);
}

/** The lines, header first; none is wider than `width`. */
export function layTable(
  columns: readonly Column[],
  rows: readonly (readonly (Cell | string)[])[],
  width: number,
  colours: boolean,
): string[] {
  const paint = painter({ colours });
  const cells = rows.map((row) => row.map(cellOf).map((cell) => ({ ...cell, text: oneLine(cell.text) })));
  const wide = columns.map((column, i) =>
    Math.max(widthOf(column.head), ...cells.map((row) => widthOf(row[i]?.text ?? ""))),
  );
  if (width < TWO_LINES_BELOW && needed(columns, wide) > width) return twoLines(columns, cells, width, paint);

  let shown = columns.map((_, i) => i);
  const droppable = shown
    .filter((i) => columns[i]?.dropAt !== undefined)
    .sort((a, b) => (columns[b]?.dropAt ?? 0) - (columns[a]?.dropAt ?? 0));
  const total = (): number => shown.reduce((sum, i) => sum + least(columns[i], wide[i] ?? 0), GAP * (shown.length - 1));
  while (total() > width && droppable.length > 0) {
    const gone = droppable.shift();
    shown = shown.filter((i) => i !== gone);
  }
  const flexible = shown.find((i) => columns[i]?.shrinkTo !== undefined);
  const widths = [...wide];
  const over = shown.reduce((sum, i) => sum + (wide[i] ?? 0), GAP * (shown.length - 1)) - width;
  if (flexible !== undefined && over > 0)
    widths[flexible] = Math.max(columns[flexible]?.shrinkTo ?? 0, (wide[flexible] ?? 0) - over);

  const lay = (texts: readonly Cell[], bold: boolean): string[] => {
    const line = shown.map((i, at) => {
      const room = widths[i] ?? 0;
      const { text, style } = texts[i] ?? { text: "" };
      const cut = columns[i]?.whole === true ? text : fit(text, room);
      const last = at === shown.length - 1;
      const padded = columns[i]?.right === true ? padLeft(cut, room) : last ? cut : pad(cut, room);
      return { plain: padded, painted: paint(bold ? "bold" : style, padded) };
    });
    const plain = line.map((cell) => cell.plain).join(" ".repeat(GAP));
    if (widthOf(plain) <= width)
      return [
        line
          .map((cell) => cell.painted)
          .join(" ".repeat(GAP))
          .trimEnd(),
      ];
    return cutLines(plain, width);
  };
  return [
    ...lay(
      columns.map(({ head }) => ({ text: head })),
      true,
    ),
    ...cells.flatMap((row) => lay(row, false)),
  ];
}

const least = (column: Column | undefined, wide: number): number => Math.min(column?.shrinkTo ?? wide, wide);

function needed(columns: readonly Column[], wide: readonly number[]): number {
  const kept = columns.map((_, i) => i).filter((i) => columns[i]?.dropAt === undefined);
  return kept.reduce((sum, i) => sum + least(columns[i], wide[i] ?? 0), GAP * (kept.length - 1));
}

/** For narrow windows: what is never cut on the first line, what is said on the second. */
function twoLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number,
  paint: ReturnType<typeof painter>,
): string[] {
  return rows.flatMap((row) => {
    const at = (wanted: (column: Column) => boolean): string =>
      row
        .filter((_, i) => columns[i] !== undefined && wanted(columns[i]))
        .map(({ text }) => text)
        .join(" ");
    const first = cutLines(
      at((column) => column.whole === true),
      width,
    );
    const rest = at((column) => column.whole !== true && column.dropAt === undefined && column.right !== true);
    return [...first.map((line) => paint("bold", line)), `  ${fit(rest, width - 2)}`];
  });
}

function cutLines(text: string, width: number): string[] {
  const cut: string[] = [];
  for (let rest = text.trimEnd(); rest !== "";) {
    const [part, more] = split(rest, width);
    cut.push(part);
    rest = more;
  }
  return cut;
}

/** `key: value` pages, values wrapped behind their keys. */
export function printFacts(out: Output, facts: readonly (readonly [string, string | Cell])[]): void {
  if (!out.isTty) {
    out.write(facts.map(([key, cell]) => `${key}\t${rawCell(cell)}\n`).join(""));
    return;
  }
  const paint = painter(out);
  const keys = Math.max(...facts.map(([key]) => widthOf(key))) + GAP;
  const room = Math.max(10, out.width() - keys);
  for (const [key, value] of facts) {
    const { text, style } = cellOf(value);
    wrap(oneLine(text), room).forEach((line, i) =>
      out.line(`${i === 0 ? paint("dim", pad(key, keys)) : " ".repeat(keys)}${paint(style, line)}`),
    );
  }
}
