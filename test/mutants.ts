/**
 * Tests of the tests: breaks a copy of the sources in one place at a time and looks whether any test notices. Prints
 * what survived; fails when more than one in twenty did. `make mutants`; with arguments only files whose path holds
 * one of them.
 */
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Mutant } from "./mutants.table.ts";
import { MUTANTS, NEAREST } from "./mutants.table.ts";
import { whileEdited } from "./support/edits.ts";

const ROOT = join(import.meta.dir, "..");
const MUST_FAIL = 0.95;
const FILE_TIMEOUT_MS = 180_000;

const wanted = process.argv.slice(2);
const mutants = MUTANTS.filter(({ file }) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
const copy = mkdtempSync(join(tmpdir(), "mutants-"));
for (const name of ["src", "test", "package.json", "tsconfig.json"])
  cpSync(join(ROOT, name), join(copy, name), { recursive: true });
symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));

function passes(tests: string): boolean {
  const command = [process.execPath, "test", "--timeout", "30000", "--bail", `./test/${tests}`];
  const { exitCode } = Bun.spawnSync(command, {
    cwd: copy,
    stdio: ["ignore", "ignore", "ignore"],
    timeout: FILE_TIMEOUT_MS,
  });
  return exitCode === 0;
}

/** Those that pass while nothing is broken: a test that fails anyway notices nothing. */
const sound = new Map<string, boolean>();

/** The first tests that fail; null: all of the nearest pass. */
async function noticedBy(mutant: Mutant): Promise<string | null> {
  for (const tests of NEAREST.find(([prefix]) => mutant.file.startsWith(prefix))?.[1] ?? []) {
    if (!sound.has(tests)) sound.set(tests, passes(tests));
    if (sound.get(tests) !== true) {
      console.log(`${tests} fails although nothing is broken: left out`);
      continue;
    }
    if (!(await whileEdited(copy, mutant, () => passes(tests)))) return tests;
  }
  return null;
}

const survivors: Mutant[] = [];
try {
  for (const [n, mutant] of mutants.entries()) {
    const by = await noticedBy(mutant);
    if (by === null) survivors.push(mutant);
    console.log(
      `${n + 1}/${mutants.length} ${by === null ? "SURVIVED" : `noticed by ${by}`}: ${mutant.file}: ${short(mutant)}`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}

for (const each of survivors) console.log(`survived: ${each.file}: ${short(each)}: ${each.survives ?? "needs a test"}`);
const share = 1 - survivors.length / mutants.length;
console.log(`${mutants.length - survivors.length} of ${mutants.length} noticed (${(share * 100).toFixed(1)} %)`);
process.exitCode = share >= MUST_FAIL ? 0 : 1;

function short({ from, to }: Mutant): string {
  const line = (text: string): string => text.replace(/\s+/g, " ").trim().slice(0, 70);
  return to === "" ? `without ${line(from)}` : `${line(from)} → ${line(to)}`;
}
