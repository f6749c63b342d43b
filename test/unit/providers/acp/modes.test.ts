/**
 * The agent's own mode, in which it asks before it acts. Looked at: what `claude-agent-acp`, `codex-acp`, Qwen Code,
 * Gemini CLI and OpenCode offer; and every other way in which an agent may act unasked: a mode that it leaves by
 * itself, a mode that it refuses to take, a conversation that is resumed in another one.
 */
import { describe, expect, test } from "bun:test";
import { type Driven, drive, initialized, SESSION } from "./drive.ts";

const modes = (currentModeId: string, ...ids: readonly string[]) => ({
  modes: { currentModeId, availableModes: ids.map((id) => ({ id, name: id })) },
});

function opened(
  result: Record<string, unknown>,
  launch: Parameters<typeof drive>[0] = {},
): Driven & { sentLast: unknown; told: readonly string[] } {
  const driven = drive(launch);
  driven.says(initialized({ loadSession: true }));
  driven.sent();
  const facts = driven.says({ id: 2, result: { sessionId: SESSION, ...result } });
  return {
    ...driven,
    sentLast: driven.sent().at(-1),
    told: facts.flatMap((fact) => (fact.type === "note" ? [fact.code] : [fact.type])),
  };
}

describe.each(["ask", "deny"] as const)('permissions "%s"', (permissions) => {
  test.each([
    [
      "claude-agent-acp",
      modes("auto", "auto", "default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"),
      "default",
    ],
    ["codex-acp", modes("agent", "read-only", "agent", "agent-full-access"), "read-only"],
    ["Qwen Code", modes("yolo", "plan", "default", "auto-edit", "yolo"), "default"],
    ["one with addresses", modes("m#yolo", "https://x/m#yolo", "https://x/m#ask"), "https://x/m#ask"],
  ])("%s is put into the mode that asks", (_agent, result, mode) => {
    const driven = opened(result, { permissions });
    expect(driven.sentLast).toMatchObject({ method: "session/set_mode", params: { sessionId: SESSION, modeId: mode } });
    expect(driven.told).toEqual([]);
    expect(driven.says({ id: 3, result: {} }).map(({ type }) => type)).toEqual(["ready"]);
  });

  test("a mode that is called by its name only is found, too", () => {
    const offered = [
      { id: "1", name: "Do everything" },
      { id: "2", name: "Always ask" },
    ];
    const driven = opened({ modes: { currentModeId: "1", availableModes: offered } }, { permissions });
    expect(driven.sentLast).toMatchObject({ method: "session/set_mode", params: { modeId: "2" } });
  });

  test("an agent with a config option for it is set by that, also where its values stand in groups", () => {
    for (const options of [
      [{ value: "auto" }, { value: "ask" }],
      [{ group: "all", options: [{ value: "auto" }, { value: "ask" }] }],
    ]) {
      const driven = opened(
        { configOptions: [{ id: "approval", category: "mode", currentValue: "auto", options }] },
        { permissions },
      );
      expect(driven.sentLast).toMatchObject({
        method: "session/set_config_option",
        params: { configId: "approval", value: "ask" },
      });
    }
  });

  test("in that mode already, nothing is sent and nothing told", () => {
    expect(opened(modes("default", "default", "yolo"), { permissions }).told).toEqual(["ready"]);
  });

  test.each([
    ["no modes", {}],
    ["only the modes build, plan", modes("build", "build", "plan")],
  ])("an agent that offers %s: a note says that its own settings decide", (_what, result) => {
    expect(opened(result, { permissions }).told).toEqual(["mode_not_enforced", "ready"]);
  });

  test("a mode that is refused is told, and the agent can be used", () => {
    const driven = opened(modes("yolo", "default", "yolo"), { permissions });
    const facts = driven.says({ id: 3, error: { code: -32603, message: "no" } });
    expect(facts.map((fact) => (fact.type === "note" ? fact.code : fact.type))).toEqual(["mode_not_enforced", "ready"]);
  });

  test("the model is set after the mode, and a resumed conversation is put into it again", () => {
    const model = { models: { availableModels: [], currentModelId: "small" } };
    const driven = opened(
      { ...modes("yolo", "default", "yolo"), ...model },
      { permissions, model: "big", session: SESSION },
    );
    expect(driven.sentLast).toMatchObject({ method: "session/set_mode" });
    driven.says({ id: 3, result: {} });
    expect(driven.sent()).toMatchObject([{ method: "session/set_model" }]);
    expect(driven.says({ id: 4, result: {} }).at(-1)?.type).toBe("ready");
  });
});

test('with permissions "allow" the agent stays in the mode that it likes', () => {
  expect(opened(modes("yolo", "default", "yolo"), { permissions: "allow" }).told).toEqual(["ready"]);
});

test("an agent that leaves the mode by itself: a note says so", () => {
  const driven = opened(modes("default", "default", "yolo"));
  driven.prompt();
  expect(driven.update({ sessionUpdate: "current_mode_update", currentModeId: "yolo" })).toMatchObject([
    { type: "note", level: "warn", code: "mode_changed" },
  ]);
  expect(driven.update({ sessionUpdate: "current_mode_update", currentModeId: "default" })).toEqual([]);
});
