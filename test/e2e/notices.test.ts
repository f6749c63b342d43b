/**
 * Who is told what, from real turns: the compiled daemon, the fake Claude Code as a process of its own, and a receiver.
 * The outbox is written in the transaction of the status change, so what `GET /deliveries` lists right after a wait is
 * all.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { longText } from "../fakes/script.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import type { Hook, Seen } from "../support/hook.ts";
import { startHook } from "../support/hook.ts";
import type { Script, ToldAgent } from "../support/told.ts";
import { eventsOf, makeAgent, makeGate } from "../support/told.ts";

setDefaultTimeout(30_000);

const CLAUDE = [process.execPath, join(FAKES, "claude.ts")];
const TOKEN = "config-webhook-token";
let box: Box;
let hook: Hook;

beforeAll(async () => {
  hook = await startHook();
  box = await makeBox({
    webhook: { url: hook.url(), token: TOKEN },
    providers: {
      "claude-code": { command: CLAUDE },
      codex: { command: [process.execPath, join(FAKES, "codex.ts")] },
      // Not ready until the file is there.
      slow: {
        kind: "claude-code",
        command: ["sh", "-c", `while [ ! -e open ]; do sleep 0.02; done; exec "$@"`, "sh", ...CLAUDE],
      },
      // Answers the question for its version, and cannot do more.
      broken: {
        kind: "claude-code",
        command: [
          "sh",
          "-c",
          `[ "$1" = --version ] && exec ${CLAUDE.join(" ")} --version; echo no such model >&2; exit 3`,
          "sh",
        ],
      },
    },
  });
  const api = await box.start();
  await api.post("/projects", { name: "lumen-fix-123", cwd: box.cwd });
});
afterAll(async () => {
  await box.close();
  await hook.down();
});

const make = (task: Script | null, more: Record<string, unknown> = {}): Promise<ToldAgent> =>
  makeAgent(box, hook, "lumen-fix-123", task, more);
const gate = (): ReturnType<typeof makeGate> => makeGate(box);
const turnIds = (notice: Seen | undefined): string[] =>
  [...(notice?.body["turns"] ?? [])].map((turn) => String(turn["id"]));

describe("the five events", () => {
  test("agent_completed: these bytes and no others, and the bearer token", async () => {
    const metadata = { sessionKey: "agent:main:main", ключ: "wert ✓", empty: "" };
    const agent = await make(
      [
        { say: "working" },
        { tool: "Bash", input: { command: "make" }, result: "ok" },
        { say: ["All tests pass: ", "“42” 🎉\n"] },
      ],
      { name: "fixer", metadata },
    );
    const { turn } = await agent.reaches("idle");
    const [notice, ...more] = await agent.notices();
    if (notice === undefined || turn === undefined) throw new Error("no notice");
    expect(more).toEqual([]);
    const { startedAt, endedAt } = turn;
    const timestamp = String(notice.body["timestamp"]);
    expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(Date.parse(timestamp) - Date.parse(String(endedAt))).toBeLessThan(1000);
    const expected = {
      event: "agent_completed",
      project: "lumen-fix-123",
      agentId: agent.id,
      provider: "claude-code",
      status: "idle",
      lastMessage: "All tests pass: “42” 🎉\n",
      timestamp,
      turnId: `${agent.id}-1`,
      turns: [{ id: `${agent.id}-1`, outcome: "completed", startedAt, endedAt }],
      name: "fixer",
      metadata,
    };
    expect(notice.raw).toBe(JSON.stringify(expected));
    expect(notice.headers).toMatchObject({ authorization: `Bearer ${TOKEN}`, "content-type": "application/json" });
    expect(notice.headers["user-agent"]).toMatch(/^agent-harness\/\d+\.\d+\.\d+$/);
    expect(notice.headers["webhook-signature"]).toBe(undefined);
  });

  test("agent_error: with the provider's code, once, though retries came first", async () => {
    const agent = await make([
      { say: "trying" },
      { retry: 2, status: 529 },
      { fail: "overloaded_error", message: "Overloaded" },
    ]);
    await agent.reaches("error");
    const [notice, ...more] = await agent.notices();
    expect(more).toEqual([]);
    expect(Object.keys(notice?.body ?? {})).toEqual([
      "event",
      "project",
      "agentId",
      "provider",
      "status",
      "lastMessage",
      "timestamp",
      "error",
      "turnId",
      "turns",
    ]);
    expect(notice?.body as unknown).toMatchObject({
      event: "agent_error",
      status: "error",
      error: { message: expect.stringContaining("Overloaded") },
      turns: [{ outcome: "failed" }],
    });
  });

  test("agent_aborted: an aborted turn", async () => {
    const door = gate();
    const agent = await make([{ say: "half way" }, { gate: door.path }]);
    await agent.reaches("processing");
    await eventually(
      "the first words",
      async () => (await box.api().get(`${agent.path}/messages/last`))["message"] !== null,
    );
    await box.api().post(`${agent.path}/abort`);
    await agent.reaches("idle");
    const notices = await agent.notices();
    expect(eventsOf(notices)).toEqual(["agent_aborted"]);
    expect(notices[0]?.body as unknown).toMatchObject({
      status: "idle",
      lastMessage: "half way",
      turns: [{ outcome: "interrupted" }],
    });
  });

  test("agent_exited: a crash in a turn is this and never also agent_error", async () => {
    const agent = await make([{ say: "about to die" }, { crash: true }]);
    await agent.reaches("exited");
    const notices = await agent.notices();
    expect(eventsOf(notices)).toEqual(["agent_exited"]);
    expect(notices[0]?.body as unknown).toMatchObject({
      status: "exited",
      lastMessage: "about to die",
      error: { code: "TURN_LOST" },
      turns: [{ outcome: "lost" }],
    });
  });

  test("agent_waiting_input: once a permission, with what is asked; the answer's turn is told at its end", async () => {
    const agent = await make([
      { say: "may I?" },
      { ask: "Bash", input: { command: "rm -rf build" } },
      { ask: "Write", input: { file_path: "a.txt", content: "x" } },
      { say: "done" },
    ]);
    for (const id of ["p1", "p2"]) {
      await eventually(id, async () =>
        (await agent.permissions()).find((each) => String(each["id"]) === id && String(each["state"]) === "pending"),
      );
      expect(eventsOf(await agent.notices())).toEqual(
        id === "p1" ? ["agent_waiting_input"] : ["agent_waiting_input", "agent_waiting_input"],
      );
      await box.api().post(`${agent.path}/permissions/${id}`, { decision: id === "p1" ? "allow" : "deny" });
    }
    await agent.reaches("idle");
    const notices = await agent.notices();
    expect(eventsOf(notices)).toEqual(["agent_waiting_input", "agent_waiting_input", "agent_completed"]);
    for (const [i, { id, kind, tool, title, options }] of (await agent.permissions()).entries()) {
      expect(notices[i]?.body as unknown).toMatchObject({
        status: "waiting_input",
        lastMessage: "may I?",
        turnId: `${agent.id}-1`,
        permission: { id, kind, tool, title, options },
      });
      expect(Object.keys(notices[i]?.body ?? {}).slice(7)).toEqual(["turnId", "permission"]);
    }
  });

  test("agent_waiting_input: two questions open at once are two notices; a question that is taken back was told once", async () => {
    const agent = await make(
      [
        {
          ask2: [
            { ask: "Bash", input: { command: "one" } },
            { ask: "Bash", input: { command: "two" } },
          ],
        },
      ],
      { provider: "codex" },
    );
    await eventually("both questions", async () => (await agent.permissions()).length === 2);
    expect(eventsOf(await agent.notices())).toEqual(["agent_waiting_input", "agent_waiting_input"]);
    expect((await agent.notices()).map((each) => String(each.body["permission"]?.["id"]))).toEqual(["p1", "p2"]);
    await box.api().post(`${agent.path}/abort`);
    await agent.reaches("idle");
    expect(eventsOf(await agent.notices())).toEqual(["agent_waiting_input", "agent_waiting_input", "agent_aborted"]);
  });

  test("what the policy answers by itself asks nobody", async () => {
    const agent = await make([{ ask: "Bash", input: { command: "ls" } }, { say: "denied, fine" }], {
      permissions: "deny",
    });
    await agent.reaches("idle");
    expect(eventsOf(await agent.notices())).toEqual(["agent_completed"]);
  });
});

describe("one notice when busy ends", () => {
  test("a queue of two inputs is one notice with two turns", async () => {
    const door = gate();
    const agent = await make([{ gate: door.path }, { say: "first" }]);
    await agent.send([{ say: "second" }]);
    door.open();
    await agent.reaches("idle");
    const notices = await agent.notices();
    expect(eventsOf(notices)).toEqual(["agent_completed"]);
    expect(turnIds(notices[0])).toEqual([`${agent.id}-1`, `${agent.id}-2`]);
    expect(notices[0]?.body as unknown).toMatchObject({ turnId: `${agent.id}-2`, lastMessage: "second" });
    await agent.send([{ say: "third" }]);
    await agent.reaches("idle");
    expect((await agent.notices()).map(turnIds)).toEqual([[`${agent.id}-1`, `${agent.id}-2`], [`${agent.id}-3`]]);
  });

  test("an input that interrupts: both turns, the outcome of the last", async () => {
    const door = gate();
    const agent = await make([{ say: "long work" }, { gate: door.path }]);
    await eventually(
      "the first words",
      async () => (await box.api().get(`${agent.path}/messages/last`))["message"] !== null,
    );
    await agent.send([{ say: "instead" }], { mode: "interrupt" });
    await agent.reaches("idle");
    const notices = await agent.notices();
    expect(eventsOf(notices)).toEqual(["agent_completed"]);
    expect([...(notices[0]?.body["turns"] ?? [])].map((turn) => String(turn["outcome"]))).toEqual([
      "interrupted",
      "completed",
    ]);
  });

  test("a failed turn with a queue behind it is told at once, the held input later", async () => {
    const door = gate();
    const agent = await make([{ gate: door.path }, { fail: "api_error", message: "broken" }]);
    await agent.send([{ say: "after all" }]);
    door.open();
    await agent.reaches("error");
    expect(eventsOf(await agent.notices())).toEqual(["agent_error"]);
    await box.api().post(`${agent.path}/inputs/release`);
    await agent.reaches("idle");
    expect(eventsOf(await agent.notices())).toEqual(["agent_error", "agent_completed"]);
  });

  test("cancelling the last queued input before it was delivered ends busy, and is told", async () => {
    const agent = await make([{ say: "never" }], { provider: "slow" });
    await agent.reaches("starting");
    expect((await box.api().call("DELETE", `${agent.path}/inputs/1`)).status).toBeLessThan(300);
    expect(String((await agent.reaches("idle"))["turn"]?.["outcome"])).toBe("interrupted");
    const notices = await agent.notices();
    expect(eventsOf(notices)).toEqual(["agent_aborted"]);
    expect(notices[0]?.body as unknown).toMatchObject({
      lastMessage: null,
      turns: [{ id: `${agent.id}-1`, outcome: "interrupted" }],
    });
    writeFileSync(join(box.cwd, "open"), "");
  });

  test("a failed start is agent_exited with the end of stderr, with an input and without", async () => {
    const agent = await make([{ say: "never" }], { provider: "broken" });
    await agent.reaches("exited");
    const [first, ...more] = await agent.notices();
    expect(more).toEqual([]);
    expect(first?.body as unknown).toMatchObject({
      event: "agent_exited",
      status: "exited",
      lastMessage: null,
      error: { message: expect.stringContaining("no such model") },
      turns: [{ outcome: "failed" }],
    });
    const bare = await make(null, { provider: "broken" });
    await box.api().call("POST", `${bare.path}/resume`);
    await bare.reaches("exited");
    const notices = await bare.notices();
    expect(eventsOf(notices)).toEqual(["agent_exited"]);
    expect(Object.keys(notices[0]?.body ?? {})).toEqual([
      "event",
      "project",
      "agentId",
      "provider",
      "status",
      "lastMessage",
      "timestamp",
      "error",
    ]);
  });

  test("a stop in a turn is told as aborted; an exit, a stop and a resume while idle are not told", async () => {
    const door = gate();
    const stopped = await make([{ gate: door.path }]);
    await eventually(
      "the turn to be accepted",
      async () => String((await box.api().get(`${stopped.path}/inputs`))["inputs"]?.[0]?.["state"]) === "accepted",
    );
    await box.api().post(`${stopped.path}/stop`);
    await stopped.reaches("idle");
    expect(eventsOf(await stopped.notices())).toEqual(["agent_aborted"]);

    const killed = await make([{ say: "fine" }]);
    await killed.reaches("idle");
    process.kill(Number((await box.api().get(`${killed.path}/debug`))["process"]?.["pid"]), "SIGKILL");
    await killed.reaches("exited");
    const quiet = await make([{ say: "fine" }]);
    await quiet.reaches("idle");
    await box.api().post(`${quiet.path}/stop`);
    await box.api().post(`${quiet.path}/resume`);
    await quiet.reaches("idle");
    expect(eventsOf(await killed.notices())).toEqual(["agent_completed"]);
    expect(eventsOf(await quiet.notices())).toEqual(["agent_completed"]);
  });

  test("deleting a busy agent tells that its turn was interrupted", async () => {
    const door = gate();
    const agent = await make([{ say: "hm" }, { gate: door.path }]);
    await eventually(
      "the first words",
      async () => (await box.api().get(`${agent.path}/messages/last`))["message"] !== null,
    );
    expect((await box.api().call("DELETE", agent.path)).status).toBe(204);
    expect(eventsOf(await agent.notices())).toEqual(["agent_aborted"]);
  });

  test("a turn that begins by itself is told too", async () => {
    const door = gate();
    const agent = await make([{ say: "started it" }, { background: [{ say: "it is ready" }], gate: door.path }]);
    await agent.reaches("idle");
    expect(eventsOf(await agent.notices())).toEqual(["agent_completed"]);
    door.open();
    const second = await eventually("the second notice", async () => (await agent.notices())[1]);
    expect(second.body as unknown).toMatchObject({
      event: "agent_completed",
      lastMessage: "it is ready",
      turnId: `${agent.id}-2`,
    });
  });
});

describe("lastMessage", () => {
  test("is null when nothing was said", async () => {
    const agent = await make([{ empty: true }]);
    await agent.reaches("idle", "error");
    const [notice] = await agent.notices();
    expect(notice?.raw).toContain('"lastMessage":null,"timestamp"');
  });

  test("is cut at 16 384 characters, and says so; the API has the whole", async () => {
    const agent = await make([{ long: 20_000 }]);
    await agent.reaches("idle");
    const [notice] = await agent.notices();
    expect(String(notice?.body["lastMessage"])).toBe(longText(16_384));
    expect(Object.entries(notice?.body ?? {}).at(-1) as unknown).toEqual(["truncated", true]);
    expect(String((await box.api().get(`${agent.path}/messages/last`))["message"]?.["text"])).toBe(longText(20_000));
  });

  test("of exactly 16 384 characters is whole", async () => {
    const agent = await make([{ long: 16_384 }]);
    await agent.reaches("idle");
    const [notice] = await agent.notices();
    expect(String(notice?.body["lastMessage"])).toBe(longText(16_384));
    expect(Object.keys(notice?.body ?? {})).not.toContain("truncated");
  });
});
