/** Keys of a terminal in raw mode, by name. Pure. */
export type Key =
  | { readonly key: "up" | "down" | "enter" | "escape" | "backspace" | "interrupt" }
  | { readonly key: "char"; readonly char: string };

const NAMED: readonly (readonly [string, Key])[] = [
  ["\u001b[A", { key: "up" }],
  ["\u001bOA", { key: "up" }],
  ["\u001b[B", { key: "down" }],
  ["\u001bOB", { key: "down" }],
  ["\r", { key: "enter" }],
  ["\n", { key: "enter" }],
  ["\u007f", { key: "backspace" }],
  ["\b", { key: "backspace" }],
  ["\u0003", { key: "interrupt" }],
];

export function keysOf(text: string): readonly Key[] {
  const keys: Key[] = [];
  for (let rest = text; rest !== "";) {
    const named = NAMED.find(([bytes]) => rest.startsWith(bytes));
    const unknown = /^\u001b(?:\[[0-9;?]*[ -/]*[@-~]|O.)/.exec(rest)?.[0];
    if (named !== undefined) {
      keys.push(named[1]);
      rest = rest.slice(named[0].length);
    } else if (unknown !== undefined) rest = rest.slice(unknown.length);
    else {
      const char = [...rest][0] ?? "";
      keys.push(char === "\u001b" ? { key: "escape" } : { key: "char", char });
      rest = rest.slice(char.length);
    }
  }
  return keys;
}
