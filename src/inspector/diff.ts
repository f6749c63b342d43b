/**
 * Lines that went and came, with three lines of what stands around them. Pure; what is large is not compared in detail.
 */
export type Sign = " " | "+" | "−" | "@";

export interface DiffLine {
  readonly sign: Sign;
  readonly text: string;
}

const CONTEXT = 3;
/** A table of more cells than this would be felt. */
const MAX_CELLS = 400_000;

export function diffLines(before: string, after: string): readonly DiffLine[] {
  const a = before === "" ? [] : before.replace(/\n$/, "").split("\n");
  const b = after === "" ? [] : after.replace(/\n$/, "").split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
    tail += 1;
  const lines = [
    ...a.slice(0, head).map(line(" ")),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...a.slice(a.length - tail).map(line(" ")),
  ];
  return withContext(lines);
}

/** A unified patch as its program wrote it. */
export function patchLines(patch: string): readonly DiffLine[] {
  return patch
    .replace(/\n$/, "")
    .split("\n")
    .map((text) => {
      if (text.startsWith("+") && !text.startsWith("+++")) return { sign: "+", text: text.slice(1) };
      if (text.startsWith("-") && !text.startsWith("---")) return { sign: "−", text: text.slice(1) };
      return text.startsWith(" ") ? { sign: " ", text: text.slice(1) } : { sign: "@", text };
    });
}

export function changed(lines: readonly DiffLine[]): { readonly added: number; readonly removed: number } {
  const count = (sign: Sign): number => lines.filter((each) => each.sign === sign).length;
  return { added: count("+"), removed: count("−") };
}

const line =
  (sign: Sign) =>
  (text: string): DiffLine => ({ sign, text });

/** The longest common lines stay; of what is too large, everything goes and comes. */
function middle(a: readonly string[], b: readonly string[]): DiffLine[] {
  if (a.length * b.length > MAX_CELLS) return [...a.map(line("−")), ...b.map(line("+"))];
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => table[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1)
      table[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  const out: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const [x, y] = [a[i], b[j]];
    if (x !== undefined && x === y) {
      out.push({ sign: " ", text: x });
      i += 1;
      j += 1;
    } else if (x !== undefined && (y === undefined || at(i + 1, j) >= at(i, j + 1))) {
      out.push({ sign: "−", text: x });
      i += 1;
    } else {
      out.push({ sign: "+", text: y ?? "" });
      j += 1;
    }
  }
  return out;
}

/** Of long stretches that stayed, only their ends. */
function withContext(lines: readonly DiffLine[]): readonly DiffLine[] {
  const near = lines.map(() => false);
  lines.forEach(({ sign }, i) => {
    if (sign !== " ") near.fill(true, Math.max(0, i - CONTEXT), i + CONTEXT + 1);
  });
  const out: DiffLine[] = [];
  let skipped = 0;
  lines.forEach((each, i) => {
    if (!near[i]) return void (skipped += 1);
    if (skipped > 0) out.push({ sign: "@", text: `… ${skipped} lines …` });
    skipped = 0;
    out.push(each);
  });
  return out;
}
