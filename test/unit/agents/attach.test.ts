/**
 * A conversation that a person has had goes back to its agent, also when at the moment that it should nothing can be
 * looked at or stored: nobody else would ever do it. The whole way of it is played in e2e/cli-attach.
 */
import { expect, test } from "bun:test";
import { createAttachments, LEASE_MS } from "../../../src/agents/attach.ts";
import { createJournal } from "../../../src/agents/journal.ts";
import { HarnessError } from "../../../src/lib/errors.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { settled, world } from "./actor-world.ts";

function attached() {
  const { actor, clock, bus, store: real, stored, fill } = world();
  let held = false;
  const store = {
    ...real,
    get: <T>(...asked: Parameters<typeof real.get>): T | null => {
      if (held) throw new HarnessError("STORE_BUSY", "somebody holds it");
      return real.get<T>(...asked);
    },
  };
  const attachments = createAttachments({
    store,
    journal: createJournal({ store: real, clock, bus }),
    clock,
    log: silentLogger,
    newId: () => "lease",
    actors: () => [actor],
    find: () => actor,
    screenOf: async () => null,
  });
  actor.activate();
  attachments.begin(actor);
  expect(stored()?.process).toBe("attached");
  const silence = async (): Promise<void> => {
    for (let ms = 0; ms <= LEASE_MS + 10_000; ms += 1000) {
      clock.advance(1000);
      await settled();
    }
  };
  return { silence, stored, hold: (now: boolean) => void (held = now), fill };
}

test("a lease that nobody renews is over", async () => {
  const { silence, stored } = attached();
  await silence();
  expect(stored()?.process).not.toBe("attached");
});

test("one that cannot be looked at when its time is over is looked at again", async () => {
  const { silence, stored, hold } = attached();
  hold(true);
  await silence();
  expect(stored()?.process).toBe("attached");
  hold(false);
  await silence();
  expect(stored()?.process).not.toBe("attached");
});

test("one whose end cannot be stored is tried again", async () => {
  const { silence, stored, fill } = attached();
  fill(true);
  await silence();
  expect(stored()?.process).toBe("attached");
  fill(false);
  await silence();
  expect(stored()?.process).not.toBe("attached");
});
