/**
 * A start of the daemon while one agent has much that nobody has read: how soon it answers, is ready, and works for
 * another agent; beside it the same start with nothing unread.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createApi, eventually } from "../support/api.ts";
import { PROJECT, endHarness, makeAgents, makeProject, startHarness } from "./agents.ts";
import { mb, ms } from "./row.ts";
import { freePort } from "./world.ts";
import type { Measurement, World } from "./world.ts";

/** About 340 bytes each. */
const FRAMES = 185_000;
const LEAST_BYTES = 60_000_000;
/** So long the files are looked at before the daemon is ready with what is left. */
const MOST_LOOK_MS = 2000;

interface Start {
  readonly healthMs: number;
  readonly readyMs: number;
  /** The other agent has done a turn. */
  readonly turnMs: number;
  /** All of it is stored, and the agent is at rest. */
  readonly caughtUpMs: number;
}

export const readiness: Measurement = async (world) => {
  const stateDir = world.folder("readiness");
  const port = freePort();
  const { api, served } = await startHarness(world, stateDir, { port, limits: { parkIdleMs: 0 } });
  await makeProject(api, world.dir);
  const [talker = "", other = ""] = await makeAgents(api, 2);
  await served.kill("SIGKILL");
  const without = await startOn(world, stateDir, port, [talker, other]);
  // Told to talk, and then there is nobody who reads.
  await without.api.post(`${PROJECT}/agents/${talker}/input`, { text: `flood ${FRAMES}` });
  await without.served.kill("SIGKILL");
  let before = -1;
  const bytes = await eventually(
    "the agent to have said all of it",
    async () => {
      const now = bytesBelow(join(stateDir, "agents", talker));
      await Bun.sleep(500);
      if (now !== before || now < LEAST_BYTES) before = now;
      else return now;
      return null;
    },
    60_000,
  );
  const loaded = await startOn(world, stateDir, port, [talker, other]);
  await loaded.served.kill("SIGTERM");
  await endHarness(await startHarness(world, stateDir));
  const what = `start with ${mb(bytes)} unread of one agent`;
  const [plain, full] = [without.times, loaded.times];
  const beside = (key: keyof Start): string => `${ms(full[key])} (nothing unread ${ms(plain[key])})`;
  return [
    {
      what: `${what}: spawn of serve -> health answers`,
      measured: beside("healthMs"),
      ...{ must: "<= 2 x nothing unread", fine: full.healthMs <= 2 * plain.healthMs },
    },
    {
      what: `${what}: spawn of serve -> ready`,
      measured: beside("readyMs"),
      must: `<= nothing unread + ${ms(MOST_LOOK_MS)}`,
      fine: full.readyMs <= plain.readyMs + MOST_LOOK_MS,
      absolute: true,
    },
    {
      what: `${what}: another agent has done a turn`,
      measured: `${beside("turnMs")}; all of it is read after ${ms(full.caughtUpMs)}`,
      must: "before all of it is read",
      fine: full.turnMs < full.caughtUpMs,
    },
  ];
};

async function startOn(world: World, stateDir: string, port: number, [talker, other]: readonly [string, string]) {
  const url = `http://127.0.0.1:${port}`;
  const startMs = performance.now();
  const since = (): number => performance.now() - startMs;
  const served = world.start([world.harness, "serve", "--config", join(stateDir, "harness.json")], url);
  const until = async (path: string): Promise<number> => {
    const good = () =>
      fetch(`${url}${path}`).then(
        ({ ok }) => ok,
        () => false,
      );
    while (!(await good())) {
      if (since() > 600_000) throw new Error(`${path} does not answer`);
      await Bun.sleep(1);
    }
    return since();
  };
  const healthMs = await until("/api/v1/health");
  const api = createApi(url);
  const agents = `${PROJECT}/agents`;
  /** Until the agent was looked at there is 503. */
  const asked = async (method: string, rest: string, body?: unknown) => {
    for (;;) {
      const answer = await api.call(method, `${agents}/${rest}`, body);
      if (answer.status < 300) return answer.body;
      if (answer.status !== 503 || since() > 600_000) throw new Error(`${rest}: ${answer.status}`);
      await Bun.sleep(5);
    }
  };
  const rests = async (id: string): Promise<number> => {
    while (String((await asked("GET", `${id}/wait?until=idle&timeout=30`))["reached"]) !== "true");
    return since();
  };
  const turn = async (): Promise<number> => {
    await asked("POST", `${other}/input`, { text: "turn" });
    return await rests(other);
  };
  const [readyMs, turnMs, caughtUpMs] = await Promise.all([until("/readyz"), turn(), rests(talker)]);
  const times: Start = { healthMs, readyMs, turnMs, caughtUpMs };
  return { api, served, times };
}

function bytesBelow(dir: string): number {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
