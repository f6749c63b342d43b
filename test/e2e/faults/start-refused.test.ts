/**
 * A start whose store refuses one statement, each of them once: the disk is full at that moment, or somebody holds the
 * store. Looked for in every read and write of a start, with work, notices and limits left by the run before, and the
 * clock set back since. Found: the outbox's due times and the fleet's identity ended the start that was to move them.
 */
import { Database } from "bun:sqlite";
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../../src/lib/clock.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { loadReceiverConfig } from "../../../src/receiver/config.ts";
import { startReceiver } from "../../../src/receiver/serve.ts";
import type { Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import { testDaemon } from "../../support/daemon.ts";
import { quietPort } from "../../support/hook.ts";
import { hastyClock, refuse, wasRefused } from "../../support/refusals.ts";
import { postEvent } from "../receiver-helpers.ts";

// Each of some hundred starts is a moment only, but a busy box has longer moments.
setDefaultTimeout(120_000);

const DAY_MS = 86_400_000;
let aheadMs = 2 * DAY_MS;
const clock: Clock = { ...hastyClock, now: () => Date.now() + aheadMs };

const daemons: TestDaemon[] = [];
afterAll(async () => {
  wasRefused();
  for (const daemon of daemons) await daemon.close();
});

/** Work behind it, work under way, a command whose end nobody has seen yet, and notices that cannot be sent. */
async function worked(): Promise<TestDaemon> {
  const url = `http://127.0.0.1:${await quietPort()}/`;
  const providers = {
    echo: { kind: "command", command: ["cat"] },
    lasting: { kind: "command", command: ["sleep", "600"] },
  };
  const daemon = await testDaemon({ providers, webhook: { url } }, {}, clock);
  daemons.push(daemon);
  const api = daemon.api();
  await api.post("/projects", { name: "p", cwd: daemon.cwd });
  for (const provider of ["echo", "lasting"]) await api.post("/projects/p/agents", { provider, task: "go" });
  await eventually("a notice that waits", async () => {
    const { deliveries } = await api.get("/deliveries?limit=100");
    return deliveries?.[0]?.["attempts"] ? deliveries : null;
  });
  return daemon;
}

const standing = async (daemon: TestDaemon) => {
  const { agents } = await daemon.api().get("/agents");
  const { deliveries } = await daemon.api().get("/deliveries?limit=100");
  return [
    [...(agents ?? [])].map(({ id, status, turn }) => [id, status, turn]),
    [...(deliveries ?? [])].map(({ id, state }) => [id, state]),
  ];
};

const storeOf = (daemon: TestDaemon): string => join(daemon.dir, "state", "harness.db");

/** Of a turn that was ended while no daemon ran. */
function leaveCheck(daemon: TestDaemon): void {
  using db = new Database(storeOf(daemon));
  db.exec("INSERT INTO checks (agent, turn, n, nonce) SELECT id, id || '-9', 1, 'left' FROM agents LIMIT 1");
}

function countChecks(daemon: TestDaemon): number {
  using db = new Database(storeOf(daemon), { readonly: true });
  return db.query<{ n: number }, []>("SELECT count(*) AS n FROM checks").get()?.n ?? -1;
}

for (const code of ["SQLITE_BUSY", "SQLITE_FULL"] as const) {
  test(`no start of the daemon ends for the one statement that gets ${code}, and what the store knew is told`, async () => {
    const daemon = await worked();
    const known = await standing(daemon);
    let refused = "";
    for (let statement = 0; refused !== "none"; statement++) {
      await daemon.restart(() => {
        aheadMs -= 60_000; // set back each time: the outbox has times to move
        leaveCheck(daemon);
        refuse(code, statement);
      });
      await eventually("the left check to be forgotten", () => countChecks(daemon) === 0);
      refused = wasRefused() ? `statement ${statement}` : "none";
      expect([refused, await standing(daemon)]).toEqual([refused, known]);
    }
  });

  test(`nor one of the receiver for one that gets ${code}, and what waits there goes on waiting`, async () => {
    const dir = mkdtempSync(join(tmpdir(), "ah-refused-"));
    const webhookUrl = `http://127.0.0.1:${await quietPort()}/api/webhooks/1/x`;
    const discord = { webhookUrl, allowOtherHost: true };
    writeFileSync(join(dir, "receiver.json"), JSON.stringify({ port: 0, stateDir: join(dir, "state"), discord }));
    const loaded = loadReceiverConfig({ path: join(dir, "receiver.json"), env: {} });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const log = createLogger({ level: "error", write: () => undefined, clock });
    const start = () => startReceiver(loaded.value, { env: {}, clock, log, random: () => 0, ownNames: [] });
    let receiver = await start();
    expect((await postEvent(receiver.url, {}, { id: "msg_1" })).status).toBe(202);
    const waiting = async () => {
      const { deliveries } = (await (await fetch(`${receiver.url}/deliveries`)).json()) as Json;
      const [only, ...more] = [...(deliveries as Json)];
      return { id: only?.["webhookId"], state: String(only?.["sinks"]?.["discord"]?.["state"]), more };
    };
    await eventually("the first try", async () => (await waiting()).state === "pending");
    for (let statement = 0, refused = ""; refused !== "none"; statement++) {
      await receiver.stop();
      aheadMs -= 60_000;
      refuse(code, statement);
      receiver = await start();
      refused = wasRefused() ? `statement ${statement}` : "none";
      // Each start may try it at once.
      const still = await eventually("its try to be over", async () => {
        const seen = await waiting();
        return seen.state === "sending" ? null : seen;
      });
      expect([refused, still]).toEqual([refused, { id: "msg_1", state: "pending", more: [] }] as never);
    }
    await receiver.stop();
    rmSync(dir, { recursive: true });
  });
}
