/** Real programs of the system as agents of kind `command`, behind the compiled daemon. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { PATIENCE_MS } from "./patience.ts";

/** Says that it began, leaves a child of its own, and waits for a file. */
const PATIENT =
  'task=$(cat); echo "begun: $task"; sleep 1000 & : > begun; until [ -e go ]; do sleep 0.05; done; kill $!; echo "ended"';

describe("plain commands behind the daemon", () => {
  let box: Box;
  beforeAll(async () => {
    box = await makeBox({
      providers: {
        echo: { kind: "command", command: ["cat"] },
        patient: { kind: "command", command: ["/bin/sh", "-c", PATIENT] },
      },
    });
    await (await box.start()).post("/projects", { name: "p", cwd: box.cwd });
  });
  afterAll(() => box.close());

  async function start(provider: string, task: string): Promise<string> {
    const { agent } = await box.api().post("/projects/p/agents", { provider, task });
    return `/projects/p/agents/${agent?.["id"]}`;
  }

  async function answer(path: string): Promise<string> {
    const { agent } = await box.api().get(`${path}/wait?until=idle,error,exited&timeout=35`);
    expect(`${agent?.["status"]} ${agent?.["turn"]?.["outcome"]}`).toBe("idle completed");
    return String((await box.api().get(`${path}/messages/last`))["message"]?.["text"]);
  }

  test("2 MB of unicode go in and come back", async () => {
    const text = 'näïve 😀 中文 "quotes"\t\r\n'.repeat(60_000);
    expect((await answer(await start("echo", text))) === text).toBe(true);
  });

  test("the daemon is killed in the middle of its work: the answer is whole, once", async () => {
    const path = await start("patient", "one");
    await eventually("the command to begin", () => existsSync(join(box.cwd, "begun")), PATIENCE_MS);
    await box.kill("SIGKILL");
    writeFileSync(join(box.cwd, "go"), "");
    await box.start();
    expect(await answer(path)).toBe("begun: one\nended\n");
    const { messages } = await box.api().get(`${path}/messages?after=0&role=assistant`);
    expect([...(messages ?? [])]).toHaveLength(1);
    await Bun.$`rm -f ${join(box.cwd, "go")} ${join(box.cwd, "begun")}`;
  });

  test("aborted: its whole process tree ends, and the next input works", async () => {
    const path = await start("patient", "two");
    await eventually("the command to begin", () => existsSync(join(box.cwd, "begun")), PATIENCE_MS);
    const { aborted, agent } = await box.api().post(`${path}/abort`);
    expect([aborted as unknown, String(agent?.["status"]), String(agent?.["turn"]?.["outcome"])]).toEqual([
      true,
      "idle",
      "interrupted",
    ]);
    await eventually("its child to end, too", () => box.agentProcesses().length === 0, PATIENCE_MS);
    writeFileSync(join(box.cwd, "go"), "");
    await box.api().post(`${path}/input`, { text: "three" });
    expect(await answer(path)).toBe("begun: three\nended\n");
  });
});
