/** What the bundler makes of the program: its chunks, and which of them are there once something was asked for. */
import { join } from "node:path";
import { isObject } from "../src/lib/check.ts";

/**
 * What a `serve` has asked for once it is ready and nobody has asked it for anything: no config, no agents. What these
 * import is counted with them. `test/e2e/loaded.test.ts` compares the list with a daemon that runs.
 */
export const SERVED: readonly string[] = ["src/main.ts", "src/cli.ts", "src/cli/commands/serve.ts"];

export interface Chunk {
  readonly bytes: number;
  readonly entryPoint?: string;
  readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>>;
  readonly imports: readonly { readonly path: string; readonly kind: string }[];
}

/** The bundler's account of its chunks; its types do not tell of it yet. */
export async function chunksOf(outdir: string): Promise<Readonly<Record<string, Chunk>>> {
  const options = { target: "bun", format: "esm", minify: true, splitting: true, outdir, metafile: true } as const;
  const built: object = await Bun.build({
    entrypoints: [join(import.meta.dir, "../src/main.ts")],
    external: ["*.page"],
    ...options,
  });
  const metafile = "metafile" in built ? built.metafile : undefined;
  if (!isObject(metafile) || !isObject(metafile["outputs"]))
    throw new Error("the bundler gave no account of its chunks");
  return metafile["outputs"] as Readonly<Record<string, Chunk>>;
}

/** Chunks that are there once `name` is loaded: what it imports, and what that imports, but nothing on demand. */
function closure(chunks: Readonly<Record<string, Chunk>>, name: string, seen = new Set<string>()): Set<string> {
  const chunk = chunks[name];
  if (chunk === undefined || seen.has(name)) return seen;
  seen.add(name);
  for (const { path, kind } of chunk.imports) if (kind === "import-statement") closure(chunks, path, seen);
  return seen;
}

/** Chunks that are there once all of these modules were asked for. */
export function together(chunks: Readonly<Record<string, Chunk>>, sources: readonly string[]): Set<string> {
  const loaded = new Set<string>();
  for (const source of sources) {
    const entry = entryOf(chunks, source);
    if (entry === "") throw new Error(`${source} is in no chunk of its own: is it still loaded by \`import()\`?`);
    closure(chunks, entry, loaded);
  }
  return loaded;
}

const entryOf = (chunks: Readonly<Record<string, Chunk>>, source: string): string =>
  Object.keys(chunks).find((name) => chunks[name]?.entryPoint?.endsWith(source)) ?? "";
