/**
 * How much of a bare server's speed is left when the answers are ours. Taken in turns, so that other load hits all
 * alike.
 */
import { PROJECT, endHarness, makeAgents, makeProject, startHarness } from "./agents.ts";
import { generator, requestsPerSecond } from "./load.ts";
import { median, percent } from "./row.ts";
import type { Measurement } from "./world.ts";

const ROUNDS = 7;
const SECONDS = 1;
const CONNECTIONS = 16;
const LEAST = 0.6;

export const requests: Measurement = async (world) => {
  const hello = await world.serve([world.hello]);
  const harness = await startHarness(world, world.folder("requests"));
  await makeProject(harness.api, world.dir);
  await makeAgents(harness.api, 10);
  const rate = (url: string) => requestsPerSecond(world, { url, seconds: SECONDS, connections: CONNECTIONS });
  const [health, list] = [`${harness.api.url}/api/v1/health`, `${harness.api.url}/api/v1${PROJECT}/agents`];
  const rounds: { hello: number; health: number; list: number }[] = [];
  for (let n = -1; n < ROUNDS; n++) {
    const round = { hello: await rate(hello.url), health: await rate(health), list: await rate(list) };
    if (n >= 0) rounds.push(round); // the first only warms up
  }
  await endHarness(harness);
  await hello.kill();
  const bare = median(rounds.map((round) => round.hello));
  return (["health", "list"] as const).map((name) => {
    const ratio = median(rounds.map((round) => round[name] / round.hello));
    const rps = median(rounds.map((round) => round[name]));
    return {
      what: `${name === "health" ? "GET /api/v1/health" : "GET a list of 10 agents"}, ${generator()}`,
      measured: `${percent(ratio)} (${Math.round(rps)}/s, hello ${Math.round(bare)}/s)`,
      must: `>= ${percent(LEAST)} of hello`,
      fine: ratio >= LEAST,
    };
  });
};
