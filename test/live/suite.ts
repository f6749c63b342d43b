/**
 * The real program behind the compiled daemon, with a stub for a model: what a user's box does, with everything killed that
 * can be killed. One suite for all programs; what a program cannot do is said in `can`.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Api, Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { storedEvents } from "../support/events.ts";

setDefaultTimeout(180_000);

export interface LiveProvider {
  readonly name: string;
  /** Why it cannot be tested here; the suite is then skipped, and says so. */
  readonly skip?: string;
  readonly settings: Record<string, unknown>;
  readonly env: Record<string, string>;
  prepare?(box: Box): void;
  /** Prompts that make the stub model do something, in the stub's own words. */
  readonly ask: {
    say(text: string, gate?: string): string;
    /** A command that needs a permission, then a text. */
    run(command: string, then: string): string;
    /** So many failures, then a text; without `times` it fails for ever. */
    fail(status: number, then?: { readonly times: number; readonly text: string }): string;
  };
  /** What the model answers to a plain prompt. */
  answerTo(prompt: string): string;
  /** Has the model seen this in its newest conversation? */
  remembers(text: string): boolean;
  readonly can: {
    /** The turn goes on after a denied tool. */
    readonly goesOnAfterDeny: boolean;
    /** Signs of a failing model are told before the turn ends. */
    readonly retries: boolean;
    /** Text that streamed while the program was up, kept over an interrupt. */
    readonly resumes: boolean;
    readonly longestInput: number;
  };
}

export interface LiveContext {
  readonly box: () => Box;
  readonly api: () => Api;
  make(task: string, more?: Record<string, unknown>): Promise<LiveAgent>;
}

export interface LiveAgent {
  readonly path: string;
  reach(...statuses: string[]): Promise<Json>;
  said(): Promise<string[]>;
  pending(): Promise<Json>;
  answer(permission: Json, decision: string, more?: Record<string, unknown>): Promise<void>;
  send(text: string, more?: Record<string, unknown>): Promise<void>;
  outcomes(): Promise<string[]>;
  pid(): Promise<number>;
  file(name: string): string;
}

export function liveSuite(provider: LiveProvider, more: (context: LiveContext) => void = () => undefined): void {
  if (provider.skip !== undefined) console.log(`SKIPPED: the real ${provider.name}: ${provider.skip}`);
  describe.skipIf(provider.skip !== undefined)(`the real ${provider.name} behind the compiled daemon`, () => {
    let box: Box;
    beforeAll(async () => {
      box = await makeBox({ providers: { [provider.name]: provider.settings } }, provider.env);
      provider.prepare?.(box);
      const api = await box.start();
      await api.post("/projects", { name: "p", cwd: box.cwd });
    });
    afterAll(() => box.close());

    const context: LiveContext = {
      box: () => box,
      api: () => box.api(),
      async make(task, extra = {}) {
        const made = await box.api().post("/projects/p/agents", { provider: provider.name, task, ...extra });
        return agentAt(() => box, String(made["agent"]?.["id"]));
      },
    };
    commonCases(provider, context);
    more(context);
  });
}

