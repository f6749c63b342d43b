/** Members that are there only where there is something to say: `{ id, ...given({ model }) }`. */

/** What it is given, without the members that are undefined. Null is something, and stays. */
export function given<T extends object>(members: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const there: { [Name in keyof T]?: Exclude<T[Name], undefined> } = {};
  for (const name in members) {
    const value = members[name];
    if (isThere(value)) there[name] = value;
  }
  return there;
}

function isThere<V>(value: V): value is Exclude<V, undefined> {
  return value !== undefined;
}
