/** Both programs at rest on one box, as they stand after an installation; beside them two bare servers. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import { startHarness } from "./agents.ts";
import { memoryOf } from "./machine.ts";
import { mb } from "./row.ts";
import { freePort } from "./world.ts";
import type { Measurement } from "./world.ts";

/** After half a minute without work the programs give back what they kept to be fast. */
const SETTLE_MS = 40_000;
const MOST_BYTES = 55_000_000;

export const both: Measurement = async (world) => {
  const bare = [await world.serve([world.hello]), await world.serve([world.hello])];
  const { served } = await startHarness(world, world.folder("both"));
  const dir = world.folder("both-receiver");
  const file = join(dir, "receiver.json");
  const port = freePort();
  writeFileSync(file, JSON.stringify({ port, stateDir: dir, token: "bench-token", logLevel: "error" }));
  const receiver = world.start([world.receiver, "serve", "--config", file], `http://127.0.0.1:${port}`);
  for (const { url } of [...bare, receiver])
    await eventually(`${url} to answer`, () =>
      fetch(`${url}/health`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
  await Bun.sleep(SETTLE_MS);
  const pss = [served, receiver, ...bare].map(({ pid }) => memoryOf(pid).pss);
  const [ours = 0, theirs = 0, ...hellos] = pss;
  for (const each of [receiver, served, ...bare]) await each.kill("SIGTERM");
  const together = ours + theirs;
  return [
    {
      what: "both programs idle: PSS together",
      measured: `${mb(together)}: ${mb(ours)} and ${mb(theirs)} (two hellos ${mb(hellos.reduce((sum, each) => sum + each, 0))})`,
      ...{ must: `<= ${mb(MOST_BYTES)}`, fine: together <= MOST_BYTES },
    },
  ];
};