function agentAt(box: () => Box, id: string): LiveAgent {
  const path = `/projects/p/agents/${id}`;
  const api = () => box().api();
  return {
    path,
    async reach(...statuses) {
      const answer = await api().get(`${path}/wait?until=${statuses.join(",")}&timeout=35`).catch(() => api().get(`${path}/wait?until=${statuses.join(",")}&timeout=35`));
      if ((answer["reached"] as unknown) === true) return answer["agent"] as Json;
      throw new Error(`not ${statuses.join(" or ")}: ${JSON.stringify(answer)} ${JSON.stringify(await api().get(`${path}/debug`))}`);
    },
    async said() {
      const { messages } = await api().get(`${path}/messages?after=0&limit=1000`);
      return [...(messages ?? [])]
        .filter((each) => String(each["role"]) === "assistant" && String(each["text"]) !== "" && each["subagent"] === undefined)
        .map((each) => String(each["text"]));
    },
    async pending() {
      const { permissions } = await api().get(`${path}/permissions?state=pending`);
      const [first] = [...(permissions ?? [])];
      if (first === undefined) throw new Error("nothing is pending");
      return first;
    },
    async answer(permission, decision, extra = {}) {
      await api().post(`${path}/permissions/${String(permission["id"])}`, { decision, ...extra });
    },
    async send(text, extra = {}) {
      await api().post(`${path}/input`, { text, ...extra });
    },
    outcomes: async () =>
      (await storedEvents(api(), path)).filter((each) => String(each["type"]) === "turn_ended").map((each) => String(each["data"]?.["turn"]?.["outcome"])),
    pid: async () => Number((await api().get(`${path}/debug`))["process"]?.["pid"]),
    file: (name) => join(box().dir, name),
  };
}

