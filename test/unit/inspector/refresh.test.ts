/**
 * Two ways lead into the page's lists, the answers to what it asks and the stream, and neither waits for the other.
 * Looked for what an older one may undo of a newer: an answer behind an event (it was to be held by the event's number,
 * which nobody handed on), an event behind an answer (an agent that was done was shown at work again for a moment), a
 * list behind either.
 */
import { beforeAll, expect, test } from "bun:test";
import type { Client } from "../../../src/inspector/client.ts";
import { applyEvent } from "../../../src/inspector/events.ts";
import { createRefresh } from "../../../src/inspector/refresh.ts";
import { createStore } from "../../../src/inspector/store.ts";
import type { StreamEvent } from "../../../src/inspector/stream.ts";
import { eventually } from "../../support/api.ts";

declare global {
  var requestAnimationFrame: (run: () => void) => number;
}
beforeAll(() => void Object.assign(globalThis, { requestAnimationFrame: () => 0 }));

/** A page whose daemon shows one agent, as of one event. */
function page() {
  const shown = { status: "starting", cursor: 1 };
  let asked = 0;
  const agent = () => ({ id: "a1", project: "p", status: shown.status });
  const client = {
    get: async (path: string) => {
      if (path.includes("/agents")) asked += 1;
      const body = path.startsWith("/agents?") ? { agents: [agent()], next: null } : { agent: agent() };
      return { body, cursor: shown.cursor };
    },
  } as unknown as Client; // of its requests only these are made
  const store = createStore();
  const refresh = createRefresh(store, client);
  const tell = (id: number, to: string): void => {
    const event: StreamEvent = { id, type: "agent_status", data: { agent: "a1", data: { to } } };
    refresh.stale(applyEvent(store, event, refresh.knows(event)), event);
  };
  return { shown, refresh, tell, status: () => store.agents.get("a1")?.status, asked: () => asked };
}

test("an event that comes behind an answer which knows of it already changes nothing any more", async () => {
  const { shown, refresh, tell, status, asked } = page();
  await refresh.all();
  tell(2, "processing");
  expect(status()).toBe("processing");
  Object.assign(shown, { status: "idle", cursor: 5 });
  await eventually("the answer", () => status() === "idle");
  for (const [id, to] of [
    [3, "waiting_input"],
    [4, "processing"],
    [5, "idle"],
  ] as const) {
    tell(id, to);
    expect(status()).toBe("idle");
  }
  tell(6, "processing");
  expect(status()).toBe("processing");
  expect(asked()).toBe(2);
});

test("an answer that comes behind an event which it does not know of changes nothing either", async () => {
  const { shown, refresh, tell, status, asked } = page();
  await refresh.all();
  Object.assign(shown, { status: "starting", cursor: 1 });
  tell(2, "processing");
  await eventually("the answer", () => asked() === 2);
  await Bun.sleep(0);
  expect(status()).toBe("processing");
});

test("after a loss the lists win over all that was remembered", async () => {
  const { shown, refresh, tell, status } = page();
  Object.assign(shown, { status: "idle", cursor: 90 });
  await refresh.all();
  tell(91, "idle");
  Object.assign(shown, { status: "starting", cursor: 1 }); // of a store that was brought back
  await refresh.all();
  expect(status()).toBe("starting");
  tell(2, "processing");
  expect(status()).toBe("processing");
});
