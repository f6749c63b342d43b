/**
 * `make chaos SEED=… MINUTES=…`: one long storm; SEED=known runs all that once found something. `ONLY="kill,disk"`
 * picks faults by a part of their names, KEEP=1 leaves the box's folder when something was found. Ends with 1 when a
 * check found a flaw.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { KNOWN_SEEDS, STEADY_FAULTS } from "./seeds.ts";
import { storm } from "./storm.ts";

const number = (name: string, otherwise: number): number => {
  const value = Number(process.env[name] || otherwise);
  if (!Number.isFinite(value) || value <= 0)
    throw new Error(`${name}: got ${process.env[name]}, expected a number above 0`);
  return value;
};

const only = process.env["ONLY"]?.split(",").filter(Boolean);
const keep = process.env["KEEP"] === "1";
const rounds: readonly { readonly seed: number; readonly minutes: number; readonly steady?: true }[] =
  process.env["SEED"] === "known"
    ? KNOWN_SEEDS
    : [{ seed: number("SEED", 1 + Math.floor(Math.random() * 1e6)), minutes: number("MINUTES", 10) }];

// A disk of its own can be mounted, and filled, by root alone: where we are not, a user namespace makes us so
// (user_namespaces(7)). Where that is forbidden the storm says what it leaves out.
const asRoot = ["unshare", "--user", "--map-root-user", "--mount"];
if (process.getuid?.() !== 0 && Bun.which("unshare") !== null && Bun.spawnSync([...asRoot, "true"]).exitCode === 0) {
  const { exitCode } = Bun.spawnSync([...asRoot, process.execPath, import.meta.path], { stdio: ["ignore", 1, 2] });
  process.exit(exitCode);
}

let failed = 0;
for (const round of rounds) if (!(await run(round))) failed += 1;
if (rounds.length > 1) console.log(`${rounds.length - failed} of ${rounds.length} storms found nothing`);
process.exit(failed === 0 ? 0 : 1);

async function run({ seed, minutes, steady }: (typeof rounds)[number]): Promise<boolean> {
  const names = only !== undefined && only.length > 0 ? only : steady && STEADY_FAULTS;
  console.log(`seed ${seed}, ${minutes} min`);
  const { flaws, evidence, struck, dir } = await storm({
    seed,
    ms: minutes * 60_000,
    say: console.log,
    agentsEach: number("AGENTS", 2),
    crowd: number("CROWD", 200),
    keep,
    ...(names === undefined ? {} : { only: names }),
  });
  for (const [name, times] of [...struck].sort(([a], [b]) => a.localeCompare(b))) console.log(`  ${times} × ${name}`);
  for (const { what, before, after } of evidence.resources) console.log(`  ${what}: ${before} → ${after}`);
  const found = Object.entries(flaws);
  for (const [check, list] of found) {
    console.log(`FAIL ${check}: ${list.length}`);
    for (const flaw of list.slice(0, 20)) console.log(`     ${flaw}`);
  }
  if (found.length > 0 && keep) {
    writeFileSync(join(dir, "evidence.json"), JSON.stringify(evidence, null, 1));
    console.log(`the box is kept in ${dir}`);
  }
  console.log(found.length === 0 ? `seed ${seed}: all is well` : `seed ${seed}: ${found.length} checks failed`);
  return found.length === 0;
}
