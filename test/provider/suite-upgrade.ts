/** What was stored of a living process by another daemon, and cannot be read by this one. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Case } from "./suite.ts";

/** What may stand in the row of a run. */
const DAMAGED: readonly (readonly [string, (kind: string) => string])[] = [
  ["without what it needs", (kind) => JSON.stringify({ v: 1, kind, state: {} })],
  ["of a newer version", (kind) => JSON.stringify({ v: 2, kind, state: { moved: true } })],
  ["of another kind of provider", () => JSON.stringify({ v: 1, kind: "elsewhere", state: {} })],
  ["torn", (kind) => `{"v":1,"kind":"${kind}","sta`],
];

export function upgradeCases({ under, start, gate, daemon }: Case): void {
  const { can } = under;
  const kind = String(under.settings["kind"]);

  test.each(DAMAGED)("stored state %s: the turn is lost, with the cause, and the next input works", async (_, json) => {
    const door = gate();
    // A tool, because what is said is told when something else follows it.
    const working = can.tools ? { tool: "Bash", input: { command: "make" }, result: "made" } : {};
    const agent = await start([{ say: "before" }, { ...working, gate: door.path }, { say: "after" }]);
    await agent.reaches("processing");
    await eventually("the program to work on it", async () => {
      const inputs = (await daemon().api().get(`${agent.path}/inputs`))["inputs"];
      return String(inputs?.[0]?.["state"]) === "accepted" && (can.oneshot || (await agent.said()).length > 0);
    });
    const store = join(daemon().dir, "state", "harness.db");
    await daemon().restart(() => {
      const db = new Database(store);
      db.run("UPDATE runs SET codec = ? WHERE agent = ? AND state = 'running'", [json(kind), agent.id]);
      db.close();
    });
    const lost = await agent.reaches("exited", "error");
    const turn = lost["turn"];
    expect([String(turn?.["outcome"]), String(turn?.["error"]?.["code"])]).toEqual(["lost", "STATE_UNREADABLE"]);
    expect((await agent.events("note")).map((each) => String(each["data"]?.["code"]))).toContain("STATE_UNREADABLE");
    writeFileSync(door.path, "");
    await agent.send("again");
    await agent.reaches("idle");
    expect((await agent.said()).at(-1)).toBe("echo: again");
    if (!can.oneshot) expect(await agent.events("turn_ended")).toHaveLength(2);
  });
}
