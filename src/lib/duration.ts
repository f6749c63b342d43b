/** How long something took, for people: the largest unit and the next one, unless that is none. */

const UNITS = [
  { name: "d", ms: 86_400_000 },
  { name: "h", ms: 3_600_000 },
  { name: "min", ms: 60_000 },
  { name: "s", ms: 1000 },
] as const;

/**
 * `42 s`, `3 min 12 s`, `2 h 5 min`, `3 d 4 h`. `coarse`: for columns and for what goes on, where seconds say nothing.
 */
export function duration(ms: number, { coarse = false }: { readonly coarse?: boolean } = {}): string {
  const wholeMs = Math.floor(Math.max(0, ms) / 1000) * 1000;
  const first = UNITS.findIndex((unit) => wholeMs >= unit.ms);
  const unit = UNITS[first];
  if (unit === undefined) return "0 s";
  const next = UNITS[first + 1];
  const count = Math.floor(wholeMs / unit.ms);
  const rest = next === undefined || (coarse && next.name === "s") ? 0 : Math.floor((wholeMs % unit.ms) / next.ms);
  return `${count} ${unit.name}${rest === 0 ? "" : ` ${rest} ${next?.name}`}`;
}
