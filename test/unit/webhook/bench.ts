/** The outbox worker with a real store, a real HTTP server and a clock that the test moves. */
import { afterEach } from "bun:test";
import { fakeClock, type FakeClock } from "../../../src/lib/clock.ts";
import { silentLogger, type Logger } from "../../../src/lib/log.ts";
import { openStore, type Store } from "../../../src/store/database.ts";
import { findDelivery, insertDelivery, type NewDelivery } from "../../../src/store/deliveries.ts";
import { createWorker, type Worker, type WorkerDeps } from "../../../src/webhook/worker.ts";
import { eventually } from "../../support/api.ts";
import { startHook, type Hook } from "../../support/hook.ts";

export const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

export interface Bench {
  readonly store: Store;
  readonly clock: FakeClock;
  readonly hook: Hook;
  readonly worker: Worker;
  readonly settled: string[];
  add(id: string, more?: Partial<NewDelivery>): void;
  /** Waits until nothing is under way. */
  rest(): Promise<void>;
  /** Moves the clock to when this one is due, and waits for its attempt. */
  retry(id: string): Promise<void>;
}

export async function bench(more: Partial<WorkerDeps> = {}, log: Logger = silentLogger): Promise<Bench> {
  const store = openStore(":memory:");
  const clock = fakeClock();
  const hook = await startHook();
  const settled: string[] = [];
  const { config, ...others } = more;
  const worker = createWorker({
    store,
    clock,
    age: clock.monotonic,
    log,
    random: () => 0.5,
    resolve: async () => ["127.0.0.1"],
    settled: (delivery, state) => () => void settled.push(`${delivery.id} ${state}`),
    seam: () => undefined,
    config: config ?? { url: hook.url(), token: "config-token", allowedHosts: [] },
    ...others,
  });
  closers.push(
    () => worker.close(0),
    () => hook.down(),
  );
  const rest = async (): Promise<void> => void (await eventually("the flights to end", () => worker.inFlight === 0));
  return {
    store,
    clock,
    hook,
    worker,
    settled,
    add(id, rest = {}) {
      const row = {
        id,
        project: "p",
        agent: "a1",
        event: "agent_completed",
        url: hook.url(),
        token: null,
        own: false,
        body: `{"id":"${id}"}`,
      };
      store.transact(() => insertDelivery(store, { ...row, ...rest }, clock.now()));
      worker.wake();
    },
    rest,
    async retry(id) {
      const before = findDelivery(store, id);
      if (before === null || before.nextAt === null) throw new Error(`${id} is not waiting: ${JSON.stringify(before)}`);
      clock.advance(before.nextAt - clock.now());
      await eventually(`an attempt of ${id}`, () => (findDelivery(store, id)?.attempts ?? 0) > before.attempts);
      await rest();
    },
  };
}

export const state = ({ store }: Bench, id: string): string | undefined => findDelivery(store, id)?.state;
