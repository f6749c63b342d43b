/**
 * What an agent says reaches rows, and rows are read by lists, webhooks and every start. The recorded conversation of
 * each provider goes through a real step into a real store, with every text of every frame made a megabyte, one at a
 * time: afterwards no column of any table holds it but those that are there to hold what was said or asked.
 */
import { expect, test } from "bun:test";
import { NO_PROGRESS, beginStep, type StepWork } from "../../../src/agents/step.ts";
import type { Surroundings } from "../../../src/agents/model.ts";
import type { AnyCodec } from "../../../src/providers/contract.ts";
import { findAgent, insertAgent, saveAgentState } from "../../../src/store/agents.ts";
import { initialState } from "../../../src/store/agent-state.ts";
import { openStore, type Store } from "../../../src/store/database.ts";
import { asPrompt, insertInput } from "../../../src/store/inputs.ts";
import { insertProject } from "../../../src/store/projects.ts";
import { saveRunProgress } from "../../../src/store/runs.ts";
import { enqueueNotice } from "../../../src/webhook/outbox.ts";
import { PROVIDER_KINDS } from "../../../src/words/kinds.ts";
import { texts, withLong } from "../../support/long-texts.ts";
import { codecOf, record } from "../providers/record.ts";
import { SURROUNDINGS } from "../../support/surroundings.ts";

const AGENT = "a3f2b1c0";
const NOW_MS = Date.UTC(2026, 1, 18);
/** Of the longest that is kept by itself: a message in its event, and the result in a notice. */
const MOST_BYTES = 128 * 1024;
const MEANT_TO_HOLD = ["messages.text", "messages.parts", "permissions.detail", "permissions.data", "inputs.text"];
/** The codec's own state is measured beside it (providers/bounded), where some of it is whole for a while. */
const CODEC = "runs.codec";

const ENV: Surroundings = {
  ...SURROUNDINGS,
  nowMs: NOW_MS,
  ranMs: 1000,
  source: "frame",
  agentId: AGENT,
  redelivery: "none",
  tornLine: "newline",
  startDeadlineMs: 1000,
  limits: {
    parkIdleMs: 0,
    turnTimeoutMs: 0,
    stallWarnMs: 500,
    toolStallWarnMs: 500,
    permissionTimeoutMs: 0,
    limitMaxWaitMs: 86_400_000,
  },
  account: "x:work",
};

function filled(): Store {
  const store = openStore(":memory:");
  const project = { name: "p", cwd: "/", trusted: null, webhook: null, defaults: {}, budgetPerDay: null, createdAt: 1 };
  insertProject(store, project);
  insertAgent(store, {
    ...{ id: AGENT, project: "p", name: null, provider: "x", uuid: "u", state: initialState(1000) },
    settings: { model: null, permissions: null, systemPrompt: null, env: {}, webhook: null, metadata: {} },
    ...{ createdAt: 1, updatedAt: 1 },
  });
  return store;
}

/** Tells each column of each table that holds more than anything there should. */
function watcher(store: Store): () => string[] {
  const all = <T>(sql: string) => store.all<{ name: string } & T>(sql).map(({ name }) => name);
  const tables = all("SELECT name FROM sqlite_master WHERE type = 'table'").map((table) => {
    const columns = all(`SELECT name FROM pragma_table_info('${table}')`).filter(
      (column) => ![...MEANT_TO_HOLD, CODEC].includes(`${table}.${column}`),
    );
    const longest = columns.map((column) => `max(octet_length("${column}")) AS "${column}"`).join(", ");
    return { table, sql: `SELECT ${longest} FROM "${table}"` };
  });
  return () =>
    tables.flatMap(({ table, sql }) =>
      Object.entries(store.get<Record<string, number | null>>(sql) ?? {})
        .filter(([, bytes]) => (bytes ?? 0) > MOST_BYTES)
        .map(([column, bytes]) => `${table}.${column}: ${bytes}`),
    );
}

class Undo extends Error {}

test.each(PROVIDER_KINDS.filter((kind) => kind !== "command"))(
  "%s: no text of a frame stands uncut in a row that is not there for it",
  async (kind) => {
    const codec = codecOf(kind);
    const store = filled();
    const swollen = watcher(store);
    // The recording says when something was written or answered, not the reducer.
    const nothing = (state: unknown) => ({ state, facts: [], lines: [] });
    const listening: AnyCodec = { ...codec, prompt: nothing, interrupt: nothing, answer: nothing };
    let state = initialState(1000);
    let progress = NO_PROGRESS;
    let notices = 0;

    const step = (work: (it: StepWork) => void): void => {
      const it = beginStep(
        {
          ...{
            store,
            codec: listening,
            env: ENV,
            accountLimits: () => [],
            promptOf: (input) => asPrompt(input, NOW_MS),
          },
          entry: { store, project: "p", agent: AGENT, now: NOW_MS, events: [] },
          newNonce: () => "nonce",
          newUuid: () => crypto.randomUUID(),
          enqueue(notice, noticed) {
            const agent = findAgent(store, AGENT);
            if (agent === null) throw new Error("no agent");
            enqueueNotice(store, { url: "http://127.0.0.1:9/" }, agent, notice, noticed, () => `d${++notices}`, NOW_MS);
          },
        },
        state,
        progress,
      );
      work(it);
      ({ state, progress } = it.result());
      saveAgentState(store, AGENT, state, NOW_MS);
      saveRunProgress(store, AGENT, state.run, progress);
    };
    const send = (n: number): void => {
      const input = { agent: AGENT, key: `k${n}`, text: "go", raw: false, mode: "queue", origin: "user" } as const;
      const { id, key } = insertInput(store, input, NOW_MS);
      store.transact(() => step((it) => it.fact({ type: "input", id, key, mode: "queue" })));
    };

    send(1);
    send(2);
    const large: string[] = [];
    let tried = 0;
    let before: unknown = null;
    for (const { call, state: after, raw } of await record(kind)) {
      const [stateNow, progressNow] = [state, { ...progress, codec: before }];
      for (const path of raw === undefined ? [] : texts(JSON.parse(raw))) {
        const json = withLong(JSON.parse(raw ?? ""), path);
        try {
          store.transact(() => {
            progress = progressNow;
            step((it) => it.frame({ raw: JSON.stringify(json), json }));
            step((it) => it.codec((held) => codec.quiet?.(held) ?? nothing(held)));
            step((it) => it.fact({ type: "exit", code: 1, stderrTail: "" }));
            const found = swollen();
            if (found.length > 0) large.push(`${path.join(".")} of ${raw?.slice(0, 200)}: ${found.join(", ")}`);
            throw new Undo();
          });
        } catch (error) {
          if (!(error instanceof Undo)) throw error;
        }
        [state, progress] = [stateNow, progressNow];
        tried += 1;
      }
      progress = progressNow;
      const frame = raw === undefined ? null : { raw, json: JSON.parse(raw) as unknown };
      store.transact(() => step((it) => (frame === null ? it.codec((held) => call(codec, held)) : it.frame(frame))));
      before = after;
    }
    expect(large).toEqual([]);
    expect(tried).toBeGreaterThan(50);
    // It was a whole conversation: said, asked, ended, told.
    const rows = (table: string) => store.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)?.n ?? 0;
    const seen = ["messages", "permissions", "turns", "events", "deliveries"].filter((table) => rows(table) === 0);
    expect(seen).toEqual([]);
    store.close();
  },
  300_000,
);
