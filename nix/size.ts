/**
 * `make size`: what the executable carries, module by module, against its bounds. Fails over a bound. The README's table
 * of sizes is what this prints.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Size } from "./sizes.ts";
import { kb, sizesOf } from "./sizes.ts";

const ROOT = join(import.meta.dir, "..");
/** Around the bundle: alignment, and the frame of what is compiled ahead, which is as large as the bundle itself. */
const SLACK_BYTES = 512 * 1024;
const TOP = 15;

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
    const sizes = await sizesOf(dir);
    const modules = new Map<string, number>();
    for (const { inputs } of Object.values(sizes.chunks))
      for (const [path, { bytesInOutput }] of Object.entries(inputs))
        modules.set(path, (modules.get(path) ?? 0) + bytesInOutput);
    const executable = statSync(join(ROOT, "agent-harness")).size;
    const bare = await bareProgram(dir);

    const rows: readonly Size[] = [
      ...sizes.rows,
      {
        what: "executable (one file, two names)",
        bytes: executable,
        most: bare + 2 * sizes.bundle + sizes.page + SLACK_BYTES,
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
