/** Interrupts, failures, deaths, and lines that are none. */
import { expect, test } from "bun:test";
import { eventually } from "../support/api.ts";
import type { Case } from "./suite.ts";

const ask = { ask: "Bash", input: { command: "touch made.txt" }, result: "made" };

export function failureCases({ under, start, gate, daemon }: Case): void {
  const { can } = under;

  const aborts = async (script: Record<string, unknown>[], ready: "processing" | "waiting_input") => {
    const agent = await start(script);
    await agent.reaches(ready);
    await eventually("the program to work on it", async () => {
      const inputs = (await daemon().api().get(`${agent.path}/inputs`))["inputs"];
      return String(inputs?.[0]?.["state"]) === "accepted";
    });
    const answer = await daemon().api().call("POST", `${agent.path}/abort`);
    expect([answer.status, answer.body["aborted"] as unknown]).toEqual([200, true]);
    const view = await agent.view();
    expect([String(view["status"]), String(view["turn"]?.["outcome"])]).toEqual(["idle", "interrupted"]);
    return agent;
  };

  test("interrupted in the middle of a text: idle, and the next input works", async () => {
    const door = gate();
    const agent = await aborts([{ say: "a long story that goes on and on", chunks: 4, gate: door.path }], "processing");
    await agent.send("again");
    await agent.reaches("idle");
    expect((await agent.said()).at(-1)).toBe("echo: again");
  });

  test.if(can.tools)("interrupted in a tool", async () => {
    const door = gate();
    const agent = await aborts(
      [{ tool: "Bash", input: { command: "sleep 99" }, result: "done", gate: door.path }],
      "processing",
    );
    await agent.send("again");
    await agent.reaches("idle");
    expect((await agent.said()).at(-1)).toBe("echo: again");
  });

  test.if(can.permissions)("interrupted while asking: the permission is withdrawn", async () => {
    const agent = await aborts([ask, { say: "never" }], "waiting_input");
    expect((await agent.permissions()).map((each) => String(each["state"]))).toEqual(["withdrawn"]);
    await agent.send("again");
    await agent.reaches("idle");
    expect((await agent.said()).at(-1)).toBe("echo: again");
  });

  test("a failed turn, after retries where they are told, is an error and the next input works", async () => {
    const agent = await start([
      ...(can.retries ? [{ retry: 1, status: 529 }] : []),
      { fail: "overloaded", message: "the model is busy" },
    ]);
    const failed = await agent.reaches("error");
    expect(String(failed["turn"]?.["outcome"])).toBe("failed");
    expect(String(failed["turn"]?.["error"]?.["message"])).toContain("the model is busy");
    if (can.retries) expect((await agent.events("retrying")).length).toBeGreaterThan(0);
    await agent.send("again");
    await agent.reaches("idle");
    expect((await agent.said()).at(-1)).toBe("echo: again");
  });

  test.if(can.retries)("retries are shown while it is still processing, and recovery is a completed turn", async () => {
    const door = gate();
    const agent = await start([{ retry: 1, status: 529, gate: door.path }, { say: "recovered" }]);
    const view = await eventually("retrying to be shown", async () => {
      const now = await agent.view();
      return (now["retrying"] as unknown) === null ? undefined : now;
    });
    expect(String(view["status"])).toBe("processing");
    door.open();
    await agent.reaches("idle");
    expect((await agent.said()).at(-1)).toBe("recovered");
    expect((await agent.view())["retrying"] as unknown).toBeNull();
  });

  test.if(!can.oneshot)(
    "the program dies in the middle of a turn: lost, exited, and the next input resumes",
    async () => {
      const agent = await start([{ say: "about to die" }, { crash: true }]);
      const gone = await agent.reaches("exited");
      expect(String(gone["turn"]?.["outcome"])).toBe("lost");
      expect(String(gone["process"])).toBe("gone");
      await agent.send("again");
      await agent.reaches("idle");
      expect((await agent.said()).at(-1)).toBe("echo: again");
      expect(await agent.events("turn_ended")).toHaveLength(2);
    },
  );

  test.if(!can.oneshot)(
    "the program ends while idle: exited, and the next input resumes the conversation",
    async () => {
      const agent = await start("first");
      await agent.reaches("idle");
      const debug = await daemon().api().get(`${agent.path}/debug`);
      process.kill(Number(debug["process"]?.["pid"]), "SIGKILL");
      await agent.reaches("exited");
      await agent.send("second");
      await agent.reaches("idle");
      expect(await agent.said()).toEqual(["echo: first", "echo: second"]);
    },
  );

  test.if(can.rawStdout)("a line that is no JSON changes nothing", async () => {
    const agent = await start([{ garbage: "Segmentation fault? no: {broken" }, { say: "still here" }]);
    await agent.reaches("idle");
    expect((await agent.said()).at(-1)).toBe("still here");
  });

  test.if(can.rawStdout && !can.oneshot).each([
    ["a window title", "\u001b]0;title\u0007"],
    ["a progress bar that is taken back", "50%\r"],
  ])("%s before a frame on its line: the frame counts, and one note says what was there", async (_what, bytes) => {
    const agent = await start([{ foreign: bytes }, { say: "one" }, { foreign: bytes }]);
    await agent.reaches("idle");
    expect(await agent.said()).toEqual(["one"]);
    const notes = (await agent.events("note")).filter((each) => String(each["data"]?.["code"]) === "foreign_bytes");
    expect(notes).toHaveLength(1);
  });

  test.if(can.rawStdout)("half a line is waited for", async () => {
    const agent = await start([{ half: "cut in two" }, { say: "and whole again" }]);
    await agent.reaches("idle");
    expect((await agent.said()).join("")).toContain("cut in two");
    expect((await agent.said()).at(-1)).toBe("and whole again");
  });

  test("the daemon is restarted in the middle of a turn: nothing is lost and nothing comes twice", async () => {
    const door = gate();
    const agent = await start([{ say: "before" }, { gate: door.path }, { say: "after" }]);
    await agent.reaches("processing");
    await daemon().restart(() => door.open());
    await agent.reaches("idle");
    expect((await agent.said()).join("|")).toBe(can.oneshot ? "before\nafter" : "before|after");
    expect(await agent.events("turn_ended")).toHaveLength(1);
  });

  test.if(!can.oneshot)("stopped on request: idle and stopped, and the next input resumes", async () => {
    const agent = await start("first");
    await agent.reaches("idle");
    await daemon().api().post(`${agent.path}/stop`);
    const view = await agent.view();
    expect([String(view["status"]), String(view["process"])]).toEqual(["idle", "stopped"]);
    await agent.send("second");
    await agent.reaches("idle");
    expect(await agent.said()).toEqual(["echo: first", "echo: second"]);
  });
}
