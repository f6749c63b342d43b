/** One line of the result: what was measured, what it must be, and whether it counts. */

export type Verdict = "ok" | "missed" | "reported" | "skipped";

export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly must: string;
  readonly verdict: Verdict;
}

/** A measured number beside its bound. */
export interface Claim {
  readonly what: string;
  readonly measured: string;
  readonly must: string;
  readonly fine: boolean;
  /** Depends on how fast this machine's disk is, not only on us: asserted only where that is known to be fast. */
  readonly absolute?: true;
}

/** `fastDisk`: absolute figures are asserted. */
export function judge({ what, measured, must, fine, absolute }: Claim, fastDisk: boolean): Row {
  const reported = absolute === true && !fastDisk;
  return { what, measured, must, verdict: fine ? "ok" : reported ? "reported" : "missed" };
}

/** The table, aligned. */
export function printTable(rows: readonly Row[]): string {
  const cells = [
    ["what", "measured", "must", ""],
    ...rows.map(({ what, measured, must, verdict }) => [what, measured, must, verdict]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const lines = cells.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(" | ")
      .trimEnd(),
  );
  return [lines[0], widths.map((width) => "-".repeat(width)).join("-+-") + "-+---------", ...lines.slice(1)].join("\n");
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Nearest rank; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
export const percent = (value: number): string => `${(value * 100).toFixed(value < 0.1 ? 2 : 0)} %`;
export const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
export const kb = (bytes: number): string => `${(bytes / 1000).toFixed(1)} KB`;
