/**
 * `make test-again N=10`: the whole suite N times in a row, and which tests failed in which of the rounds: one that
 * fails now and then hangs on luck. What each round printed is kept in `.build/`. `BUSY=1` keeps each core busy
 * meanwhile, `ONLY="unit e2e/serve.test.ts"` runs a part. Two files run at a time for each core (AH_TEST_WORKERS): most
 * of a test is waiting, and a crowd finds luck.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const rounds = Number(process.env["N"] || 10);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`N: got ${process.env["N"]}, expected a number above 0`);
const parts = process.env["ONLY"]?.split(" ").filter(Boolean) ?? process.argv.slice(2);
if (parts.length === 0) throw new Error(`no part of the suite is named: make test-again names all, ONLY="unit" some`);

/** In a process of its own, or the rounds themselves would be what is held up. */
const loops =
  process.env["BUSY"] === "1"
    ? cpus().map(() => Bun.spawn([process.execPath, "-e", "for (;;);"], { stdio: ["ignore", "ignore", "ignore"] }))
    : [];
const failures = new Map<string, number[]>();
let red = 0;
try {
  for (let round = 1; round <= rounds; round++) {
    const { code, output } = await run();
    const failed = [...new Set([...output.matchAll(/^\(fail\) (.*?)(?: \[[\d.]+ms\])?$/gm)].map((match) => match[1]))];
    for (const name of failed) if (name) failures.set(name, [...(failures.get(name) ?? []), round]);
    if (code !== 0) red += 1;
    const kept = join(ROOT, ".build", `again-${round}.txt`);
    writeFileSync(kept, output);
    console.log(
      `round ${round} of ${rounds}: ${output.trimEnd().split("\n").at(-1)}${code === 0 ? "" : `, see ${kept}`}`,
    );
    for (const name of failed) console.log(`  ${name}`);
  }
} finally {
  for (const loop of loops) loop.kill("SIGKILL");
}
for (const [name, where] of failures) console.log(`failed in ${where.length} of ${rounds} rounds (${where}): ${name}`);
console.log(`${rounds - red} of ${rounds} rounds were green`);
process.exit(red === 0 ? 0 : 1);

async function run(): Promise<{ readonly code: number; readonly output: string }> {
  const child = Bun.spawn([process.execPath, "test/run.ts", ...parts], {
    cwd: ROOT,
    env: { AH_TEST_WORKERS: String(2 * cpus().length), ...process.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = await new Response(child.stdout).text();
  return { code: await child.exited, output };
}
