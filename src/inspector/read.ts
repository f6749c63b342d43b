/** Readers for JSON from outside: a value of the wanted kind or its default, never an assumption. Pure. */
export type Fields = Readonly<Record<string, unknown>>;

export function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const text = (value: unknown): string => (typeof value === "string" ? value : "");
export const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null);
export const number = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);
export const numberOrNull = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;
export const isTrue = (value: unknown): boolean => value === true;

/** Epoch milliseconds of an ISO time; null when it is none. */
export function time(value: unknown): number | null {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isFinite(ms) ? ms : null;
}

export function parseJson(source: string): unknown {
  try {
    return JSON.parse(source) as unknown;
  } catch {
    return undefined;
  }
}

export const strings = (value: unknown): readonly string[] =>
  list(value).filter((each): each is string => typeof each === "string");
