/**
 * Stuck, and somebody is told: an agent that is busy and does not move sends `agent_stalled` once. Looked for in every
 * place where an agent, a notice or a task can wait:
 * retries with frames, silence, a tool that hangs: told, by what counts as progress (`agents/state/time.ts`);
 * a permission: `agent_waiting_input`; an account's limit: `agent_limited`, and `limits.limitMaxWaitMs` ends it;
 * a program that never gets ready: its start deadline; a start that is tried again: three times;
 * a check, a result, a save: each has its time, and a moment to say how it ended; an end that was asked for: SIGKILL,
 * and what survives that is named; a screen of a person: its lease;
 * the outbox and the receiver's sinks: `deliveries`, `health` and the metrics show what waits, they cannot tell by
 * themselves; a task of a fleet whose box is gone: `agent_unreachable`, one that no box takes: its document says why.
 * Found: a start in line, one whose folder is being made, one that waits for a resource, one that we had ended in vain
 * were events at most; a plain command that had waited was shown as waiting for as long as it ran.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Api, Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import type { Box } from "../../support/binary.ts";
import { makeBox } from "../../support/binary.ts";
import type { Hook } from "../../support/hook.ts";
import { startHook } from "../../support/hook.ts";

setDefaultTimeout(60_000);

let hook: Hook;
let box: Box;
let api: Api;
beforeAll(async () => {
  hook = await startHook();
  const hangs = { command: ["/bin/sh", "-c", "case $* in *--version*) echo 1.0;; *) exec sleep 300;; esac", "sh"] };
  box = await makeBox({
    webhook: { url: hook.url() },
    limits: { stallWarnMs: 1000 },
    providers: { "claude-code": hangs, opencode: hangs },
  });
  api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(async () => {
  await box.close();
  await hook.down();
});

const make = async (provider: string): Promise<string> => {
  const { agent } = await api.post("/projects/p/agents", { provider, task: "go" });
  return String(agent?.["id"]);
};

const stalls = (agent: string): Json[] =>
  hook.of(agent).flatMap(({ body }) => (String(body["event"]) === "agent_stalled" ? [body] : []));

const told = (agent: string): Promise<Json> => eventually("it to be told", () => stalls(agent)[0]);

test("a program that hangs in its start is told before its deadline ends it", async () => {
  const agent = await make("claude-code");
  expect(await told(agent)).toMatchObject({ status: "starting", turnId: `${agent}-1`, error: { code: "NO_PROGRESS" } });
  expect(String((await told(agent))["error"]?.["message"])).toStartWith("not started for 1000 ms");
});

test("so is a start that waits for its turn, once, also when that has come and got nowhere", async () => {
  const first = await make("opencode");
  const second = await make("opencode");
  expect(String((await told(second))["error"]?.["message"])).toBe(
    "not started for 1000 ms: waits for another start of opencode",
  );
  const path = `/projects/p/agents/${second}`;
  await eventually("its turn to have come", async () => {
    const { agent } = await api.get(path);
    return String(agent?.["cause"]?.["detail"]) === "starting";
  });
  for (const each of [first, second]) await api.call("DELETE", `/projects/p/agents/${each}`);
  await eventually("what is told last", () =>
    hook.of(second).some(({ body }) => String(body["event"]) !== "agent_stalled"),
  );
  expect([stalls(first).length, stalls(second).length]).toEqual([1, 1]);
});
