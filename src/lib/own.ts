/**
 * The member of a record by a name that somebody else chose. A plain lookup finds `constructor` and `toString` in every
 * object; an agent program that names a call so would be told things about a function.
 */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
