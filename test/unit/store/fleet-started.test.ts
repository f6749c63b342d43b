/** What a box remembers of tasks that it began. */
import { expect, test } from "bun:test";
import type { Store } from "../../../src/store/database.ts";
import { openStore } from "../../../src/store/database.ts";
import { findStarted, noteEnded, noteStarted, pruneStarted } from "../../../src/store/fleet-started.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

function storeOf<T>(work: (store: Store) => T): T {
  const store = openStore(":memory:");
  try {
    return work(store);
  } finally {
    store.close();
  }
}

test("a task is begun once under a claim, and again only under a later one", () =>
  storeOf((store) => {
    const begin = (claim: number): void => store.transact(() => noteStarted(store, "t", claim, `agent-${claim}`, 0));
    begin(3);
    for (const claim of [3, 2]) expect(() => begin(claim)).toThrow("must not be begun again");
    store.transact(() => noteEnded(store, "t", 3, { end: "done", error: null }));
    begin(5); // a person gave it to another box meanwhile, and that one gave it back
    expect(findStarted(store, "t")).toEqual({ task: "t", claim: 5, agent: "agent-5", ended: null, error: null });
    store.transact(() => noteEnded(store, "t", 3, { end: "failed", error: "late" }));
    expect(findStarted(store, "t")?.ended).toBeNull();
  }));

test("what is over is forgotten after a month or when there is too much of it, and what is at work never", () =>
  storeOf((store) => {
    const now = 100 * DAY_MS;
    for (let n = 0; n < 6; n++) {
      const at = n === 1 ? now - 31 * DAY_MS : now - n;
      store.transact(() => {
        noteStarted(store, `t${n}`, 1, "a", n === 0 ? now - 31 * DAY_MS : at);
        if (n > 0) noteEnded(store, `t${n}`, 1, { end: "done", error: null });
      });
    }
    const left = (): string[] =>
      store.all<{ task: string }>("SELECT task FROM fleet_started ORDER BY n").map(({ task }) => task);
    pruneStarted(store, now - 30 * DAY_MS);
    expect(left()).toEqual(["t0", "t2", "t3", "t4", "t5"]);
    pruneStarted(store, now - 30 * DAY_MS, 2);
    expect(left()).toEqual(["t0", "t4", "t5"]);
  }));
