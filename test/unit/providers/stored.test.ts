/**
 * The stored state of every codec, damaged in every way that an upgrade or a disk can damage it: each member deleted,
 * nulled and of another type, at any depth, at every moment of a conversation. Either it is told that it cannot be
 * read, or the conversation goes on exactly as it would have: never an exception, never silently wrong.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { codecOf, type Moment, PROVIDER_KINDS, record, replay } from "./record.ts";

type Json = unknown;

/** Every place in the value, from the top down. */
function paths(value: Json, at: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== "object" || value === null) return [at];
  const inner = Array.isArray(value) ? value.map((each, i) => [i, each] as const) : Object.entries(value);
  return [at, ...inner.flatMap(([key, each]) => paths(each, [...at, key]))];
}

function at(value: Json, path: readonly (string | number)[]): Json {
  return path.reduce<Json>((inner, key) => (Object(inner) as Record<string | number, Json>)[key], value);
}

function changed(value: Json, path: readonly (string | number)[], to: Json | undefined): Json {
  const copy = structuredClone(value);
  const [last, ...before] = path.toReversed();
  if (last === undefined) return to;
  const parent = at(copy, before.toReversed()) as Record<string | number, Json>;
  if (to === undefined && Array.isArray(parent)) parent.splice(Number(last), 1);
  else if (to === undefined) delete parent[last];
  else parent[last] = to;
  return copy;
}

/** Values of all other types. */
function others(value: Json): readonly Json[] {
  return [null, 7, "weird", true, [], [null], {}, { weird: null }].filter(
    (other) => JSON.stringify(other) !== JSON.stringify(value) && kindOf(other) !== kindOf(value),
  );
}

function kindOf(value: Json): string {
  return value === null ? "null" : Array.isArray(value) ? "list" : typeof value;
}

/** Members that hold any number of entries by their names. */
const MAPS = [
  "asked",
  "inputs",
  "subagents",
  "open",
  "calls",
  "asks",
  "replies",
  "items",
  "others",
  "tools",
  "dialogs",
];
/** Members that may be absent for good. */
const OPTIONAL = ["error", "changes", "subagent"];
/** Members that came later than the first stored states: without them a state is as good as an older daemon's. */
const LATER = ["ending"];
/** What a codec keeps as it came, whatever it is. */
const OPAQUE =
  /\.(detail|data|params|changes|permission\.(?!type|id|kind|tool|title|options)|tools\.[^.]+\.input)(\.|$)/;

/** Nobody can see that an entry of a list or a map is missing, or that one is that may be. */
function mayBeMissing(path: readonly (string | number)[]): boolean {
  const [name, map] = [path.at(-1), path.at(-2)];
  return typeof name === "number" || MAPS.includes(String(map)) || [...OPTIONAL, ...LATER].includes(String(name));
}

/** A place in all states alike: entries of lists and maps have no names. */
function placeOf(path: readonly (string | number)[]): string {
  return path.map((key, i) => (typeof key === "number" || MAPS.includes(String(path[i - 1])) ? "*" : key)).join(".");
}

describe.each(PROVIDER_KINDS)("the stored state of %s", (kind) => {
  const codec = codecOf(kind);
  let moments: readonly Moment[] = [];
  beforeAll(async () => {
    moments = await record(kind);
  }, 40_000);

  /** One moment of each shape: states that differ in their words only are damaged in the same way. */
  const shapes = (): readonly number[] => {
    const seen = new Set<string>();
    return moments.flatMap(({ state }, index) => {
      const shape = JSON.stringify(state, (_key, value: Json) =>
        typeof value === "string" ? value.slice(0, 3) : typeof value === "number" ? 0 : value,
      );
      const known = seen.size === seen.add(shape).size;
      return known ? [] : [index];
    });
  };

  test("read back as it was, the conversation goes on as it would have", () => {
    for (const index of shapes()) {
      const { state } = moments[index] ?? { state: null };
      const read = codec.read(JSON.parse(JSON.stringify(state)));
      if (!read.ok) throw new Error(`moment ${index} cannot be read: ${read.reason}`);
      expect(read.state).toEqual(state);
      expect(replay(codec, read.state, moments.slice(index + 1))).toEqual(
        replay(codec, state, moments.slice(index + 1)),
      );
    }
  });

  test("damaged anywhere, it is told or does no harm", () => {
    let told = 0;
    let filled = 0;
    const wrong: string[] = [];
    const nullable = new Set(
      moments.flatMap(({ state }) =>
        paths(state)
          .filter((path) => at(state, path) === null)
          .map(placeOf),
      ),
    );
    for (const index of shapes()) {
      const { state } = moments[index] ?? { state: null };
      const rest = moments.slice(index + 1);
      const whole = replay(codec, state, rest);
      for (const path of paths(state)) {
        if (OPAQUE.test(`.${path.join(".")}`)) continue;
        for (const to of [...(mayBeMissing(path) ? [] : [undefined]), ...others(at(state, path))]) {
          const damaged = changed(state, path, to);
          const where = `moment ${index}, ${path.join(".")} = ${JSON.stringify(to)}`;
          const read = codec.read(damaged);
          if (!read.ok) {
            expect(read.reason.length, where).toBeGreaterThan(10);
            told += 1;
            continue;
          }
          filled += 1;
          const goesOn = replay(codec, read.state, rest);
          // As good a value as the one that was there.
          if (to === null && nullable.has(placeOf(path))) continue;
          if (at(state, path) === null && typeof to === "string") continue;
          if (path.at(-1) === "rpc" && typeof to === "string") continue;
          const first = whole.findIndex((line, i) => line !== goesOn[i]);
          if (goesOn.length !== whole.length || first !== -1)
            wrong.push(`${where}: ${goesOn[first]?.slice(0, 200)} instead of ${whole[first]?.slice(0, 200)}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(told).toBeGreaterThan(10);
    expect(filled).toBeGreaterThan(kind === "command" ? -1 : 10);
  }, 60_000);

  test("nothing at all, text and lists are told", () => {
    for (const json of [null, undefined, "", "{", 0, [], [{}], {}, { v: 1 }, { v: 1, kind, state: null }])
      expect(codec.read(json).ok, JSON.stringify(json)).toBe(false);
  });

  test("of a newer version or of another kind, it is told what it is", () => {
    const { state } = moments.at(-1) ?? { state: null };
    const newer = codec.read({ ...(state as object), v: 999 });
    expect(newer.ok ? "" : newer.reason).toContain("999");
    const other = codec.read({ ...(state as object), kind: "elsewhere" });
    expect(other.ok ? "" : other.reason).toContain("elsewhere");
  });

  test("as it was stored before it named its version, it is read", () => {
    const { state } = moments.at(-1) ?? { state: null };
    expect(codec.read((state as { state: unknown }).state)).toEqual({ ok: true, state });
  });
});
