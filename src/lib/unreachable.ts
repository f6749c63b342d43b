/**
 * Stands where no case is left: a new member of a union does not compile until each such place has decided about it.
 * Throws when bytes that no check has seen make it true all the same.
 */
export function unreachable(value: never): never {
  throw new Error(`nobody has decided what to do about ${JSON.stringify(value)}`);
}
