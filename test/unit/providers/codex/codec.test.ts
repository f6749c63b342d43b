/**
 * How Codex is started, shakes hands, and when its turns begin and end. Where else a name that the program does not
 * know would end it: see provider/unknown-flags.
 */
import { describe, expect, test } from "bun:test";
import { codexCodec } from "../../../../src/providers/codex/codec.ts";
import type { LaunchContext } from "../../../../src/providers/contract.ts";
import type { PermissionMode } from "../../../../src/words/kinds.ts";
import {
  OWN,
  CHILD,
  launch,
  begun,
  initializeAnswer,
  openAnswer,
  prompted,
  notify,
  started,
  completed,
  running,
  input,
  adopt,
  types,
} from "./talk.ts";

describe("launch", () => {
  const argv = (changes: Partial<LaunchContext>) => codexCodec.launch(launch(changes)).argv;

  test("runs the app-server without what starts turns, retries for ever or calls home", () => {
    const all = argv({ args: ["-c", "x=1"] }).join(" ");
    expect(all).toStartWith("/usr/bin/codex app-server ");
    for (const feature of ["goals", "multi_agent", "plugins", "apps", "unbounded_connection_retries"])
      expect(all).toContain(`-c features.${feature}=false `);
    // An unknown name behind one of these would end it.
    expect(all).not.toMatch(/--(enable|disable)/);
    expect(all).toEndWith("-c x=1");
  });

  test("says of the folder and all above it what they are worth", () => {
    const flag = (trusted: boolean, cwd = "/home/me") =>
      argv({ trusted, cwd }).find((each) => each.startsWith("projects="));
    expect(flag(false)).toBe(
      'projects={"/home/me"={trust_level="untrusted"},"/home"={trust_level="untrusted"},"/"={trust_level="untrusted"}}',
    );
    expect(flag(true)).toContain('"/home/me"={trust_level="trusted"}');
    expect(flag(false, '/a"b\\c')).toContain('"/a\\"b\\\\c"={');
  });

  const policies: readonly (readonly [PermissionMode, string, string])[] = [
    ["ask", "untrusted", "danger-full-access"],
    ["deny", "untrusted", "read-only"],
    ["allow", "never", "danger-full-access"],
  ];
  for (const [permissions, approvalPolicy, sandbox] of policies) {
    test(`"${permissions}" is ${approvalPolicy} and ${sandbox}, for a new thread and for a resumed one`, () => {
      for (const session of [null, OWN]) {
        const it = begun(launch({ permissions, session, model: "m", systemPrompt: "s" })).frames(initializeAnswer);
        expect(it.lines.at(-1)).toMatchObject({
          method: session === null ? "thread/start" : "thread/resume",
          params: {
            approvalPolicy,
            sandbox,
            approvalsReviewer: "user",
            model: "m",
            developerInstructions: "s",
            cwd: "/home/me/project",
          },
        });
      }
    });
  }

  test("hooks run unreviewed only in a trusted project", () => {
    for (const trusted of [true, false]) {
      const it = begun(launch({ trusted })).frames(initializeAnswer);
      expect(JSON.stringify(it.lines).includes("bypass_hook_trust")).toBe(trusted);
    }
  });
});

describe("handshake", () => {
  test("goes step by step, and forgets its parameters when it is over", () => {
    const it = begun();
    expect(it.lines.map(({ method }) => method)).toEqual(["initialize"]);
    it.frames(initializeAnswer);
    expect(it.lines.map(({ method }) => method)).toEqual(["initialize", "initialized", "thread/start"]);
    expect(it.facts).toEqual([]);
    it.frames(openAnswer);
    expect(it.facts).toEqual([
      { type: "session", id: OWN },
      { type: "ready", version: "0.169.0" },
    ]);
    expect(it.state.opening).toBeNull();
  });

  test("a refusal is a failed start with Codex's reason", () => {
    const it = begun().frames(initializeAnswer, { error: { code: -32600, message: "invalid config" }, id: 2 });
    expect(it.facts).toEqual([{ type: "start_failed", code: "START_REFUSED", message: "invalid config" }]);
  });

  test("when the history cannot be read it is said of each input that it is unknown", () => {
    const it = begun(launch({ session: OWN }), [input("k1")]).frames(initializeAnswer, openAnswer, {
      error: { code: -32603, message: "disk" },
      id: 3,
    });
    expect(types(it)).toEqual(["session", "input_unknown", "ready"]);
  });
});

