/**
 * Asks another box of the fleet: the request becomes a row, and its answer is waited for. Asking is safe at any moment:
 * whether the row stands is never guessed, it has a name that was given before.
 */
import type { Clock } from "../lib/clock.ts";
import { HarnessError } from "../lib/errors.ts";
import type { CallAnswer, CallRequest } from "./call.ts";
import { clearAnswer, findCallRow, insertCall, readAnswer, settledCalls } from "./call.ts";
import type { Database } from "./database.ts";
import { DatabaseAway } from "./database.ts";
import type { Hints } from "./hints.ts";
import { channelOf, hint } from "./hints.ts";
import type { Member } from "./member.ts";
import type { FleetNode } from "./registry.ts";
import { textArray } from "./registry.ts";
import { seal } from "./seal.ts";

export type Asking =
  | { readonly type: "answered"; readonly answer: CallAnswer }
  /** It stands, and may still be done. */
  | { readonly type: "waiting"; readonly call: string; readonly state: "queued" | "claimed" | "unknown" };

export interface Question {
  readonly node: FleetNode;
  readonly request: CallRequest;
  /** The path without its query. */
  readonly shown: string;
  readonly ttlMs: number;
  /** How long its answer is waited for. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

export interface Asker {
  ask(question: Question): Promise<Asking>;
  stop(): void;
}

export interface AskerDeps {
  readonly database: Database;
  readonly schema: string;
  readonly member: () => Member;
  readonly hints: Hints;
  readonly clock: Clock;
  readonly newId: () => string;
}

const FIRST_LOOK_MS = 20;
const SLOWEST_LOOK_MS = 250;
const HINTED_LOOK_MS = 1000;

export function createAsker({ database, schema, member, hints, clock, newId }: AskerDeps): Asker {
  /** Who waits for which call. */
  const waiting = new Map<string, () => void>();
  let looking = false;
  let again = false;
  let stopped = false;

  /** One question for all that wait. */
  const look = async (): Promise<void> => {
    if (waiting.size === 0) return;
    if (looking) return void (again = true);
    looking = true;
    do {
      again = false;
      const all = textArray([...waiting.keys()]);
      const settled = await settledCalls(database.ask, all).catch(() => []); // it is looked again
      for (const id of settled) waiting.get(id)?.();
    } while (again && !stopped);
    looking = false;
  };
  hints.onHint(() => void look());

  /** true: it is settled. */
  const settled = async (id: string, patienceMs: number, signal: AbortSignal): Promise<boolean> => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const end = (): void => resolve(false);
    signal.addEventListener("abort", end, { once: true });
    waiting.set(id, () => resolve(true));
    const limit = clock.setTimer(patienceMs, end);
    let pauseMs = FIRST_LOOK_MS;
    let timer = clock.setTimer(0, () => undefined);
    const beat = (): void => {
      pauseMs = Math.min(pauseMs * 1.3, SLOWEST_LOOK_MS);
      timer = clock.setTimer(hints.heard ? HINTED_LOOK_MS : pauseMs, () => void look().finally(beat));
    };
    beat();
    void look(); // its hint may have come before anybody waited for it
    try {
      return await promise;
    } finally {
      waiting.delete(id);
      timer.cancel();
      limit.cancel();
      signal.removeEventListener("abort", end);
    }
  };

  return {
    async ask({ node, request, shown, ttlMs, patienceMs, signal }) {
      const me = member();
      const id = `ahc_${newId()}`;
      const changes = request.method !== "GET";
      const sealed = await seal(node.publicKey, Buffer.from(JSON.stringify(request)));
      const call = {
        ...{ id, node: node.no, asker: me.no, method: request.method, path: shown, createdBy: me.name, ttlMs, sealed },
      };
      try {
        await database.transact(async (ask) => {
          await insertCall(ask, call);
          await hint(ask, channelOf(schema, node.no));
        });
        const over = await settled(id, patienceMs, signal);
        const answer = over ? await readAnswer(database.ask, id) : null;
        if (answer !== null) {
          // Read is read; that it could not be cleared is mended by the sweep.
          await clearAnswer(database.ask, id, changes).catch(() => undefined);
          return { type: "answered", answer };
        }
        if (!changes) await clearAnswer(database.ask, id, false);
        const row = changes ? await findCallRow(database.ask, id) : null;
        if (row?.state === "queued" || row?.state === "claimed") return { type: "waiting", call: id, state: row.state };
      } catch (error) {
        if (!(error instanceof DatabaseAway)) throw error;
        if (changes && error.outcome === "unknown") return { type: "waiting", call: id, state: "unknown" };
        throw new HarnessError("FLEET_AWAY", "the fleet's database went away while another box was asked: try again", {
          cause: error,
          headers: { "Retry-After": "1" },
        });
      }
      throw new HarnessError(
        "NODE_SILENT",
        `node "${node.name}" has not answered within ${Math.round(patienceMs / 1000)} s (seen at ${node.seenAt})`,
      );
    },
    stop() {
      stopped = true;
    },
  };
}
