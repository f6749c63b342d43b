/** The real Pi behind the daemon: FIFO in, file out, over a new daemon and over the death of the program. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Agent } from "../provider/suite.ts";
import { agentAt } from "../provider/suite.ts";
import { eventually } from "../support/api.ts";
import type { TestDaemon } from "../support/daemon.ts";
import { testDaemon } from "../support/daemon.ts";
import { writePiHome } from "./pi-home.ts";
import { installPi } from "./pi.install.ts";
import { startChatStub } from "./stub-chat.ts";

const installed = await installPi(process.env);
if ("skip" in installed) console.log(`SKIPPED: the real Pi: ${installed.skip}`);
const command = "skip" in installed ? [] : installed.command;

describe.skipIf("skip" in installed)("the real Pi behind the daemon", () => {
  const stub = startChatStub();
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await testDaemon({ providers: { pi: { kind: "pi", command, model: "stub/stub-1", env: { STUB_API_KEY: "stub-key" } } } });
    writePiHome(join(daemon.home, ".pi/agent"), stub.url);
    await daemon.api().post("/projects", { name: "p", cwd: daemon.cwd });
  });
  afterAll(async () => {
    await daemon.close();
    await stub.stop();
  });

  async function start(task: string): Promise<Agent> {
    const { agent } = await daemon.api().post("/projects/p/agents", { provider: "pi", task });
    return agentAt(() => daemon, String(agent?.["id"]));
  }
  const script = (...steps: readonly object[]) => `MODEL ${JSON.stringify(steps)}`;

  test("a text that streams while there is no daemon is stored once by the next one", async () => {
    const gate = join(daemon.dir, "text-gate");
    const agent = await start(script({ say: "before the death and after it", chunks: 6, gate }));
    await agent.reaches("processing");
    await daemon.restart(() => writeFileSync(gate, ""));
    await agent.reaches("idle");
    expect(await agent.said()).toEqual(["before the death and after it"]);
    expect(await agent.events("turn_ended")).toHaveLength(1);
  }, 60_000);

  test("a permission asked before a restart is answered after it; 200 KB of unicode pass the FIFO", async () => {
    const agent = await start(script({ call: [{ name: "bash", args: { command: "touch made-by-pi" } }] }, { say: "made" }));
    await agent.reaches("waiting_input");
    await daemon.restart();
    const [permission] = await agent.permissions("pending");
    expect(existsSync(join(daemon.cwd, "made-by-pi"))).toBe(false);
    await agent.answer(String(permission?.["id"]), { decision: "allow" });
    await agent.reaches("idle");
    expect(existsSync(join(daemon.cwd, "made-by-pi"))).toBe(true);
    const text = "añ👩‍👩‍👧 \u2028 日本語\r\n".repeat(5000);
    await agent.send(text);
    await agent.turnEnds(2);
    expect(stub.requests.at(-1)?.text).toBe(text);
    expect((await agent.said()).at(-1)).toBe(`echo: ${text}`);
  }, 60_000);

  test("killed in the middle of a turn: lost, and the next input goes on with the conversation", async () => {
    const agent = await start("remember this");
    await agent.reaches("idle");
    await agent.send(script({ hang: true }));
    await eventually("the model to be asked", async () => stub.requests.at(-1)?.text.includes("hang"));
    const debug = await daemon.api().get(`${agent.path}/debug`);
    process.kill(Number(debug["process"]?.["pid"]), "SIGKILL");
    expect(String((await agent.reaches("exited"))["status"])).toBe("exited");
    expect(String((await agent.turnEnds(2))["outcome"])).toBe("lost");
    await agent.send("and now?");
    expect(String((await agent.turnEnds(3))["outcome"])).toBe("completed");
    expect(JSON.stringify(stub.requests.at(-1)?.body)).toContain("remember this");
  }, 60_000);
});
