/** Output of a plain program for those who listen: lines by the thousand are told as few pieces. */

/** Of a plain program's output, told at once. */
const PIECE_CHARS = 32_768;

/** Many short lines as few pieces. */
export function joined(lines: readonly string[]): string[] {
  const pieces: string[] = [];
  let from = 0;
  let chars = 0;
  for (const [i, line] of lines.entries()) {
    chars += line.length + 1;
    if (chars < PIECE_CHARS && i + 1 < lines.length) continue;
    pieces.push(lines.slice(from, i + 1).join("\n"));
    from = i + 1;
    chars = 0;
  }
  return pieces;
}
