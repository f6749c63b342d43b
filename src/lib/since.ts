/** How people write how long something takes, and since when. Pure. */

const UNITS = { "": 1000, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
export const DURATION = /^(\d{1,9})([smhd]?)$/;

/** Milliseconds of `90`, `90s`, `10m`, `2h`, `1d`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit = ""] = DURATION.exec(text) ?? [];
  if (number === undefined) return undefined;
  const factor = new Map<string, number>(Object.entries(UNITS)).get(unit);
  return factor === undefined ? undefined : Number(number) * factor;
}

export type Since = { readonly event: number } | { readonly atMs: number };

/** An event id, a duration ago, or a time (ISO 8601). */
export function parseSince(text: string, nowMs: number): Since | undefined {
  if (/^#?\d{1,15}$/.test(text)) return { event: Number(text.replace("#", "")) };
  const ago = parseDuration(text);
  if (ago !== undefined) return { atMs: nowMs - ago };
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : { atMs: at };
}
