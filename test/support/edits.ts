/** One change of a source text, for tests that break the code on purpose and look who notices. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Edit {
  /** Below the root of the tree. */
  readonly file: string;
  /** Stands in it exactly once; who changes such a line changes the row that names it. */
  readonly from: string;
  readonly to: string;
}

/** Throws where it fits nowhere, or more than once: such a row would break something else, or nothing. */
export function edited(text: string, { file, from, to }: Edit): string {
  if (text.split(from).length !== 2)
    throw new Error(`${file} holds this not exactly once, its row has to follow: ${from}`);
  return text.replace(from, () => to);
}

/** Does `work` while the tree in `root` is broken so; the file is whole again behind it. */
export async function whileEdited<T>(root: string, edit: Edit, work: () => T | Promise<T>): Promise<T> {
  const path = join(root, edit.file);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, edited(text, edit));
  try {
    return await work();
  } finally {
    writeFileSync(path, text);
  }
}
