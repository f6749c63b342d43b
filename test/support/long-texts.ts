/** Every text of a frame, made a megabyte, one at a time: for whoever has to show that none is kept uncut. */

export const LONG = "x".repeat(1024 * 1024);

type Path = readonly (string | number)[];

/** Where texts stand in it, however deep. */
export function texts(value: unknown, at: Path = []): readonly Path[] {
  if (typeof value === "string") return [at];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => texts(each, [...at, key]));
}

export function withLong(value: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined) return LONG;
  if (Array.isArray(value)) return value.map((each: unknown, i) => (String(i) === key ? withLong(each, rest) : each));
  return Object.fromEntries(
    Object.entries(Object(value)).map(([each, inner]) => [each, each === key ? withLong(inner, rest) : inner]),
  );
}
