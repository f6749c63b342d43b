/**
 * The event stream of the compiled daemon: nothing missed, nothing twice, whoever comes late, leaves early or does not
 * read.
 */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import type { EventStream } from "../support/sse.ts";
import { openStream, take } from "../support/sse.ts";

setDefaultTimeout(60_000);

/** Messages of 60 KB as events: 18 MB, then 108 MB. */
const [WARM, FLOOD] = [300, 1800];

let box: Box;
/** Opened first and looked at last: nothing is ever sent on it but heartbeats. */
let quiet: EventStream;
let quietSince: number;

beforeAll(async () => {
  box = await makeBox({ providers: { "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] } } });
  const api = await box.start();
  for (const name of ["p", "other", "silent"]) await api.post("/projects", { name, cwd: box.cwd });
  // Before the daemon's own time begins: what is measured here is never the shorter one.
  quietSince = Date.now();
  quiet = await openStream(api, "/projects/silent/events");
  void take(quiet, 1);
});
afterAll(() => box.close());

const script = (...steps: unknown[]): string => `SCRIPT ${JSON.stringify(steps)}`;
const lines = (count: number, what: string): unknown[] =>
  Array.from({ length: count }, (_, i) => ({ say: `${what} ${i}` }));
const store = <T>(work: (db: Database) => T): T => {
  const db = new Database(join(box.stateDir, "harness.db"));
  try {
    return work(db);
  } finally {
    db.close();
  }
};
const storedIds = (where: string): number[] =>
  store((db) =>
    db
      .query<{ id: number }, []>(`SELECT id FROM events WHERE ${where} ORDER BY id`)
      .all()
      .map((row) => row.id),
  );

async function start(project: string, task: string): Promise<string> {
  const { agent } = await box.api().post(`/projects/${project}/agents`, { provider: "claude-code", task });
  return String(agent?.["id"]);
}

/** Reads a stream to the end of the agent's turn; after every `stretch` events it goes away and comes back. */
async function follow(
  path: string,
  agent: string,
  stretch: number,
  lastEventId?: number,
): Promise<{ ids: number[]; connections: number }> {
  const ids: number[] = [];
  for (let connections = 1, last = lastEventId; ; connections++) {
    const stream = await openStream(box.api(), path, last === undefined ? {} : { lastEventId: last });
    let left = stretch;
    for await (const each of stream.events) {
      if (each.id === null) continue;
      ids.push(each.id);
      last = each.id;
      if (each.event === "turn_ended" && String(each.data["agent"]) === agent) {
        stream.close();
        return { ids, connections };
      }
      if (--left === 0) break;
    }
    stream.close();
  }
}

test("a burst of 10 000 events, read with hundreds of reconnects: none missed, none repeated, each scope only its own", async () => {
  const gate = join(box.dir, "burst");
  const before = storedIds("1").at(-1) ?? 0;
  const agent = await start("p", script({ gate }, ...lines(10_000, "line"), { gate: `${gate}-end` }));
  const neighbour = await start("other", script({ gate }, ...lines(200, "noise")));
  const readers = Promise.all([
    follow("/events", agent, 500, before),
    follow("/projects/p/events", agent, 37, before),
    follow(`/projects/p/agents/${agent}/events`, agent, 1000, before),
    follow(`/projects/p/agents/${agent}/events?types=message,turn_ended`, agent, 211, before),
    follow(`/events?since=${before}`, agent, Infinity),
  ]);
  writeFileSync(gate, "");
  // The turn ends after its neighbour, so that "all" has one meaning for every reader.
  await box.api().get(`/projects/other/agents/${neighbour}/wait?until=idle`);
  await eventually(
    "the burst to be stored",
    () => storedIds(`agent = '${agent}' AND type = 'message'`).length >= 10_000,
    60_000,
  );
  writeFileSync(`${gate}-end`, "");
  const [all, project, own, some, late] = await readers;

  const end = storedIds(`agent = '${agent}' AND type = 'turn_ended'`).at(0);
  const expected = (where: string): number[] => storedIds(`id > ${before} AND id <= ${end} AND ${where}`);
  expect(own.ids.length).toBeGreaterThan(10_000);
  expect(all.ids).toEqual(expected("1"));
  expect(project.ids).toEqual(expected("project = 'p'"));
  expect(own.ids).toEqual(expected(`agent = '${agent}'`));
  expect(some.ids).toEqual(expected(`agent = '${agent}' AND type IN ('message', 'turn_ended')`));
  expect(late.ids).toEqual(expected("1"));
  expect(late.connections).toBe(1);
  expect(project.connections).toBeGreaterThan(200);
});

test("without a cursor the stream begins now; Last-Event-ID wins over since", async () => {
  const newest = storedIds("1").at(-1) ?? 0;
  const live = await openStream(box.api(), "/events");
  const both = await openStream(box.api(), "/events?since=0", { lastEventId: newest });
  await box.api().post("/projects", { name: "made-now", cwd: box.cwd });
  for (const stream of [live, both]) {
    expect((await take(stream, 1))[0]).toMatchObject({ id: newest + 1, event: "project_created" });
    stream.close();
  }
});

test("a cursor outside of what is stored gets a reset with the range first, and then all there is", async () => {
  store((db) => db.run("DELETE FROM events WHERE id <= 5"));
  const [oldest, newest] = [6, storedIds("1").at(-1) ?? 0];
  for (const cursor of [0, 2, 4, newest + 1, 999_999_999]) {
    const stream = await openStream(box.api(), "/events", { lastEventId: cursor });
    const [reset, first] = await take(stream, 2);
    expect([cursor, reset?.id, reset?.event, reset?.data]).toEqual([
      cursor,
      null,
      "reset",
      { oldest, newest } as never,
    ]);
    expect(first?.id).toBe(oldest);
    stream.close();
  }
  const edge = await openStream(box.api(), "/events?since=5");
  expect((await take(edge, 1))[0]?.id).toBe(oldest);
  edge.close();
});

test("streamed text has no id, is told live, and is not replayed", async () => {
  const gate = join(box.dir, "deltas");
  const agent = await start("p", script({ gate }, { say: "one two three", chunks: 3 }));
  const path = `/projects/p/agents/${agent}/events`;
  const live = await openStream(box.api(), path);
  writeFileSync(gate, "");
  const deltas = await take(live, 3, (each) => each.event === "delta");
  live.close();
  expect(deltas.map((each) => each.id)).toEqual([null, null, null]);
  expect(deltas.map((each) => String(each.data["text"])).join("")).toBe("one two three");
  await box.api().get(`/projects/p/agents/${agent}/wait?until=idle`);
  const again = await openStream(box.api(), `${path}?since=0&types=delta,turn_ended`);
  expect((await take(again, 1, (each) => each.event !== "reset"))[0]?.event).toBe("turn_ended");
  again.close();
});

test("a client that does not read is dropped while 100 MB pass, the daemon does not grow, others miss nothing", async () => {
  const rssMiB = (): number =>
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${box.pid()}/status`, "utf8"))?.[1]) / 1024;
  const gate = join(box.dir, "flood");
  // An event holds the text of its message twice (as text and as a part), and is kept under 64 KiB.
  const big = (count: number): unknown[] => Array.from({ length: count }, () => ({ long: 30_000 }));
  // The first ones show what the work itself takes, without anybody who listens.
  const agent = await start("p", script(...big(WARM), { gate }, ...big(FLOOD)));
  const path = `/projects/p/agents/${agent}/events?types=message`;
  let peak = 0;
  const sampler = setInterval(() => (peak = Math.max(peak, rssMiB())), 20);
  const count = (): number => storedIds(`agent = '${agent}' AND type = 'message'`).length;
  await eventually("the first messages", () => count() > WARM, 30_000);
  const warm = peak;

  const after = storedIds("1").at(-1) ?? 0;
  const deaf = connect(Number(new URL(box.api().url).port), "127.0.0.1");
  deaf.pause();
  deaf.on("error", () => undefined);
  deaf.write(`GET /api/v1${path}&since=${after} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const reader = await openStream(box.api(), `${path}&since=${after}`);
  const heard = take(reader, FLOOD);
  peak = 0;
  writeFileSync(gate, "");
  const texts = (await heard).map((each) => String(each.data["data"]?.["message"]?.["text"]).length);
  expect(texts.filter((length) => length === 30_000)).toHaveLength(FLOOD);
  const dropped = () => box.stderr().match(/dropped an event stream whose client does not read/g)?.length ?? 0;
  await eventually("the deaf client to be dropped", () => dropped() === 1, 30_000);
  clearInterval(sampler);
  console.log(`RSS peak, MiB: ${warm.toFixed(0)} without listeners, ${peak.toFixed(0)} with a deaf one and a reader`);
  expect(peak - warm).toBeLessThan(96);

  const ended = new Promise<void>((resolve) => deaf.once("close", () => resolve()));
  deaf.resume();
  await ended;
  reader.close();
  expect((await box.api().get("/health"))["ready"]).toBe(true as never);
});

test("a quiet stream stays open and has a heartbeat every 15 s", async () => {
  await eventually("a heartbeat", () => quiet.comments.length > 0, 20_000);
  const seconds = (Date.now() - quietSince) / 1000;
  expect(quiet.comments[0]).toBe(": keep-alive");
  expect(quiet.comments.length).toBeLessThanOrEqual(Math.floor(seconds / 15));
  quiet.close();
});
