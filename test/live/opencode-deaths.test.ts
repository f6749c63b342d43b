/** Interrupts, failures, deaths and repeats of the real OpenCode, over pipes. */
// file-timeout: 900 s
import { afterAll, afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import { commandOf } from "./opencode-drive.ts";
import { PATIENCE_MS } from "./patience.ts";
import { startChatStub } from "./stub-chat.ts";
import { bash, close, endAll, home, ready, real, running, script, sessionOf, stub, subagent } from "./opencode-live.ts";

afterEach(endAll);
afterAll(close);

real("the real OpenCode, interrupts and failures", () => {
  test("interrupted in a text, in a tool, and while asking: the next turn is clean", async () => {
    const driven = await ready();
    driven.prompt(script({ say: "a long story that goes on and on", chunks: 8, gate: join(home.root, "never") }));
    await driven.next("delta");
    driven.interrupt();
    expect((await driven.next("turn_ended")).outcome).toBe("interrupted");

    driven.prompt(script(bash("sleep 60"), { say: "never" }));
    driven.answer(await driven.next("permission"), "allow");
    await driven.next("permission_closed");
    driven.interrupt();
    expect((await driven.next("turn_ended")).outcome).toBe("interrupted");

    driven.prompt(script(bash("touch never.txt"), { say: "never" }));
    await driven.next("permission");
    driven.interrupt();
    expect((await driven.next("turn_ended")).outcome).toBe("interrupted");

    driven.prompt(script(subagent(bash("touch sub.txt"), { say: "sub" }), { say: "never" }));
    const asked = await driven.next("permission");
    driven.interrupt();
    expect((await driven.next("turn_ended")).outcome).toBe("interrupted");
    expect(driven.facts.some((fact) => fact.type === "permission_closed" && fact.id === asked.id)).toBe(true);

    expect(await driven.turn("still there?")).toEqual({
      outcome: "completed",
      error: null,
      said: ["echo: still there?"],
    });
  });

  test("401 fails at once with the provider's words, and the next turn works", async () => {
    const driven = await ready();
    const failed = await driven.turn(script({ status: 401, message: "invalid x-api-key", times: "always" }));
    expect([failed.outcome, failed.error]).toEqual(["failed", "invalid x-api-key (HTTP 401)"]);
    expect((await driven.turn("better")).said).toEqual(["echo: better"]);
    expect(driven.facts.filter((fact) => fact.type === "turn_ended")).toHaveLength(2);
  });

  test("500 is retried visibly and recovers; a dropped connection leaves no half text behind", async () => {
    // A stub counts failures by their place in a conversation: this one has nobody else's.
    const own = startChatStub();
    const context = home.context();
    const config = (context.env["OPENCODE_CONFIG_CONTENT"] ?? "").replace(stub.url, own.url);
    const driven = await ready({ ...context, env: { ...context.env, OPENCODE_CONFIG_CONTENT: config } });
    const recovered = await driven.turn(script({ status: 500, message: "boom", times: 1, say: "fine now" }));
    expect([recovered.outcome, recovered.said]).toEqual(["completed", ["fine now"]]);
    expect(
      driven.facts.filter((fact) => fact.type === "retrying" || fact.type === "retry_over").map((fact) => fact.type),
    ).toEqual(["retrying", "retry_over"]);
    const dropped = await driven.turn(script({ say: "whole answer", chunks: 4, cut: true, times: 1 }));
    expect([dropped.outcome, dropped.said]).toEqual(["completed", ["whole answer"]]);
    await own.stop();
  });

  test("an interrupt ends a retry that would go on for ever", async () => {
    const driven = await ready();
    driven.prompt(script({ status: 529, times: "always" }));
    await driven.next("retrying");
    driven.interrupt();
    expect((await driven.next("turn_ended")).outcome).toBe("interrupted");
  });

  test("a model that does not exist is an error in the provider's words", async () => {
    const driven = await ready(home.context({ model: "stub/nope" }));
    const failed = await driven.turn("hello");
    expect([failed.outcome, failed.error]).toEqual(["failed", expect.stringContaining("Model not found: stub/nope")]);
    expect((await driven.turn("hello")).outcome).toBe("failed");
  });
});

real("the real OpenCode, deaths and repeats", () => {
  test("the same input sent twice runs once, in the same process and in the next one", async () => {
    const context = home.context();
    const first = await ready(context);
    const input = first.prompt("only once");
    first.prompt(input.text, input);
    await first.next("turn_ended");
    first.prompt(input.text, input);
    await first.turn("another");
    await first.farewell();
    const second = await ready({ ...context, session: sessionOf(first) });
    second.prompt(input.text, input);
    expect((await second.next("input_accepted")).key).toBe(input.key);
    expect((await second.next("turn_ended")).outcome).toBe("completed");
    expect(second.said()[0]).toBe("echo: only once");
    expect(stub.requests.filter((request) => request.text === "only once")).toHaveLength(1);
  });

  test("the server is killed in the middle of a turn: the bridge says so and ends; the conversation goes on", async () => {
    const context = home.context();
    const first = await ready(context);
    const input = first.prompt(script({ say: "never whole", chunks: 4, gate: join(home.root, "never") }));
    await first.next("delta");
    process.kill(first.serverPid(), "SIGKILL");
    expect(await first.ended).toBe(1);
    expect(first.stderr()).toContain("opencode serve has ended (SIGKILL)");
    expect(first.facts.some((fact) => fact.type === "turn_ended")).toBe(false);
    const second = await ready({ ...context, session: sessionOf(first) });
    // Had it not been confirmed, it would be sent again: it must not run again, and nobody can tell its answer.
    second.prompt(input.text, input);
    expect((await second.next("turn_ended")).outcome).toBe("lost");
    expect((await second.turn("go on")).said).toEqual(["echo: go on"]);
    expect(stub.requests.filter((request) => request.text === input.text)).toHaveLength(1);
  });

  test("the bridge is killed: its server does not live on", async () => {
    const driven = await ready();
    await driven.turn("hello");
    const server = driven.serverPid();
    expect(commandOf(server)).toContain("serve");
    await driven.kill("SIGKILL");
    running.splice(running.indexOf(driven), 1);
    await eventually(
      "the server's end",
      async () => (commandOf(server).length === 0 || commandOf(server)[0] === "" ? true : undefined),
      PATIENCE_MS,
    );
  });

  test("a new daemon on a working bridge: everything said again changes nothing", async () => {
    const driven = await ready();
    const input = driven.prompt(script(bash("touch a.txt"), { say: "done" }));
    const asked = await driven.next("permission");
    driven.adopt({ unconfirmed: [input], open: [asked.id] });
    driven.answer(asked, "allow");
    driven.adopt({ unsettled: [{ id: asked.id, kind: asked.kind, data: asked.data, decision: "allow" }] });
    expect((await driven.next("turn_ended")).outcome).toBe("completed");
    expect(driven.facts.filter((fact) => fact.type === "permission")).toHaveLength(1);
    expect((await driven.turn("after")).said).toEqual(["echo: after"]);
  });

  test("SIGTERM ends bridge and server, and a torn line is mended by an LF", async () => {
    const driven = await ready();
    driven.write('{"cmd":"prom\n');
    expect((await driven.next("note")).code).toBe("torn_line");
    const server = driven.serverPid();
    expect(await driven.kill("SIGTERM")).toBe(0);
    running.splice(running.indexOf(driven), 1);
    expect(commandOf(server).join("")).toBe("");
  });
});
