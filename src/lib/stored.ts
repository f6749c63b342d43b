/**
 * Reading back what was stored as JSON: it may be of an older daemon, of a newer one, or damaged.
 * A member that is missing is filled from the initial state, however deep, unless it decides what goes on: such a one
 * must be there. What is there must have its type; nothing is guessed. Whatever cannot be read becomes a reason in
 * words, never an exception.
 */
import { describe, isObject, joinPath } from "./check.ts";

export type Stored<S> = { readonly ok: true; readonly state: S } | { readonly ok: false; readonly reason: string };

/** Gives the value, or throws `Unreadable`; `undefined` stands for a member that is not there. */
export type Reader<T> = (json: unknown, path: string) => T;

class Unreadable extends Error {}

export function readStored<S>(reader: Reader<S>, json: unknown): Stored<S> {
  try {
    return { ok: true, state: reader(json, "") };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, reason: error.message };
    throw error;
  }
}

function unreadable(json: unknown, path: string, expected: string): never {
  throw new Unreadable(`${path === "" ? "it" : path} is ${describe(json)}, expected ${expected}`);
}

export const aText: Reader<string> = (json, path) =>
  typeof json === "string" ? json : unreadable(json, path, "a text");

export const aFlag: Reader<boolean> = (json, path) =>
  typeof json === "boolean" ? json : unreadable(json, path, "true or false");

/** A mark that is there or is not. */
export const aYes: Reader<true> = (json, path) => (json === true ? true : unreadable(json, path, "true"));

export const aNumber: Reader<number> = (json, path) =>
  typeof json === "number" && Number.isFinite(json) ? json : unreadable(json, path, "a number");

/** A number that only ever counts up. */
export const aCount: Reader<number> = (json, path) =>
  typeof json === "number" && Number.isSafeInteger(json) && json >= 0 ? json : unreadable(json, path, "a count");

/** Opaque to us: kept as it is. */
export const anything: Reader<unknown> = (json) => json;

export function oneOf<const W extends string>(...words: readonly W[]): Reader<W> {
  return (json, path) => words.find((word) => word === json) ?? unreadable(json, path, words.join(" or "));
}

export function orNull<T>(reader: Reader<T>): Reader<T | null> {
  return (json, path) => (json === null ? null : reader(json, path));
}

/** A member that may be absent for good. */
export function maybe<T>(reader: Reader<T>): Reader<T | undefined> {
  return (json, path) => (json === undefined ? undefined : reader(json, path));
}

export function listOf<T>(reader: Reader<T>): Reader<readonly T[]> {
  return (json, path) =>
    Array.isArray(json)
      ? json.map((each: unknown, at) => reader(each, `${path}[${at}]`))
      : unreadable(json, path, "a list");
}

export function mapOf<T>(reader: Reader<T>): Reader<Readonly<Record<string, T>>> {
  return (json, path) => {
    if (!isObject(json)) return unreadable(json, path, "an object");
    return Object.fromEntries(Object.entries(json).map(([key, each]) => [key, reader(each, joinPath(path, key))]));
  };
}

/** One reader a member, so that a new member is not forgotten; `maybe` where it may be absent for good. */
type Members<T> = { readonly [K in keyof T]-?: Reader<T[K] | (object extends Pick<T, K> ? undefined : never)> };

/** Members that are not there come from `initial`, but for the `needed` ones. Unknown members are dropped. */
export function shapeOf<T extends object>(
  members: Members<T>,
  initial: Partial<T> = {},
  needed: readonly (keyof T & string)[] = [],
): Reader<T> {
  const given = Object.fromEntries(Object.entries(initial).filter(([key]) => !needed.some((each) => each === key)));
  return (json, path) => {
    if (!isObject(json)) return unreadable(json, path, "an object");
    const filled: Record<string, unknown> = { ...given, ...json };
    const read = Object.entries<Reader<unknown>>(members)
      .map(([key, reader]) => [key, reader(filled[key], joinPath(path, key))] as const)
      .filter(([, value]) => value !== undefined);
    return Object.fromEntries(read) as T; // every member of T went through its reader
  };
}

/** Objects told apart by the word at `key`. */
export function kindsOf<T extends object, K extends keyof T & string>(
  key: K,
  kinds: { readonly [W in T[K] & string]: Reader<Extract<T, Readonly<Record<K, W>>>> },
): Reader<T> {
  const readers: ReadonlyMap<string, Reader<T>> = new Map(Object.entries<Reader<T>>(kinds));
  return (json, path) => {
    const word = isObject(json) ? json[key] : undefined;
    const reader = typeof word === "string" ? readers.get(word) : undefined;
    return reader === undefined
      ? unreadable(word, joinPath(path, key), [...readers.keys()].join(" or "))
      : reader(json, path);
  };
}
