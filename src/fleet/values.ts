/**
 * Values on their way to the database and back. 64-bit numbers come as text ("10" sorts before "9"), and no text that
 * an agent can influence may hold what PostgreSQL refuses.
 */
import { HarnessError } from "../lib/errors.ts";
import { toJson } from "../lib/json.ts";

type Row = Readonly<Record<string, unknown>>;

/** A column that holds a number, 64 bits or less. */
export function numberOf(row: Row | undefined, column: string): number {
  const value = row?.[column];
  const number = typeof value === "number" ? value : typeof value === "string" ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw unexpected(column, value, "a whole number");
}

export function textOf(row: Row | undefined, column: string): string {
  const value = row?.[column];
  if (typeof value === "string") return value;
  throw unexpected(column, value, "text");
}

export const textOrNull = (row: Row, column: string): string | null =>
  row[column] === null ? null : textOf(row, column);

export const numberOrNull = (row: Row, column: string): number | null =>
  row[column] === null ? null : numberOf(row, column);

export function timeOf(row: Row, column: string): string {
  const value = row[column];
  if (value instanceof Date) return value.toISOString();
  throw unexpected(column, value, "a time");
}

export const timeOrNull = (row: Row, column: string): string | null =>
  row[column] === null ? null : timeOf(row, column);

export function bytesOf(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (value instanceof Uint8Array) return value;
  throw unexpected(column, value, "bytes");
}

/** A document that we stored ourselves. */
export function jsonOf(row: Row, column: string): unknown {
  const value = row[column];
  return typeof value === "string" ? (JSON.parse(value) as unknown) : value;
}

function unexpected(column: string, value: unknown, expected: string): HarnessError {
  return new HarnessError(
    "FLEET_SCHEMA",
    `the fleet's database holds ${value === null ? "nothing" : typeof value} in "${column}", expected ${expected}: was its schema changed by hand?`,
  );
}

/** An escaped NUL, and not an escaped backslash before `u0000`. */
const NUL = /(?<!\\)((?:\\\\)*)\\u0000/g;

/** JSON text for a `text` column: neither a NUL nor half of a surrogate pair, not even escaped. */
export const safeJson = (value: unknown): string => safeJsonText(toJson(value));

/** The same of a text that is JSON already. */
export const safeJsonText = (text: string): string => text.replace(NUL, "$1\\ufffd");

/** Plain text for a `text` column. */
export const safeText = (text: string): string => text.toWellFormed().replaceAll("\0", "\ufffd");
