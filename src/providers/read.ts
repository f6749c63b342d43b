/**
 * Reading JSON that an agent program wrote: any member may be missing or of another type in its next version, so every
 * reader takes anything and never throws but for one reason: an id that no row could hold (`FrameRefused`).
 * The plain names give an empty value where there is none; those with `maybe` give undefined, for members whose absence
 * means something. One set for all providers: a name means the same everywhere.
 */
import { isObject } from "../lib/check.ts";

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return isObject(value);
}

function member(of: unknown, key: string): unknown {
  return isFields(of) ? of[key] : undefined;
}

/** The object at `key`, or one without members. */
export function fields(of: unknown, key: string): Fields {
  const value = member(of, key);
  return isFields(value) ? value : {};
}

/** The list at `key`, whatever is in it. */
export function list(of: unknown, key: string): readonly unknown[] {
  const value = member(of, key);
  return Array.isArray(value) ? value : [];
}

/** The objects of the list at `key`; everything else in it is dropped. */
export function items(of: unknown, key: string): readonly Fields[] {
  return list(of, key).filter(isFields);
}

/** The texts of the list at `key`; everything else in it is dropped. */
export function strings(of: unknown, key: string): readonly string[] {
  return list(of, key).filter((each) => typeof each === "string");
}

export function maybeText(of: unknown, key: string): string | undefined {
  const value = member(of, key);
  return typeof value === "string" ? value : undefined;
}

export function text(of: unknown, key: string): string {
  return maybeText(of, key) ?? "";
}

export function maybeNumber(of: unknown, key: string): number | undefined {
  const value = member(of, key);
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

export function number(of: unknown, key: string): number {
  return maybeNumber(of, key) ?? 0;
}

/**
 * A name: of a tool, of an error, of a kind of frame. What a codec keeps of a program's words is cut to these sizes.
 */
export const NAME_CHARS = 200;
/** One line for a person. */
export const TITLE_CHARS = 500;
/** A reason, with whatever the program quotes in it. */
export const REASON_CHARS = 4000;

/** An id longer than this is none: no program makes such ones, and every row, event and answer would carry it. */
export const ID_BYTES = 512;

/** The whole frame is passed over, and told: with half an id it would mean something else. */
export class FrameRefused extends Error {
  constructor(what: string, bytes: number) {
    super(`the ${what} has ${bytes} bytes, at most ${ID_BYTES} are taken`);
  }
}

/** The id at `key`; throws `FrameRefused` when it is too long to be one. */
export function maybeIdOf(of: unknown, key: string): string | undefined {
  const value = maybeText(of, key);
  if (value === undefined || value.length * 4 <= ID_BYTES) return value;
  const bytes = Buffer.byteLength(value);
  if (bytes > ID_BYTES) throw new FrameRefused(`member "${key}"`, bytes);
  return value;
}

export function idOf(of: unknown, key: string): string {
  return maybeIdOf(of, key) ?? "";
}
