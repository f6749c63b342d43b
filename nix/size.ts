/**
 * `make size`: what the executable carries, module by module, against its bounds. Fails over a bound. The README's table
 * of sizes is what this prints.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROVIDER_KINDS } from "../src/words/kinds.ts";
import { SERVED, chunksOf, together } from "./chunks.ts";
import { pageWeight } from "./page-weight.ts";

const ROOT = join(import.meta.dir, "..");
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
  /** Around the bundle: alignment, and the frame of what is compiled ahead, which is as large as the bundle itself. */
  slack: 512 * KB,
} as const;
const TOP = 15;
/** What the first agent of a kind brings with it. */
const PER_KIND = PROVIDER_KINDS.map((kind) => ({
  kind,
  sources: [
    "src/providers/sealed.ts",
    kind === "command" ? "src/providers/command.ts" : `src/providers/${kind}/codec.ts`,
  ],
}));

interface Row {
  readonly what: string;
  readonly bytes: number;
  readonly most?: number;
}

const kb = (bytes: number): string => `${(bytes / KB).toFixed(1)} KB`;

async function bareProgram(dir: string): Promise<number> {
  await Bun.write(join(dir, "hello.ts"), 'Bun.serve({ port: 0, fetch: () => new Response("hello") });\n');
  const argv = [process.execPath, "build", "--compile", "--minify", "hello.ts", "--outfile", "hello"];
  const build = Bun.spawnSync(argv, { cwd: dir, stdio: ["ignore", "ignore", "inherit"] });
  if (build.exitCode !== 0) throw new Error("the bare program cannot be compiled");
  return statSync(join(dir, "hello")).size;
}

async function main(): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), "agent-harness-size-"));
  try {
    const chunks = await chunksOf(join(dir, "bundle"));
    const modules = new Map<string, number>();
    for (const { inputs } of Object.values(chunks))
      for (const [path, { bytesInOutput }] of Object.entries(inputs))
        modules.set(path, (modules.get(path) ?? 0) + bytesInOutput);
    const bundle = Object.values(chunks).reduce((sum, { bytes }) => sum + bytes, 0);
    const bytesOf = (names: Iterable<string>): number =>
      [...names].reduce((sum, name) => sum + (chunks[name]?.bytes ?? 0), 0);
    const loaded = together(chunks, SERVED);
    const serve = bytesOf(loaded);
    const kinds = PER_KIND.map(({ kind, sources }) => ({
      what: `more for agents of the kind ${kind}`,
      bytes: bytesOf(together(chunks, sources).difference(loaded)),
    }));
    const page = await pageWeight();
    const executable = statSync(join(ROOT, "agent-harness")).size;
    const bare = await bareProgram(dir);

    const rows: Row[] = [
      { what: "bundle of both programs", bytes: bundle, most: BOUNDS.bundle },
      { what: "of which `serve` loads", bytes: serve, most: BOUNDS.serve },
      ...kinds,
      ...(page === null
        ? []
        : [
            { what: "inspector, first load", bytes: page.first, most: BOUNDS.pageFirst },
            { what: "the same, gzipped", bytes: page.gzipped, most: BOUNDS.pageFirstGzipped },
            { what: "inspector, what came later (changes, nights, fleet)", bytes: page.later, most: BOUNDS.pageLater },
            { what: "inspector, everything", bytes: page.all, most: BOUNDS.page },
          ]),
      {
        what: "executable (one file, two names)",
        bytes: executable,
        most: bare + 2 * bundle + (page?.all ?? 0) + BOUNDS.slack,
      },
      { what: "bare compiled hello of the same runtime", bytes: bare },
    ];
    console.log("| what | bytes | at most |\n|---|---|---|");
    for (const { what, bytes, most } of rows)
      console.log(
        `| ${what} | ${kb(bytes)} | ${most === undefined ? "" : `${kb(most)}${bytes > most ? ": missed" : ""}`} |`,
      );
    console.log(`\nThe ${TOP} largest modules of the bundle:`);
    for (const [path, bytes] of [...modules].sort(([, a], [, b]) => b - a).slice(0, TOP))
      console.log(`${kb(bytes).padStart(10)}  ${path}`);
    return rows.some(({ bytes, most }) => most !== undefined && bytes > most) ? 1 : 0;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

process.exit(await main());
