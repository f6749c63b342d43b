/**
 * `make bench`: every promised number, side by side in one run. Ratios are taken in turns and as medians, because other
 * programs load the machine, too. Arguments: the flags of `bun build --compile`, and names of measurements (default:
 * all). Prints a table, then the same as JSON on the last line. Exit code 1 only when something could not be measured.
 */
import { cpus, loadavg } from "node:os";
import { both } from "./both.ts";
import { commands } from "./commands.ts";
import { fleet } from "./fleet.ts";
import { away } from "./fleet-away.ts";
import { crowd } from "./fleet-crowd.ts";
import { hostile } from "./hostile.ts";
import { hostileLine } from "./hostile-line.ts";
import { idle } from "./idle.ts";
import { ingest } from "./ingest.ts";
import { latency } from "./latency.ts";
import { lists } from "./lists.ts";
import { fsyncMs } from "./machine.ts";
import { page } from "./page.ts";
import { readiness } from "./readiness.ts";
import { receiver } from "./receiver.ts";
import { requests } from "./requests.ts";
import type { Row } from "./row.ts";
import { judge, median, ms, printTable } from "./row.ts";
import { sizes } from "./sizes.ts";
import type { Measurement } from "./world.ts";
import { openWorld } from "./world.ts";

const MEASUREMENTS: Readonly<Record<string, Measurement>> = {
  idle,
  both,
  latency,
  requests,
  lists,
  ingest,
  readiness,
  commands,
  hostile,
  hostileLine,
  sizes,
  receiver,
  page,
  fleet,
  crowd,
  away,
};
const FAST_FSYNC_MS = 1;

const args = process.argv.slice(2);
const flags = args.filter((arg) => arg.startsWith("--"));
const names = args.filter((arg) => !arg.startsWith("--"));
const unknown = names.filter((name) => MEASUREMENTS[name] === undefined);
if (flags.length === 0 || unknown.length > 0) {
  console.error(
    `cannot measure ${unknown.join(", ")}: run "make bench"; measurements are ${Object.keys(MEASUREMENTS).join(", ")}`,
  );
  process.exit(2);
}

const startMs = performance.now();
const world = await openWorld(flags);
const rows: Row[] = [];
const failed: string[] = [];
try {
  const fsyncs = [fsyncMs(world.dir)];
  const measured: Awaited<ReturnType<Measurement>>[number][] = [];
  for (const [name, measure] of Object.entries(MEASUREMENTS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    console.error(`measuring ${name}`);
    try {
      measured.push(...(await measure(world)));
    } catch (error) {
      console.error(error);
      measured.push({ what: name, measured: "could not be measured", must: "be measured", fine: false });
      failed.push(name);
    }
    fsyncs.push(fsyncMs(world.dir));
  }
  const fsync = median(fsyncs);
  const fastDisk = fsync <= FAST_FSYNC_MS;
  for (const each of measured) {
    rows.push(
      "skipped" in each
        ? { what: each.what, measured: each.skipped, must: each.must, verdict: "skipped" }
        : judge(each, fastDisk),
    );
  }
  console.log(printTable(rows));
  console.log(
    `fsync p50 ${ms(fsync)}: absolute figures are ${fastDisk ? "asserted" : "only reported"}; ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, ${Math.round((performance.now() - startMs) / 1000)} s`,
  );
  const machine = { cores: cpus().length, load: loadavg()[0], fsyncMs: fsync, absoluteAsserted: fastDisk };
  console.log(JSON.stringify({ machine, rows }));
} finally {
  world.close();
}
process.exit(failed.length > 0 ? 1 : 0);
