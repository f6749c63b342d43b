/** A task that is over stays while what its agent did is not in the mirror. */
import { expect, test } from "bun:test";
import { saveMirrored } from "../../../src/fleet/identity.ts";
import { mirroredUpTo } from "../../../src/fleet/upkeep.ts";
import { openStore } from "../../../src/store/database.ts";
import { insertEvent } from "../../../src/store/events.ts";

test("all of a time is mirrored when the next event to be mirrored is younger, or there is none", () => {
  const store = openStore(":memory:");
  expect(mirroredUpTo(store, 1000)).toBe(true);
  const event = { project: null, agent: null, type: "note", data: { level: "info", code: "c", message: "m" } } as const;
  const ids = [500, 900, 2000].map((at) => store.transact(() => insertEvent(store, { ...event, at })).id);
  const answers = [0, ...ids].map((id) => {
    saveMirrored(store, id);
    return mirroredUpTo(store, 1000);
  });
  expect(answers).toEqual([false, false, true, true]);
  store.close();
});
