/** Lists walk along an index: none reads a whole table, none sorts what it has found. */
import { expect, test } from "bun:test";
import type { Store } from "../../../src/store/database.ts";
import { openStore } from "../../../src/store/database.ts";
import { listDeliveries } from "../../../src/store/deliveries.ts";
import { eventsAfter, listEvents } from "../../../src/store/events.ts";
import { findMessage, listMessages } from "../../../src/store/messages.ts";
import { oldestPending, permissionsOfAll } from "../../../src/store/permissions.ts";
import { findTurn, listTurns } from "../../../src/store/turns.ts";

const page = { limit: 10 };
const after = { createdAt: 5, agent: "a", id: "p1" };

const lists: Readonly<Record<string, (store: Store) => unknown>> = {
  "permissions of all agents": (store) => permissionsOfAll(store, page),
  "the next page of them": (store) => permissionsOfAll(store, { ...page, after }),
  "those that wait": (store) => permissionsOfAll(store, { ...page, state: "pending" }),
  "the next page of those that wait": (store) => permissionsOfAll(store, { ...page, state: "pending", after }),
  "the one that waits longest": oldestPending,
  "all events": (store) => listEvents(store, {}, page),
  "events of an agent, backwards": (store) => listEvents(store, { agent: "a" }, { ...page, before: 9 }),
  "events of a project, forwards": (store) => listEvents(store, { project: "p" }, { ...page, after: 9 }),
  "events of some types": (store) => listEvents(store, { types: ["note", "message"] }, page),
  "events of some types, and one agent whole": (store) => eventsAfter(store, { types: ["note"], whole: "a" }, 9, 10),
  deliveries: (store) => listDeliveries(store, page),
  "deliveries of an agent": (store) => listDeliveries(store, { ...page, agent: "a", before: 5 }),
  "deliveries of a project": (store) => listDeliveries(store, { ...page, project: "p" }),
  "dead deliveries": (store) => listDeliveries(store, { ...page, state: "dead" }),
  "dead deliveries of an agent": (store) => listDeliveries(store, { ...page, state: "dead", agent: "a" }),
  turns: (store) => listTurns(store, "a", page),
  "one turn": (store) => findTurn(store, "a", "t"),
  messages: (store) => listMessages(store, "a", { ...page, before: 5 }),
  "one message": (store) => findMessage(store, "a", 1),
};

/** The steps of every query that `read` makes. */
function plan(read: (store: Store) => unknown): string[] {
  const store = openStore(":memory:");
  const steps: string[] = [];
  const explain = (sql: string, params: readonly unknown[]): void => {
    const rows = store.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...(params as string[]));
    steps.push(...rows.map(({ detail }) => detail));
  };
  read({
    ...store,
    all: <T>(sql: string, ...params: unknown[]) => (explain(sql, params), store.all<T>(sql, ...(params as string[]))),
    get: <T>(sql: string, ...params: unknown[]) => (explain(sql, params), store.get<T>(sql, ...(params as string[]))),
  });
  store.close();
  return steps;
}

test.each(Object.entries(lists))("%s", (_, read) => {
  const steps = plan(read);
  expect(steps.length).toBeGreaterThan(0);
  // A walk along an index in its order may begin at its end: then it is called a scan, but ends with the page.
  const whole = steps.filter((step) => /^SCAN (?!\w+ USING)|TEMP B-TREE/.test(step));
  expect([whole, steps]).toEqual([[], steps]);
});