function commonCases({ ask, answerTo, remembers, can }: LiveProvider, { box, api, make }: LiveContext): void {
  test("a turn, and a second one that remembers the first: exact texts, usage, no status that lies", async () => {
    const agent = await make(ask.say("hello, this is the answer"));
    const done = await agent.reach("idle", "error", "exited");
    expect(String(done["status"])).toBe("idle");
    expect(await agent.said()).toEqual(["hello, this is the answer"]);
    await agent.send("second prompt");
    await agent.reach("idle", "error", "exited");
    expect((await agent.said()).at(-1)).toBe(answerTo("second prompt"));
    expect(remembers("hello, this is the answer")).toBe(true);
    expect(await agent.outcomes()).toEqual(["completed", "completed"]);
  });

  test("a permission allowed: the tool really runs; another denied: it does not", async () => {
    const agent = await make(ask.run("echo made > allowed.txt", "made it"));
    await agent.reach("waiting_input", "idle", "error", "exited");
    expect(existsSync(join(box().cwd, "allowed.txt"))).toBe(false);
    await agent.answer(await agent.pending(), "allow");
    await agent.reach("idle", "error", "exited");
    expect((await agent.said()).at(-1)).toBe("made it");
    expect(existsSync(join(box().cwd, "allowed.txt"))).toBe(true);

    await agent.send(ask.run("echo made > denied.txt", "then not"));
    await agent.reach("waiting_input", "error", "exited");
    await agent.answer(await agent.pending(), "deny", { message: "not in this house" });
    const done = await agent.reach("idle", "error", "exited");
    expect(String(done["status"])).toBe("idle");
    expect(existsSync(join(box().cwd, "denied.txt"))).toBe(false);
    if (can.goesOnAfterDeny) expect((await agent.said()).at(-1)).toBe("then not");
  });

  test("an interrupt in the middle of a text, and the conversation goes on", async () => {
    const gate = join(box().dir, "never-opened");
    const agent = await make(ask.say("one two three four five six seven eight", gate));
    await started(agent);
    const aborted = await api().call("POST", `${agent.path}/abort`);
    expect([aborted.status, String(aborted.body["agent"]?.["status"]), String(aborted.body["agent"]?.["turn"]?.["outcome"])]).toEqual([200, "idle", "interrupted"]);
    await agent.send("go on");
    await agent.reach("idle", "error", "exited");
    expect((await agent.said()).at(-1)).toBe(answerTo("go on"));
  });

  test("a failing model: 401 is an error with the program's words, 500 and then an answer is a completed turn", async () => {
    const agent = await make(ask.fail(401));
    const failed = await agent.reach("error", "exited", "idle");
    expect([String(failed["status"]), String(failed["turn"]?.["outcome"])]).toEqual(["error", "failed"]);
    expect(String(failed["turn"]?.["error"]?.["message"]).length).toBeGreaterThan(3);
    await agent.send(ask.fail(500, { times: 1, text: "recovered" }));
    await agent.reach("idle", "exited");
    expect((await agent.said()).at(-1)).toBe("recovered");
    expect(await agent.outcomes()).toEqual(["failed", "completed"]);
  });

  test("kill -9 of the daemon in the middle of a stream: the answer is whole, once", async () => {
    const gate = join(box().dir, `gate-${Math.random()}`);
    const agent = await make(ask.say("before the death of the daemon and after it", gate));
    await started(agent);
    await box().kill("SIGKILL");
    writeFileSync(gate, "");
    await box().start();
    await agent.reach("idle", "error", "exited");
    expect(await agent.said()).toEqual(["before the death of the daemon and after it"]);
    expect(await agent.outcomes()).toEqual(["completed"]);
  });

  test("kill -9 of the daemon with a permission open: the next one has it, and its answer counts", async () => {
    const agent = await make(ask.run("echo made > survived.txt", "survived"));
    await agent.reach("waiting_input", "error", "exited");
    const before = await agent.pending();
    await box().kill("SIGKILL");
    await box().start();
    const after = await agent.pending();
    expect(String(after["id"])).toBe(String(before["id"]));
    expect(existsSync(join(box().cwd, "survived.txt"))).toBe(false);
    await agent.answer(after, "allow");
    await agent.reach("idle", "error", "exited");
    expect((await agent.said()).at(-1)).toBe("survived");
    expect(existsSync(join(box().cwd, "survived.txt"))).toBe(true);
  });

  test("kill -9 of the program and of the daemon: lost and exited; the next input resumes the conversation", async () => {
    const agent = await make(ask.say("a fact worth keeping"));
    await agent.reach("idle", "error", "exited");
    await agent.send(ask.say("never finished, never finished", join(box().dir, "never-opened")));
    await started(agent);
    process.kill(await agent.pid(), "SIGKILL");
    await box().kill("SIGKILL");
    await box().start();
    await agent.reach("exited", "error");
    expect((await agent.outcomes()).at(-1)).toBe("lost");
    await agent.send("are you there");
    await agent.reach("idle", "error");
    expect((await agent.said()).at(-1)).toBe(answerTo("are you there"));
    if (can.resumes) expect(remembers("a fact worth keeping")).toBe(true);
  });

  test("stopped and resumed on request", async () => {
    const agent = await make("first words");
    await agent.reach("idle", "error", "exited");
    await api().post(`${agent.path}/stop`);
    expect(String((await api().get(agent.path))["agent"]?.["process"])).toBe("stopped");
    const resumed = await api().post(`${agent.path}/resume`);
    expect([String(resumed["agent"]?.["status"]), String(resumed["agent"]?.["process"])]).toEqual(["idle", "running"]);
    await agent.send("last words");
    await agent.reach("idle", "error", "exited");
    expect(await agent.said()).toEqual([answerTo("first words"), answerTo("last words")]);
  });

  test("long unicode input arrives byte for byte", async () => {
    const unit = "naïve 😀 日本語 \"q\" \\ \t ";
    const text = unit.repeat(Math.floor(can.longestInput / Buffer.byteLength(unit)));
    const agent = await make(text);
    await agent.reach("idle", "error", "exited");
    expect((await agent.said()).at(-1) === answerTo(text)).toBe(true);
  });

  /** The program has confirmed the input and begun to work. */
  async function started(agent: LiveAgent): Promise<void> {
    await eventually("the program to work on the input", async () => {
      const { inputs } = await api().get(`${agent.path}/inputs`);
      return String([...(inputs ?? [])].at(-1)?.["state"]) === "accepted";
    });
    await eventually("the model to stream", () => streaming(agent), 30_000);
  }

  /** Deltas are live only, so the sign is in the raw frames of `debug`, or in the plain time it takes to get there. */
  async function streaming(agent: LiveAgent): Promise<boolean> {
    const debug = await api().get(`${agent.path}/debug`);
    return /delta|chunk/i.test(JSON.stringify(debug["lastFrames"]));
  }
}
