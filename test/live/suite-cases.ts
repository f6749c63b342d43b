/** What every real program must do behind the daemon, with everything killed that can be killed. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import { statusesIn } from "../support/story.ts";
import { PATIENCE_MS } from "./patience.ts";
import type { LiveAgent, LiveContext, LiveProvider } from "./suite.ts";
import { never } from "./suite.ts";

export function commonCases(provider: LiveProvider, context: LiveContext): void {
  conversation(provider, context);
  permissions(provider, context);
  failures(provider, context);
  deaths(provider, context);
}

function conversation(
  { ask, answerTo, lastRequest, abilities, longestInputBytes }: LiveProvider,
  { box, api, make }: LiveContext,
): void {
  test("a turn, and a second one that remembers the first: exact texts, each status once, tokens", async () => {
    const agent = await make(ask.say("hello, this is the answer"));
    await agent.reach("idle");
    expect(await agent.said()).toEqual(["hello, this is the answer"]);
    await agent.send("second prompt");
    const done = await agent.reach("idle");
    expect(await agent.said()).toEqual(["hello, this is the answer", answerTo("second prompt")]);
    expect(lastRequest()).toContain("hello, this is the answer");
    expect(await agent.outcomes()).toEqual(["completed", "completed"]);
    expect(statusesIn(await agent.events())).toEqual(["starting", "processing", "idle", "processing", "idle"]);
    if (abilities.tokens) expect(Number(done["usage"]?.["outputTokens"])).toBeGreaterThan(0);
  });

  test("an interrupt in the middle of a text, and the conversation goes on", async () => {
    const text = "one two three four five six seven eight";
    const agent = await make(ask.say(text, never(box())));
    await agent.streams(text);
    const aborted = await api().call("POST", `${agent.path}/abort`);
    expect([
      aborted.status,
      String(aborted.body["agent"]?.["status"]),
      String(aborted.body["agent"]?.["turn"]?.["outcome"]),
    ]).toEqual([200, "idle", "interrupted"]);
    await agent.send("go on");
    await agent.reach("idle");
    expect((await agent.said()).at(-1)).toBe(answerTo("go on"));
  });

  test("long unicode input arrives byte for byte", async () => {
    const unit = 'naïve 😀 日本語 "q" \\ \t ';
    const text = unit.repeat(Math.floor(longestInputBytes / Buffer.byteLength(unit)));
    expect(Buffer.byteLength(text)).toBeGreaterThan(200_000);
    const agent = await make(text);
    await agent.reach("idle");
    expect((await agent.said()).at(-1) === answerTo(text)).toBe(true);
  });
}

function permissions(
  {
    ask,
    lastRequest,
    answerTo,
    abilities,
    goesOnAfterDeny,
    tellsWhyDenied,
    tellsToolOutput,
    keepsGrants,
    beforeResume,
  }: LiveProvider,
  { box, api, make }: LiveContext,
): void {
  const madeFile = (name: string) => existsSync(join(box().cwd, name));
  const results = (messages: readonly Json[]) =>
    messages
      .filter(({ role }) => String(role) === "tool")
      .flatMap(({ parts }) => [...(parts as Json)])
      .filter(({ type }) => String(type) === "tool_result");

  test("a permission allowed: the tool really runs; another denied: it does not", async () => {
    const agent = await make(ask.run("echo made > allowed.txt; printf 'its %s words' 42", "made it"));
    await agent.reach("waiting_input");
    expect(madeFile("allowed.txt")).toBe(false);
    await agent.answer(await agent.pending(), "allow");
    await agent.reach("idle");
    expect((await agent.said()).at(-1)).toBe("made it");
    expect(madeFile("allowed.txt")).toBe(true);
    expect(lastRequest()).toContain("its 42 words");
    if (tellsToolOutput)
      expect(
        results(await agent.messages())
          .map(({ text }) => String(text))
          .join(),
      ).toContain("its 42 words");

    await agent.send(ask.run("echo made > denied.txt", "then not"));
    await agent.reach("waiting_input");
    await agent.answer(await agent.pending(), "deny", { message: "not in this house" });
    await agent.reach("idle");
    expect(madeFile("denied.txt")).toBe(false);
    if (goesOnAfterDeny) expect((await agent.said()).at(-1)).toBe("then not");
    if (tellsWhyDenied) expect(lastRequest()).toContain("not in this house");
  });

  if (!abilities.allowAlways)
    test("what the program would write into settings is not offered for good, so here nothing is", async () => {
      const agent = await make(ask.run("npm run once", "first"));
      await agent.reach("waiting_input");
      const asked = await agent.pending();
      expect([...(asked["options"] as Json)].map(String)).toEqual(["allow", "deny"]);
      await agent.answer(asked, "allow");
      await agent.reach("idle");
    });
  else
    test("what is allowed always is not asked again, in a new process neither, or it is told to be dropped", async () => {
      const same = (then: string) => ask.run("echo once > always.txt", then);
      const agent = await make(same("first"));
      await agent.reach("waiting_input");
      await agent.answer(await agent.pending(), "allow_always");
      await agent.reach("idle");
      await agent.send(same("second"));
      await agent.reach("idle");
      await api().post(`${agent.path}/stop`);
      beforeResume?.(box());
      await agent.send(same("third"));
      if (!keepsGrants) {
        await agent.reach("waiting_input");
        expect((await agent.events("note")).map(({ data }) => String(data?.["code"]))).toContain("grants_dropped");
        await agent.answer(await agent.pending(), "allow");
      }
      await agent.reach("idle");
      expect(await agent.said()).toEqual(["first", "second", "third"]);
      expect(await agent.events("permission_requested")).toHaveLength(keepsGrants ? 1 : 2);
    });

  test("an abort takes the open permission along", async () => {
    const agent = await make(ask.run("echo made > never.txt", "never said"));
    await agent.reach("waiting_input");
    const { id } = await agent.pending();
    await api().post(`${agent.path}/abort`);
    expect(String((await agent.reach("idle"))["turn"]?.["outcome"])).toBe("interrupted");
    const { permissions } = await api().get(`${agent.path}/permissions`);
    expect([...(permissions as Json)].map((each) => [String(each["id"]), String(each["state"])])).toEqual([
      [String(id), "withdrawn"],
    ]);
    await agent.send("go on");
    await agent.reach("idle");
    expect((await agent.said()).at(-1)).toBe(answerTo("go on"));
    expect(madeFile("never.txt")).toBe(false);
  });

  if (!abilities.questions) return;
  test("a question is put to a person, and the answer reaches the model", async () => {
    const agent = await make(ask.question?.("Which colour?", ["Red", "Blue"], "noted") ?? "the stub cannot ask");
    await agent.reach("waiting_input");
    const asked = await agent.pending();
    expect(String(asked["kind"])).toBe("question");
    expect(JSON.stringify(asked["detail"])).toContain("Which colour?");
    await agent.answer(asked, "allow", { answers: { "Which colour?": "Blue" } });
    await agent.reach("idle");
    expect((await agent.said()).at(-1)).toBe("noted");
    // Both stand in the question; only the answer names one of them once more.
    expect(lastRequest().split("Blue").length).toBeGreaterThan(lastRequest().split("Red").length);
  });
}

function failures({ ask, unauthorized, abilities }: LiveProvider, { make }: LiveContext): void {
  test("a failing model: 401 is an error with the program's words, 500 and then an answer is a completed turn", async () => {
    const agent = await make(ask.fail(401));
    const failed = await agent.reach("error");
    expect(String(failed["turn"]?.["outcome"])).toBe("failed");
    expect(String(failed["turn"]?.["error"]?.["message"])).toMatch(unauthorized);
    await agent.send(ask.fail(500, { times: 1, text: "recovered" }));
    await agent.reach("idle");
    expect((await agent.said()).at(-1)).toBe("recovered");
    expect(await agent.outcomes()).toEqual(["failed", "completed"]);
    if (abilities.retries) expect(await agent.events("retrying")).not.toEqual([]);
  });
}

function deaths({ ask, answerTo, lastRequest, beforeResume }: LiveProvider, { box, api, make }: LiveContext): void {
  test("kill -9 of the daemon in the middle of a stream: the answer is whole, once", async () => {
    const gate = join(box().dir, "gate-of-the-stream");
    const text = "before the death of the daemon and after it";
    const agent = await make(ask.say(text, gate));
    await agent.streams(text);
    await box().kill("SIGKILL");
    writeFileSync(gate, "");
    await box().start();
    await agent.reach("idle");
    expect(await agent.said()).toEqual([text]);
    expect(await agent.outcomes()).toEqual(["completed"]);
  });

  test("kill -9 of the daemon with a permission open: the next one has it, and its answer counts", async () => {
    const agent = await make(ask.run("echo made > survived.txt", "survived"));
    await agent.reach("waiting_input");
    const before = await agent.pending();
    await box().kill("SIGKILL");
    await box().start();
    const after = await agent.pending();
    expect(String(after["id"])).toBe(String(before["id"]));
    expect(existsSync(join(box().cwd, "survived.txt"))).toBe(false);
    await agent.answer(after, "allow");
    await agent.reach("idle");
    expect((await agent.said()).at(-1)).toBe("survived");
    expect(existsSync(join(box().cwd, "survived.txt"))).toBe(true);
  });

  test("kill -9 of the program, alone and together with the daemon: lost and exited; the next input resumes", async () => {
    const agent = await make(ask.say("a fact worth keeping"));
    await agent.reach("idle");
    await dieWithin(agent, "once never finished");
    await agent.reach("exited");
    beforeResume?.(box());
    await agent.send("are you there");
    await agent.reach("idle");
    expect((await agent.said()).at(-1)).toBe(answerTo("are you there"));
    expect(lastRequest()).toContain("a fact worth keeping");

    await dieWithin(agent, "twice never finished");
    await box().kill("SIGKILL");
    beforeResume?.(box());
    await box().start();
    await agent.reach("exited");
    await agent.send("and again");
    await agent.reach("idle");
    expect((await agent.said()).at(-1)).toBe(answerTo("and again"));
    expect(lastRequest()).toContain("a fact worth keeping");
    expect(await agent.outcomes()).toEqual(["completed", "lost", "completed", "lost", "completed"]);
  });

  test("parked when it has been idle for a while: no process, no other status, and the next input goes on", async () => {
    const agent = await make("before the pause");
    await agent.reach("idle");
    await restartWith({ parkIdleMs: 500 });
    const parked = await eventually(
      "the agent to be parked",
      async () => {
        const { agent: view } = await api().get(agent.path);
        return String(view?.["process"]) === "parked" ? view : null;
      },
      PATIENCE_MS,
    );
    expect(String(parked["status"])).toBe("idle");
    expect(box().agentProcesses()).toEqual([]);
    await restartWith({});
    beforeResume?.(box());
    await agent.send("after the pause");
    await agent.reach("idle");
    expect(await agent.said()).toEqual([answerTo("before the pause"), answerTo("after the pause")]);
    expect(lastRequest()).toContain("before the pause");
  });

  async function restartWith(limits: Record<string, number>): Promise<void> {
    const config: unknown = JSON.parse(readFileSync(box().configFile, "utf8"));
    writeFileSync(box().configFile, JSON.stringify(Object.assign({}, config, { limits })));
    await box().kill("SIGTERM");
    await box().start();
  }

  /** The program is killed while it says this. */
  async function dieWithin(agent: LiveAgent, text: string): Promise<void> {
    await agent.send(ask.say(text, never(box())));
    await agent.streams(text);
    process.kill(Number((await agent.debug())["process"]?.["pid"]), "SIGKILL");
  }

  test("stopped and resumed on request", async () => {
    const agent = await make("first words");
    await agent.reach("idle");
    await api().post(`${agent.path}/stop`);
    expect(String((await api().get(agent.path))["agent"]?.["process"])).toBe("stopped");
    expect(box().agentProcesses()).toEqual([]);
    beforeResume?.(box());
    const resumed = await api().post(`${agent.path}/resume`);
    expect([String(resumed["agent"]?.["status"]), String(resumed["agent"]?.["process"])]).toEqual(["idle", "running"]);
    await agent.send("last words");
    await agent.reach("idle");
    expect(await agent.said()).toEqual([answerTo("first words"), answerTo("last words")]);
    expect(lastRequest()).toContain("first words");
  });
}
