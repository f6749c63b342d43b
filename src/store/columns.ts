/**
 * JSON columns, read back. An earlier daemon wrote them, or a dying disk: what cannot be read costs its own column and
 * nothing else, the row is shown with what the caller puts in its stead. Nobody takes stored JSON for a type unread.
 */
import type { Reader } from "../lib/stored.ts";
import { readStored } from "../lib/stored.ts";

export function fromColumn<T, Else>(reader: Reader<T>, text: string | null, otherwise: Else): T | Else {
  if (text === null) return otherwise;
  let json: unknown;
  try {
    json = JSON.parse(text) as unknown;
  } catch {
    return otherwise;
  }
  const read = readStored(reader, json);
  return read.ok ? read.state : otherwise;
}
