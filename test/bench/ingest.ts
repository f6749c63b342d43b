/** A million messages from one program into the store, then a start of the daemon on what that left. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import { PROJECT, endHarness, makeAgents, makeProject, startHarness } from "./agents.ts";
import { watchRequests } from "./asked.ts";
import { rssBytes } from "./machine.ts";
import { bareIngest } from "./references.ts";
import { mb, median, ms } from "./row.ts";
import { freePort } from "./world.ts";
import type { Measurement, World } from "./world.ts";

const FRAMES = 1_000_000;
/** Of them for the bare loop, whose speed does not change with their number. */
const BARE_FRAMES = 300_000;
const LEAST_PER_SECOND = 40_000;
/** Growth between the first quarter and the end that is still called flat. */
const FLAT_BYTES = 32_000_000;
const STARTS = 7;
/** Of the time that the bare server takes to answer. */
const MOST_START = 3;

export const ingest: Measurement = async (world) => {
  const stateDir = world.folder("ingest");
  const harness = await startHarness(world, stateDir, { limits: { parkIdleMs: 0 } });
  const { api, served } = harness;
  await makeProject(api, world.dir);
  const [id = ""] = await makeAgents(api, 1);
  const bareServer = await world.serve([world.hello]);
  const watch = watchRequests(api, id, bareServer.url);
  const startMs = performance.now();
  await api.post(`${PROJECT}/agents/${id}/input`, { text: `flood ${FRAMES}` });
  const sizes: { atMs: number; bytes: number }[] = [];
  await eventually(
    "a million frames to be stored",
    async () => {
      sizes.push({ atMs: performance.now() - startMs, bytes: rssBytes(served.pid) });
      const { agent } = await api.get(`${PROJECT}/agents/${id}`);
      return String(agent?.["status"]) === "idle";
    },
    600_000,
  );
  const tookMs = performance.now() - startMs;
  const slowest = await watch.end("the slowest request during this ingest");
  await bareServer.kill();
  const { messages } = await api.get(`${PROJECT}/agents/${id}/messages?limit=2`);
  const last = [...(messages ?? [])].map((message) => String(message["text"]));
  if (last[0]?.includes(`file ${FRAMES - 1} `) !== true)
    throw new Error(`the last message is missing: ${last.join(" / ")}`);
  const perSecond = (FRAMES / tookMs) * 1000;
  const early = Math.max(...sizes.filter(({ atMs }) => atMs <= tookMs / 4).map(({ bytes }) => bytes));
  const late = Math.max(...sizes.filter(({ atMs }) => atMs > tookMs / 4).map(({ bytes }) => bytes));
  await served.kill("SIGTERM");
  const barePerSecond = await bareIngest(world, BARE_FRAMES);

  const starts: number[] = [];
  const bare: number[] = [];
  for (let n = 0; n < STARTS; n++) {
    starts.push(await startMsOf(world.harness, stateDir));
    bare.push(await helloMs(world));
  }
  const [started, hello] = [median(starts), median(bare)];
  await endHarness(await startHarness(world, stateDir));
  const stored = mb(statSync(join(stateDir, "harness.db")).size);
  return [
    {
      what: `ingest of ${FRAMES} frames, each a message and an event`,
      measured: `${Math.round(perSecond)} frames/s (bare read, parse and insert ${barePerSecond})`,
      must: `>= ${LEAST_PER_SECOND} frames/s`,
      fine: perSecond >= LEAST_PER_SECOND,
      absolute: true,
    },
    slowest,
    {
      what: "memory over these frames",
      measured: `first quarter ${mb(early)}, then ${mb(late)}`,
      must: `flat (+ ${mb(FLAT_BYTES)})`,
      fine: late <= early + FLAT_BYTES,
    },
    {
      what: `spawn of serve -> health answers, 1 M events (${stored})`,
      measured: `${ms(started)} (hello ${ms(hello)})`,
      must: `<= ${MOST_START} x hello`,
      fine: started <= MOST_START * hello,
    },
  ];
};

/** The same of the bare server: until it answers. */
async function helloMs(world: World): Promise<number> {
  const startMs = performance.now();
  const hello = await world.serve([world.hello]);
  await (await fetch(hello.url)).bytes();
  const took = performance.now() - startMs;
  await hello.kill();
  return took;
}

/** From the spawn to the first good answer; the daemon is stopped again. */
async function startMsOf(harness: string, stateDir: string): Promise<number> {
  const port = freePort();
  const startMs = performance.now();
  const child = Bun.spawn([harness, "serve", "--config", join(stateDir, "harness.json")], {
    env: { PATH: process.env["PATH"] ?? "", HOME: stateDir, AH_PORT: String(port) },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
  try {
    while (child.exitCode === null) {
      const answered = await fetch(`http://127.0.0.1:${port}/api/v1/health`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (answered) return performance.now() - startMs;
      await Bun.sleep(1);
    }
    throw new Error(`the daemon did not start on ${stateDir} (${existsSync(stateDir)})`);
  } finally {
    child.kill("SIGTERM");
    await child.exited;
  }
}
