/** Who else waits while the daemon works hard: requests of every sort, and a bare server asked beside them. */
import type { Api } from "../support/api.ts";
import { PROJECT } from "./agents.ts";
import type { Claim } from "./row.ts";
import { ms } from "./row.ts";

const MOST_MS = 100;
const PAUSE_MS = 20;

interface Slowest {
  readonly tookMs: number;
  readonly what: string;
}

export interface Watch {
  /** No more requests; gives the row. */
  end(what: string): Promise<Claim>;
}

/** Asks in turns until it is ended; `agent` is the one that is at work. `bare` is a server with an empty handler. */
export function watchRequests(api: Api, agent: string, bare: string): Watch {
  const get = (path: string) => async (): Promise<void> => {
    const response = await fetch(`${api.url}/api/v1${path}`);
    await response.bytes();
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
  };
  const one = `${PROJECT}/agents/${agent}`;
  const asks: Readonly<Record<string, () => Promise<unknown>>> = {
    "GET health": get("/health"),
    "GET status": get("/status"),
    "GET the agents": get("/agents?limit=100"),
    "GET the agent": get(one),
    "GET its last messages": get(`${one}/messages?limit=50`),
    "GET its permissions": get(`${one}/permissions`),
    "PATCH the agent": () => api.call("PATCH", one, { metadata: { at: String(performance.now()) } }),
  };
  let over = false;
  let slowest: Slowest = { tookMs: 0, what: "" };
  let asked = 0;
  let bareMs = 0;
  const asking = (async () => {
    while (!over) {
      for (const [what, ask] of Object.entries(asks)) {
        const tookMs = await timed(ask);
        asked += 1;
        if (tookMs > slowest.tookMs) slowest = { tookMs, what };
        bareMs = Math.max(bareMs, await timed(async () => void (await (await fetch(bare)).bytes())));
        await Bun.sleep(PAUSE_MS);
        if (over) return;
      }
    }
  })();
  return {
    async end(what) {
      over = true;
      await asking;
      const { tookMs, what: which } = slowest;
      return {
        what,
        measured: `${ms(tookMs)}: ${which}, of ${asked} (empty handler ${ms(bareMs)})`,
        ...{ must: `<= ${ms(MOST_MS)}`, fine: tookMs <= MOST_MS, absolute: true },
      };
    },
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}
