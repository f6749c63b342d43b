/** What a person waits for: the list of everything, a page out of a long conversation, and `ps`. */
import { PROJECT, endHarness, makeAgents, makeProject, startHarness } from "./agents.ts";
import { median, ms } from "./row.ts";
import type { Claim } from "./row.ts";
import { run } from "./world.ts";
import type { Measurement } from "./world.ts";

const [SOME, ALL] = [200, 1000];
const MESSAGES = 5000;
const TIMES = 15;

export const lists: Measurement = async (world) => {
  const hello = await world.serve([world.hello]);
  const limits = { maxAgents: ALL + 10, parkIdleMs: 0 };
  const harness = await startHarness(world, world.folder("lists"), { limits });
  const { api } = harness;
  await makeProject(api, world.dir);
  const [talker = ""] = await makeAgents(api, 1);
  await api.post(`${PROJECT}/agents/${talker}/input`, { text: `flood ${MESSAGES}` });
  await api.get(`${PROJECT}/agents/${talker}/wait?until=idle&timeout=30`);
  const more = async (upTo: number, from: number): Promise<void> => {
    for (let n = from; n < upTo; n++) await api.post(`${PROJECT}/agents`, { provider: "bench" });
  };
  await more(SOME, 1);
  const ps = await times(() => run([world.harness, "ps", "--url", api.url], world.dir));
  await more(ALL, SOME);
  // Something is committed before each, so that no list of before can be sent again.
  const change = () =>
    api.call("PATCH", `${PROJECT}/agents/${talker}`, { metadata: { at: String(performance.now()) } });
  const get = (path: string) => async (): Promise<void> => {
    const response = await fetch(`${api.url}/api/v1${path}`);
    await response.bytes();
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
  };
  const list = await times(get("/agents?limit=1000"), change);
  const page = await times(get(`${PROJECT}/agents/${talker}/messages?before=4000&limit=50`), change);
  const bare = await times(async () => void (await (await fetch(hello.url)).bytes()));
  await endHarness(harness);
  await hello.kill();
  const claim = (what: string, took: number, most: number): Claim => ({
    what,
    measured: `${ms(took)} (hello ${ms(bare)})`,
    must: `<= ${ms(most)}`,
    fine: took <= most,
    absolute: true,
  });
  return [
    claim(`list of ${ALL} agents`, list, 15),
    claim(`page of 50 out of ${MESSAGES} messages`, page, 5),
    claim(`\`ps\` of ${SOME} agents`, ps, 80),
  ];
};

/** Median over several, each after `before`, which does not count. */
async function times(work: () => Promise<void>, before: () => Promise<unknown> = async () => null): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < TIMES; n++) {
    await before();
    const startMs = performance.now();
    await work();
    took.push(performance.now() - startMs);
  }
  return median(took);
}
