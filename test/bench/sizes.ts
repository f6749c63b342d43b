/** What is carried onto the box: the bundles, the binaries, and how soon the smallest command is done. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { kb, mb, median, ms } from "./row.ts";
import type { Claim } from "./row.ts";
import { run } from "./world.ts";
import type { Measurement, World } from "./world.ts";

const SRC = join(import.meta.dir, "../../src");
/** Both programs: they are one executable under two names. */
const BUNDLE_MAX_BYTES = 768 * 1024;
/** Around the bundle and what of it is compiled ahead, which is as large: pages, alignment, frames. */
const SLACK_BYTES = 700 * 1024;
const STARTS = 15;

export const sizes: Measurement = async (world) => {
  const hello = statSync(world.hello).size;
  const bundle = world.folder("bundle");
  await run(
    [world.bun, "build", "--minify", "--splitting", "--target=bun", join(SRC, "main.ts"), "--outdir", bundle],
    world.dir,
  );
  const bundled = readdirSync(bundle).reduce((sum, file) => sum + statSync(join(bundle, file)).size, 0);
  const [harness, receiver] = [statSync(world.harness), statSync(world.receiver)];
  return [
    {
      what: "bundle of both programs",
      measured: kb(bundled),
      must: `<= ${kb(BUNDLE_MAX_BYTES)}`,
      fine: bundled <= BUNDLE_MAX_BYTES,
    },
    {
      what: "the executable",
      measured: `${mb(harness.size)} (hello ${mb(hello)})${harness.ino === receiver.ino ? ", one file" : ", two files"}`,
      must: "hello + bundle, and that compiled ahead; one file",
      fine: harness.ino === receiver.ino && harness.size <= hello + 2 * bundled + SLACK_BYTES,
    },
    await startClaim(world, "agent-harness version", world.harness, "version"),
    await startClaim(world, "agent-harness help", world.harness, "help"),
    await startClaim(world, "webhook-receiver version", world.receiver, "version"),
  ];
};

async function startClaim({ hello }: World, what: string, binary: string, command: string): Promise<Claim> {
  const pairs: { ours: number; bare: number }[] = [];
  for (let n = 0; n < STARTS; n++)
    pairs.push({ bare: await tookMs(hello, "version"), ours: await tookMs(binary, command) });
  const [ours, bare] = [median(pairs.map((pair) => pair.ours)), median(pairs.map((pair) => pair.bare))];
  return {
    what,
    measured: `${ms(ours)} (hello ${ms(bare)})`,
    must: "<= 2 x hello",
    fine: ours <= 2 * bare,
  };
}

async function tookMs(binary: string, command: string): Promise<number> {
  const startMs = performance.now();
  const child = Bun.spawn([binary, command], { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error(`${binary} ${command} ended with ${child.exitCode}`);
  return performance.now() - startMs;
}
