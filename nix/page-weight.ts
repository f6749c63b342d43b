/** What the built page weighs: its first load, what came to it later, and all of it. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");

/** What came to the page after its pages did: what an agent changed, accounts and nights, the fleet. */
const LATER_SCRIPTS = ["changes", "standing", "accounts", "since", "fleet", "fleet-join", "fleet-new"];
const LATER_STYLES = ["work", "since", "fleet"];

export interface PageWeight {
  readonly first: number;
  readonly gzipped: number;
  readonly later: number;
  readonly all: number;
}

/** First load: what the page's HTML names. Chunks come when they are asked for, with those that they import. */
export async function pageWeight(): Promise<PageWeight | null> {
  const dir = join(ROOT, ".build/page");
  if (!existsSync(dir)) return null;
  const textOf = (name: string): string => readFileSync(join(dir, name), "utf8");
  const files = readdirSync(dir).filter((name) => /\.(js|css)\.page$/.test(name));
  const served = (name: string): string => name.replace(/\.page$/, "");
  const imported = new Map(
    files.map((name) => {
      const text = textOf(name);
      const named = (other: string) => new RegExp(`(from|import)\\s*"[^"]*${RegExp.escape(served(other))}"`).test(text);
      return [name, files.filter((other) => other !== name && named(other))];
    }),
  );
  const withImports = (names: Iterable<string>): Set<string> => {
    const found = new Set(names);
    for (const name of found) for (const other of imported.get(name) ?? []) found.add(other); // grows while it is walked
    return found;
  };
  const html = readdirSync(dir)
    .filter((name) => name.endsWith(".html.page"))
    .map(textOf)
    .join("");
  const first = withImports(files.filter((name) => html.includes(served(name))));
  const later = withImports(files.filter((name) => LATER_SCRIPTS.includes(name.replace(/-[^-]*$/, ""))));
  const others = withImports(files.filter((name) => !later.has(name)));
  const styles = await Bun.build({
    entrypoints: LATER_STYLES.map((name) => join(ROOT, `src/inspector/css/${name}.css`)),
    minify: true,
  });
  const sum = (names: Iterable<string>, size: (text: string) => number): number =>
    [...names].reduce((total, name) => total + size(textOf(name)), 0);
  const bytes = (text: string): number => Buffer.byteLength(text);
  return {
    first: sum(first, bytes),
    gzipped: sum(first, (text) => Bun.gzipSync(text).length),
    later:
      sum(later.difference(others).difference(first), bytes) +
      styles.outputs.reduce((total, { size }) => total + size, 0),
    all: sum(files, bytes),
  };
}
