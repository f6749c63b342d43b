/** What the executable carries and what of it is loaded when, with the bounds of each: for `make size` and `make bench`. */
import { join } from "node:path";
import { PROVIDER_KINDS } from "../src/words/kinds.ts";
import type { Chunk } from "./chunks.ts";
import { SERVED, chunksOf, together } from "./chunks.ts";
import { pageWeight } from "./page-weight.ts";

const KB = 1024;
const BOUNDS = {
  /** Everything both programs have in them. */
  bundle: 768 * KB,
  /** What `serve` has loaded when it is ready; the rest is loaded when it is asked for. */
  serve: 320 * KB,
  pageFirst: 86 * KB,
  pageFirstGzipped: 30 * KB,
  pageLater: 40 * KB,
  /** The first load, the pages that are loaded when they are first shown, and 40 KB for what came later. */
  page: 190 * KB,
} as const;
/** What the first agent of a kind brings with it. */
const PER_KIND = PROVIDER_KINDS.map((kind) => ({
  kind,
  sources: [
    "src/providers/sealed.ts",
    kind === "command" ? "src/providers/command.ts" : `src/providers/${kind}/codec.ts`,
  ],
}));

export interface Size {
  readonly what: string;
  readonly bytes: number;
  readonly most?: number;
}

export interface Sizes {
  readonly rows: readonly Size[];
  readonly bundle: number;
  /** 0 where the page was not built. */
  readonly page: number;
  readonly chunks: Readonly<Record<string, Chunk>>;
}

export const kb = (bytes: number): string => `${(bytes / KB).toFixed(1)} KB`;

/** Builds the bundle into a folder of its own below `dir`. */
export async function sizesOf(dir: string): Promise<Sizes> {
  const chunks = await chunksOf(join(dir, "bundle"));
  const bytesOf = (names: Iterable<string>): number =>
    [...names].reduce((sum, name) => sum + (chunks[name]?.bytes ?? 0), 0);
  const bundle = bytesOf(Object.keys(chunks));
  const loaded = together(chunks, SERVED);
  const kinds = PER_KIND.map(({ kind, sources }) => ({
    what: `more for agents of the kind ${kind}`,
    bytes: bytesOf(together(chunks, sources).difference(loaded)),
  }));
  const page = await pageWeight();
  const rows: readonly Size[] = [
    { what: "bundle of both programs", bytes: bundle, most: BOUNDS.bundle },
    { what: "of which `serve` loads", bytes: bytesOf(loaded), most: BOUNDS.serve },
    ...kinds,
    ...(page === null
      ? []
      : [
          { what: "inspector, first load", bytes: page.first, most: BOUNDS.pageFirst },
          { what: "the same, gzipped", bytes: page.gzipped, most: BOUNDS.pageFirstGzipped },
          { what: "inspector, what came later (changes, nights, fleet)", bytes: page.later, most: BOUNDS.pageLater },
          { what: "inspector, everything", bytes: page.all, most: BOUNDS.page },
        ]),
  ];
  return { rows, bundle, page: page?.all ?? 0, chunks };
}
