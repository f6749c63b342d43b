/** One way to write: stored in one transaction, heard of only when it is stored, and not at all when it is not. */
import { expect, test } from "bun:test";
import { createBus } from "../../../src/agents/bus.ts";
import { createJournal, event } from "../../../src/agents/journal.ts";
import { fakeClock } from "../../../src/lib/clock.ts";
import { openStore } from "../../../src/store/database.ts";

function world() {
  const store = openStore(":memory:");
  const bus = createBus();
  const journal = createJournal({ store, clock: fakeClock(), bus });
  const order: string[] = [];
  const rows = (): string[] =>
    store.all<{ type: string }>("SELECT type FROM events ORDER BY id").map((row) => row.type);
  bus.onCommit(({ agent, events }) =>
    order.push(`heard ${agent} ${events.map((each) => each.type).join()} of ${rows()}`),
  );
  return { store, journal, order, rows };
}
const A = { project: "p", agent: "a" };
const note = (entry: Parameters<typeof event>[0]): void =>
  event(entry, "note", { level: "info", code: "x", message: "x" });
const hooks = (order: string[]) => ({
  stored: (value: unknown) => void order.push(`stored ${String(value)}`),
  announced: (value: unknown) => void order.push(`announced ${String(value)}`),
});

test("the memory follows the commit, then everybody hears, then the world is touched", () => {
  const { journal, order } = world();
  const work = (entry: Parameters<typeof event>[0]): number => {
    note(entry);
    event(entry, "agent_updated", { agent: { id: "a", name: null } });
    order.push("work");
    return 7;
  };
  expect(journal.write(A, work, hooks(order))).toBe(7);
  expect(order).toEqual(["work", "stored 7", "heard a note,agent_updated of note,agent_updated", "announced 7"]);
});

test("work that throws leaves no row, and nobody hears of it", () => {
  const { journal, order, rows } = world();
  const work = (entry: Parameters<typeof event>[0]): void => {
    note(entry);
    throw new Error("no");
  };
  expect(() => journal.write(A, work, hooks(order))).toThrow("no");
  expect([order, rows()]).toEqual([[], []]);
});

test("what joins in one tick shares a commit, is told in its order, and asks at that moment whether it is still wanted", async () => {
  const { journal, order } = world();
  let wanted = true;
  const join = (agent: string, when = (): boolean => true) =>
    journal.join({ project: "p", agent }, () => [agent], when, (entry) => note(entry));
  const all = [join("a"), join("b", () => wanted), join("c")];
  wanted = false;
  await Promise.all(all);
  expect(order).toEqual(["heard a note of note,note", "heard c note of note,note"]);
});

test("within somebody's transaction nothing is told before the caller says that it is committed", () => {
  const { store, journal, order } = world();
  const announce = store.transact(() =>
    journal.within(A, (entry) => event(entry, "delivery", { delivery: { id: "d", event: "test", state: "dead" } })),
  );
  expect(order).toEqual([]);
  announce();
  expect(order).toEqual(["heard a delivery of delivery"]);
});

test("what decides over the same does not share a commit: the second begins from what the first has made of it", async () => {
  const { journal, order } = world();
  const memory: Record<string, number> = { a: 0, day: 0 };
  const add = (agent: string, over: string): Promise<void> => {
    const work = (entry: Parameters<typeof event>[0]): number => {
      note(entry);
      return (memory[over] ?? 0) + 1;
    };
    return journal.join({ project: "p", agent }, () => [agent, over], () => true, work, {
      stored: (sum) => void (memory[over] = sum),
    });
  };
  await Promise.all([add("a", "a"), add("a", "a"), add("b", "day"), add("c", "day"), add("a", "a")]);
  expect(memory).toEqual({ a: 3, day: 2 });
  expect(order.slice(0, 2)).toEqual(["heard a note of note,note", "heard b note of note,note"]);
});

test("what comes in the tick of a write may make it decide over more: it waits for those that decide over that, too", async () => {
  const { journal } = world();
  const left = { day: 10 };
  const waits = new Set(["b"]);
  const reserve = (agent: string): Promise<void> =>
    journal.join(
      { project: "p", agent },
      () => (waits.has(agent) ? [agent, "day"] : [agent]),
      () => true,
      () => (waits.has(agent) ? left.day / 2 : 0),
      { stored: (usd) => void (left.day -= usd) },
    );
  const all = [reserve("a"), reserve("b"), reserve("c")];
  waits.add("a"); // an input, when its step is on its way
  await Promise.all(all);
  expect(left.day).toBe(2.5);
});

test("one that fails lets the next of its kind go on", async () => {
  const { journal, rows } = world();
  const join = (work: (entry: Parameters<typeof event>[0]) => void) => journal.join(A, () => ["a"], () => true, work);
  const broken = join(() => {
    throw new Error("no");
  });
  const next = join(note);
  await expect(broken).rejects.toThrow("no");
  await next;
  expect(rows()).toEqual(["note"]);
});
