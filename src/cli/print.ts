/**
 * Human output: aligned columns, and durations a person can read. Control characters of strangers never reach the
 * terminal.
 */

export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, Bun.stringWidth(plain(cell)));
  return rows
    .map((row) =>
      row
        .map((cell, i) =>
          i === row.length - 1
            ? plain(cell)
            : plain(cell) + " ".repeat((widths[i] ?? 0) - Bun.stringWidth(plain(cell))),
        )
        .join("  "),
    )
    .join("\n");
}

/** One line without escape sequences. */
export function plain(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
}

/** `42 s`, `3 min`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h${minutes % 60 === 0 ? "" : ` ${minutes % 60} min`}`;
  return `${Math.floor(hours / 24)} d${hours % 24 === 0 ? "" : ` ${hours % 24} h`}`;
}
