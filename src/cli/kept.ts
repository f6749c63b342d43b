/**
 * What an agent's last turn left may still be being kept when the turn is over and everybody was told so. Who asks for
 * the work waits for that: a patch that is taken right behind `wait` would lack it and not say so.
 */
import { HarnessError } from "../lib/errors.ts";
import type { Args } from "./args.ts";
import type { Client } from "./client.ts";
import type { ChangesShape } from "./work-shapes.ts";
import { rangeQuery } from "./work-shapes.ts";

/** Keeping it has 30 s, and is given up then. */
const KEPT_MS = 35_000;
const LOOK_MS = 250;
export const WORK_MS = 60_000;

/** `at`: the agent's address in the API. The changes as the API answers them; `pending` where it took too long. */
export async function changesWhenKept(client: Client, at: string, args: Args): Promise<ChangesShape> {
  const since = performance.now();
  const ask = async (query: string): Promise<ChangesShape> => {
    for (; ; await Bun.sleep(LOOK_MS)) {
      // The daemon made it of this shape.
      const answer = (await client.call(`${at}/changes${query}`, { timeoutMs: WORK_MS })) as ChangesShape;
      if (answer.pending !== true || performance.now() - since > KEPT_MS) return answer;
    }
  };
  try {
    return await ask(rangeQuery(args));
  } catch (error) {
    // The turn that is named may be the one that is being kept.
    if (!(error instanceof HarnessError && error.code === "SNAPSHOT_NOT_FOUND")) throw error;
    await ask("");
    return ask(rangeQuery(args));
  }
}

export const PENDING = "what it did last is still being saved: these are the changes before that";