describe("turns", () => {
  test("the answer to turn/start and turn/started both begin it, in either order", () => {
    const answer = { id: 3, result: { turn: { id: "t1" } } };
    for (const frames of [
      [answer, started("t1")],
      [started("t1"), answer],
    ]) {
      const it = prompted()
        .fresh()
        .frames(...frames);
      expect(types(it)).toEqual(["turn_started", "turn_started"]);
      expect(it.state.turn).toEqual({ id: "t1", key: "k1", begun: true });
    }
  });

  test("a late answer to turn/start does not open an ended turn again", () => {
    const it = prompted()
      .frames(started("t1"), completed("t1"))
      .fresh()
      .frames({ id: 3, result: { turn: { id: "t1" } } });
    expect(it.facts).toEqual([]);
    expect(it.state.turn).toBeNull();
  });

  test("neither idle nor an error ends a turn, and a twin of its end is ignored", () => {
    const idle = notify("thread/status/changed", { threadId: OWN, status: { type: "systemError" } });
    const error = notify("error", {
      threadId: OWN,
      turnId: "t1",
      willRetry: false,
      error: { message: "m", codexErrorInfo: "other" },
    });
    const it = running().frames(idle, error);
    expect(it.facts).toEqual([]);
    it.frames(completed("t1"), completed("t1"));
    expect(types(it).filter((type) => type === "turn_ended")).toHaveLength(1);
  });

  test("an input whose echo was missed is accepted by the end of its turn", () => {
    expect(running().frames(completed("t1")).facts).toEqual([
      { type: "input_accepted", key: "k1" },
      { type: "turn_ended", outcome: "completed" },
    ]);
  });

  test("the end of a sub-agent's turn is not the end", () => {
    const it = running().frames(started("c1", CHILD), completed("c1", "failed", CHILD, { message: "no" }));
    expect(it.facts).toEqual([
      { type: "background", tasks: 1 },
      { type: "background", tasks: 0 },
    ]);
  });

  test("a refused turn ends its input, with the reason", () => {
    const it = prompted()
      .fresh()
      .frames({ error: { code: -32603, message: "thread not found" }, id: 3 });
    expect(it.facts).toEqual([
      { type: "input_accepted", key: "k1" },
      { type: "turn_ended", outcome: "failed", error: { code: "turn_refused", message: "thread not found" } },
    ]);
  });

  const errors: readonly (readonly [unknown, string])[] = [
    ["serverOverloaded", "serverOverloaded"],
    [{ httpConnectionFailed: { httpStatusCode: 401 } }, "httpConnectionFailed"],
    [null, "other"],
  ];
  for (const [codexErrorInfo, code] of errors) {
    test(`the error ${JSON.stringify(codexErrorInfo)} has the code ${code}`, () => {
      const it = running().frames(
        completed("t1", "failed", OWN, { message: "m", codexErrorInfo, additionalDetails: "more" }),
      );
      expect(it.facts.at(-1)).toMatchObject({
        type: "turn_ended",
        outcome: "failed",
        error: { code, message: "m: more" },
      });
    });
  }

  test("the allowances are not among the news that it asks Codex to keep to itself", () => {
    const { lines } = codexCodec.start({ launch: launch(), nowMs: 0, unconfirmed: [], grants: [] });
    expect(lines.join()).not.toContain("rateLimits");
  });

  test("after an interrupt what runs in the background is ended", () => {
    const it = running()
      .do((state) => codexCodec.interrupt(state, 0))
      .frames(completed("t1", "interrupted"));
    expect(it.lines.map(({ method }) => method)).toEqual(["turn/interrupt", "thread/backgroundTerminals/clean"]);
  });

  test("ids of requests are never used twice, over a daemon's death too", () => {
    const it = running().do(adopt({})).frames(completed("t1"));
    const last = prompted(it, "k2").lines.at(-1);
    expect(last?.["id"]).toBe(5);
  });
});
