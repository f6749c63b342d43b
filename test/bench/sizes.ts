/** What is carried onto the box: the bundles, the binaries, and how soon the smallest command is done. */
import { statSync } from "node:fs";
import { kb as binaryKb, sizesOf } from "../../nix/sizes.ts";
import { mb, median, ms } from "./row.ts";
import type { Claim } from "./row.ts";
import type { Measurement, World } from "./world.ts";

/** Pages of the file, and the table of what is in it. */
const ALIGNMENT_BYTES = 64 * 1024;
const STARTS = 15;

export const sizes: Measurement = async (world) => {
  const hello = statSync(world.hello).size;
  const { rows, bundle, page } = await sizesOf(world.folder("bundle"));
  const [harness, receiver] = [statSync(world.harness), statSync(world.receiver)];
  const carried = rows.flatMap(({ what, bytes, most }): Claim[] =>
    most === undefined ? [] : [{ what, measured: binaryKb(bytes), must: `<= ${binaryKb(most)}`, fine: bytes <= most }],
  );
  const most = hello + bundle + page + ALIGNMENT_BYTES;
  return [
    ...carried,
    {
      what: "the executable",
      measured: `${mb(harness.size)} (hello ${mb(hello)})${harness.ino === receiver.ino ? ", one file" : ", two files"}`,
      must: `<= hello + bundle + page + alignment = ${mb(most)}; one file`,
      fine: harness.ino === receiver.ino && harness.size <= most,
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
