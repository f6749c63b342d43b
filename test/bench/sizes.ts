/** What is carried onto the box: the bundles, the binaries, and how soon the smallest command is done. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { kb, mb, median, ms } from "./row.ts";
import type { Claim } from "./row.ts";
import { run } from "./world.ts";
import type { Measurement, World } from "./world.ts";

const SRC = join(import.meta.dir, "../../src");
const BOUNDS = [
  { name: "agent-harness", entry: "cli.ts", bytes: 200_000 },
  { name: "webhook-receiver", entry: "webhook-receiver.ts", bytes: 60_000 },
] as const;
/** Pages and alignment around the bundle in the binary. */
const SLACK_BYTES = 64 * 1024;
const STARTS = 15;

export const sizes: Measurement = async (world) => {
  const claims: Claim[] = [];
  const hello = statSync(world.hello).size;
  for (const { name, entry, bytes } of BOUNDS) {
    const bundle = world.folder("bundle");
    await run(
      [world.bun, "build", "--minify", "--splitting", "--target=bun", join(SRC, entry), "--outdir", bundle],
      world.dir,
    );
    const binary = name === "agent-harness" ? world.harness : world.receiver;
    const bundled = readdirSync(bundle).reduce((sum, file) => sum + statSync(join(bundle, file)).size, 0);
    const whole = statSync(binary).size;
    claims.push(
      { what: `bundle of ${name}`, measured: kb(bundled), must: `<= ${kb(bytes)}`, fine: bundled <= bytes },
      {
        what: `binary of ${name}`,
        measured: `${mb(whole)} (hello ${mb(hello)})`,
        must: `hello + bundle`,
        fine: whole <= hello + bundled + SLACK_BYTES,
      },
      await versionClaim(world, name, binary),
    );
  }
  return claims;
};

async function versionClaim({ hello }: World, name: string, binary: string): Promise<Claim> {
  const pairs: { ours: number; bare: number }[] = [];
  for (let n = 0; n < STARTS; n++) pairs.push({ bare: await tookMs(hello), ours: await tookMs(binary) });
  const [ours, bare] = [median(pairs.map((pair) => pair.ours)), median(pairs.map((pair) => pair.bare))];
  return {
    what: `${name} version`,
    measured: `${ms(ours)} (hello ${ms(bare)})`,
    must: "<= 2 x hello",
    fine: ours <= 2 * bare,
  };
}

async function tookMs(binary: string): Promise<number> {
  const startMs = performance.now();
  const child = Bun.spawn([binary, "version"], { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error(`${binary} version ended with ${child.exitCode}`);
  return performance.now() - startMs;
}
