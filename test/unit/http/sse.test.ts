import { afterEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { createAuth } from "../../../src/http/auth.ts";
import { createGuard } from "../../../src/http/guard.ts";
import { createApp, route } from "../../../src/http/router.ts";
import { type Listener, listen } from "../../../src/http/server.ts";
import {
  type SseMessage,
  formatComment,
  formatMessage,
  formatRetry,
  parseCursor,
  sseResponse,
} from "../../../src/http/sse.ts";
import { fakeClock, systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";

const until = async (what: string, condition: () => boolean, ms = 10_000): Promise<void> => {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms for: ${what}`);
    await Bun.sleep(2);
  }
};

/** A store and a bus, as the daemon has them: `publish` commits, then tells. */
function source() {
  const rows: SseMessage[] = [];
  const listeners = new Set<(message: SseMessage) => void>();
  let replayedRows = 0;
  return {
    commit(data: string): SseMessage {
      const message = { id: rows.length + 1, event: "note", data };
      rows.push(message);
      return message;
    },
    publish(data: string): void {
      this.tell(this.commit(data));
    },
    tell(message: SseMessage): void {
      for (const listener of listeners) listener(message);
    },
    replay: (afterId: number, limit: number) => {
      const page = rows.slice(afterId, afterId + limit);
      replayedRows += page.length;
      return page;
    },
    subscribe: (listener: (message: SseMessage) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    listeners,
    get replayedRows() {
      return replayedRows;
    },
  };
}

const ids = (text: string): number[] => [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
const upTo = (n: number, from = 1): number[] => Array.from({ length: n - from + 1 }, (_, i) => i + from);

describe("framing", () => {
  test("a message has id, event and data, and an empty line behind", () => {
    expect(formatMessage({ id: 7, event: "message", data: '{"a":1}' })).toBe(
      'id: 7\nevent: message\ndata: {"a":1}\n\n',
    );
  });
  test("a message without id does not move the client's cursor", () => {
    expect(formatMessage({ event: "delta", data: "{}" })).toBe("event: delta\ndata: {}\n\n");
  });
  test("line breaks in data become lines of their own, whatever their kind", () => {
    expect(formatMessage({ event: "e", data: "a\nb\r\nc\rd" })).toBe(
      "event: e\ndata: a\ndata: b\ndata: c\ndata: d\n\n",
    );
  });
  test("an event name with a line break is a bug and throws", () => {
    expect(() => formatMessage({ event: "a\nid: 9", data: "" })).toThrow("must be one line");
  });
  test("comment and retry", () => {
    expect(formatComment("a\nb")).toBe(": a b\n\n");
    expect(formatRetry(2000)).toBe("retry: 2000\n\n");
  });
  test.each([
    ["0", 0],
    ["42", 42],
    ["", undefined],
    ["-1", undefined],
    ["1.5", undefined],
    ["abc", undefined],
    ["9999999999999999", undefined],
  ])("the cursor %p reads as %p", (text, id) => expect(parseCursor(text)).toBe(id));
});

describe("the stream", () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  function open(from: ReturnType<typeof source>, extra: Partial<Parameters<typeof sseResponse>[0]> = {}) {
    const controller = new AbortController();
    const response = sseResponse({
      afterId: 0,
      replay: from.replay,
      subscribe: from.subscribe,
      signal: controller.signal,
      clock: systemClock,
      ...extra,
    });
    const reader = response.body!.getReader();
    const decoder = new TextDecoder();
    let text = "";
    let ended = false;
    const pump = (async () => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += decoder.decode(value, { stream: true });
      }
      ended = true;
    })();
    pump.catch(() => {
      ended = true;
    });
    closers.push(() => controller.abort());
    return { controller, response, seen: () => text, ended: () => ended };
  }

  test("replays from the cursor and goes on live, each id once and in order", async () => {
    const from = source();
    for (let i = 0; i < 500; i++) from.publish(`{"n":${i}}`);
    const client = open(from, { afterId: 100, pageSize: 7 });
    // Published while the replay is under way, from another turn of the event loop each time.
    for (let i = 0; i < 200; i++) {
      from.publish(`{"late":${i}}`);
      if (i % 10 === 0) await Bun.sleep(0);
    }
    await until("all", () => ids(client.seen()).length >= 600);
    expect(ids(client.seen())).toEqual(upTo(700, 101));
  });

  test("live messages do not go through the store", async () => {
    const from = source();
    const client = open(from);
    await until("opened", () => client.seen().includes("retry"));
    from.publish("{}");
    from.tell({ event: "delta", data: '{"t":"x"}' });
    await until("both", () => client.seen().includes("delta"));
    expect(ids(client.seen())).toEqual([1]);
    expect(from.replayedRows).toBe(0);
  });

  test("what was replayed before it was told is not said twice", async () => {
    const from = source();
    const early = from.commit("{}");
    const client = open(from);
    await until("replayed", () => client.seen().includes("id: 1"));
    from.tell(early);
    from.publish("{}");
    await until("next", () => client.seen().includes("id: 2"));
    expect(ids(client.seen())).toEqual([1, 2]);
  });

  test("the preamble comes first", async () => {
    const from = source();
    from.publish("{}");
    const client = open(from, { preamble: [{ event: "reset", data: '{"oldest":5,"newest":9}' }] });
    await until("row", () => client.seen().includes("id: 1"));
    expect(client.seen()).toStartWith('retry: 2000\n\nevent: reset\ndata: {"oldest":5,"newest":9}\n\nid: 1\n');
  });

  test("a heartbeat comes every 15 s and none after the end", async () => {
    const from = source();
    const clock = fakeClock();
    const client = open(from, { clock });
    await until("opened", () => client.seen().includes("retry"));
    clock.advance(15_000);
    clock.advance(14_999);
    await until("beat", () => client.seen().includes(": keep-alive"));
    expect(client.seen().match(/keep-alive/g)).toHaveLength(1);
    client.controller.abort();
    await until("end", client.ended);
    expect(clock.pending).toBe(0);
    expect(from.listeners.size).toBe(0);
  });

  test("a signal that is aborted already ends it at once", async () => {
    const from = source();
    const signal = AbortSignal.abort();
    const client = open(from, { signal });
    await until("end", client.ended);
    expect(from.listeners.size).toBe(0);
  });

  test("a client that takes nothing of what waits for it for 10 s is dropped, a healthy one in a burst is not", async () => {
    const from = source();
    const clock = fakeClock();
    let dropped = 0;
    const options = { replay: from.replay, subscribe: from.subscribe, afterId: 0, clock, onDrop: () => dropped++ };
    const stuck = sseResponse({ ...options, signal: new AbortController().signal });
    const healthy = open(from, { clock, onDrop: () => dropped++ });
    await until("opened", () => healthy.seen().includes("retry"));
    for (let i = 0; i < 500; i++) from.publish("x".repeat(1000));
    await until("burst read", () => ids(healthy.seen()).length === 500);
    clock.advance(9_999);
    expect(dropped).toBe(0);
    clock.advance(1);
    expect(dropped).toBe(1);
    expect(from.listeners.size).toBe(1);
    expect(await new Response(stuck.body).text().catch(String)).toContain("does not read");
  });
});

describe("over a real socket", () => {
  let listener: Listener | undefined;
  afterEach(async () => {
    await listener?.stop({ graceMs: 0 });
    listener = undefined;
  });

  async function serve(from: ReturnType<typeof source>, onDrop = () => {}): Promise<string> {
    const app = createApp({
      routes: [
        route({
          method: "GET",
          path: "/events",
          summary: "events",
          handler(ctx) {
            ctx.keepOpen();
            const afterId = parseCursor(ctx.req.headers.get("last-event-id") ?? "0") ?? 0;
            return sseResponse({
              ...from,
              afterId,
              signal: ctx.signal,
              clock: systemClock,
              stallMs: 200,
              onDrop,
            });
          },
        }),
      ],
      auth: createAuth({ token: null, clock: systemClock }),
      guard: createGuard({ allowedHosts: [], ownNames: [] }),
      log: silentLogger,
    });
    listener = await listen({ address: { type: "tcp", host: "127.0.0.1", port: 0 }, app });
    return listener.url;
  }

  test("reconnecting with Last-Event-ID during a burst of 10 000 misses none and repeats none", async () => {
    const from = source();
    const url = await serve(from);
    const burst = (async () => {
      for (let i = 0; i < 10_000; i++) {
        from.publish(`{"n":${i}}`);
        if (i % 50 === 0) await Bun.sleep(0);
      }
    })();
    const seen: number[] = [];
    let connections = 0;
    while ((seen.at(-1) ?? 0) < 10_000) {
      connections++;
      const stop = new AbortController();
      const response = await fetch(`${url}/events`, {
        headers: { "Last-Event-ID": String(seen.at(-1) ?? 0) },
        signal: stop.signal,
      });
      let text = "";
      const decoder = new TextDecoder();
      for await (const chunk of response.body!) {
        text += decoder.decode(chunk, { stream: true });
        const whole = ids(text.slice(0, text.lastIndexOf("\n\n") + 1));
        if (whole.length >= 900 || (seen.at(-1) ?? 0) + whole.length >= 10_000) break;
      }
      // What it had of more, a connection that broke here would have taken with it.
      seen.push(...ids(text.slice(0, text.lastIndexOf("\n\n") + 1)).slice(0, 900));
      stop.abort();
    }
    await burst;
    expect(connections).toBeGreaterThan(1);
    expect(seen).toEqual(upTo(10_000));
    await until("all subscriptions gone", () => from.listeners.size === 0);
  });

  test("a client that stops reading is dropped, and memory stays flat", async () => {
    const from = source();
    let dropped = 0;
    const url = await serve(from, () => dropped++);
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.on("error", () => {});
    socket.pause();
    socket.write("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await until("subscribed", () => from.listeners.size === 1);
    const line = JSON.stringify("x".repeat(4000));
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 20_000; i++) {
      from.publish(line);
      if (i % 100 === 0) await Bun.sleep(0);
    }
    await until("dropped", () => dropped === 1);
    expect(from.listeners.size).toBe(0);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
    socket.destroy();
  });

  test("stop ends open streams at once", async () => {
    const from = source();
    const url = await serve(from);
    const response = await fetch(`${url}/events`);
    const reading = response.text();
    await until("subscribed", () => from.listeners.size === 1);
    const started = Date.now();
    await listener?.stop({ graceMs: 20_000 });
    expect(await reading).toContain("retry");
    expect(Date.now() - started).toBeLessThan(10_000);
    expect(from.listeners.size).toBe(0);
  });
});
