/**
 * What a fleet costs a box whose database is down, or stands still: the same box without a fleet beside it, asked in
 * turns, and another one of those for what the machine's noise is.
 */
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { POSTGRES, startPostgres } from "../support/postgres.ts";
import { memoryOf } from "./machine.ts";
import type { Claim } from "./row.ts";
import { mb, median, quantile } from "./row.ts";
import type { Measurement } from "./world.ts";
import { quietPort } from "../support/hook.ts";

const ROUNDS = 60;
const IN_A_ROUND = 20;
/** Several pauses of the box's, and deadlines of its statements. */
const SETTLE_MS = 15_000;
const MOST_BYTES = 8_000_000;
const MOST = 1.25;

export const away: Measurement = async () => {
  if (POSTGRES === null) return [{ what: "a fleet without a database", must: "be measured", skipped: "no PostgreSQL" }];
  const postgres = await startPostgres();
  const boxes: Box[] = [];
  const begin = async (config: Record<string, unknown>): Promise<Box> => {
    const box = await makeBox(config);
    boxes.push(box);
    await (await box.start()).post("/projects", { name: "bench", cwd: box.cwd });
    return box;
  };
  try {
    const plain = await begin({});
    const same = await begin({});
    const down = await begin({ fleet: { url: `postgres://ah@127.0.0.1:${await quietPort()}/postgres`, node: "down" } });
    const still = await begin({ fleet: { url: postgres.url, node: "still" } });
    await eventually("it has joined", async () => String((await still.api().get("/fleet"))["joined"]) === "true");
    postgres.signal("SIGSTOP");
    await Bun.sleep(SETTLE_MS);
    const times = new Map<Box, number[]>(boxes.map((box) => [box, []]));
    for (let round = 0; round < ROUNDS; round++)
      for (const box of round % 2 === 0 ? boxes : boxes.toReversed())
        for (let i = 0; i < IN_A_ROUND; i++) {
          const began = performance.now();
          await box.api().get("/projects/bench");
          times.get(box)?.push(performance.now() - began);
        }
    const of = (box: Box, q: number): number => quantile(times.get(box) ?? [], q);
    const noise = Math.max(of(same, 0.5) / of(plain, 0.5), of(plain, 0.5) / of(same, 0.5));
    const bare = median([plain, same].map((box) => of(box, 0.5)));
    const grown = memoryOf(plain.pid()).anonymous;
    return [
      ["down", down],
      ["stopped", still],
    ].flatMap(([state, box]): Claim[] => {
      if (typeof state !== "string" || box === undefined || typeof box === "string") return [];
      const ratio = of(box, 0.5) / bare;
      const bytes = memoryOf(box.pid()).anonymous - grown;
      const lines = box.stderr().match(/the fleet's database is away/g)?.length ?? 0;
      const what = `a box whose fleet's database is ${state}`;
      return [
        {
          what: `${what}: p50 of a GET against a box without a fleet`,
          measured: `${ratio.toFixed(2)} times (noise ${noise.toFixed(2)})`,
          ...{ must: `≤ ${MOST} times, or the noise`, fine: ratio <= Math.max(MOST, noise) },
        },
        { what: `${what}: memory`, measured: `+ ${mb(bytes)}`, must: "+ 8 MB", fine: bytes <= MOST_BYTES },
        { what: `${what}: lines in its log`, measured: `${lines}`, must: "1", fine: lines === 1 },
      ];
    });
  } finally {
    postgres.signal("SIGCONT");
    for (const box of boxes) await box.close();
    await postgres.close();
  }
};
