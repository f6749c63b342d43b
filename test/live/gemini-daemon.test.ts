/** The real Gemini CLI behind the compiled daemon, which is killed with -9 at the worst moments. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, type Json } from "../support/api.ts";
import { type Box, makeBox } from "../support/binary.ts";
import { makeSessionsOlder } from "./gemini-chats.ts";
import { installGemini } from "./gemini.install.ts";
import { digestAnswer, type GeminiStub, type ModelStep, startGeminiStub } from "./stub-gemini.ts";

const installed = await installGemini(process.env);
if ("skip" in installed) console.warn(`SKIPPED: the real Gemini CLI: ${installed.skip}`);
const command = "skip" in installed ? [] : [...installed.command, "--acp"];
const DEADLINE_MS = 90_000;

describe.skipIf("skip" in installed)("the real Gemini CLI behind the daemon", () => {
  let stub: GeminiStub;
  let box: Box;

  beforeAll(async () => {
    stub = startGeminiStub();
    const env = { GEMINI_API_KEY: "key-of-the-user", GOOGLE_GEMINI_BASE_URL: stub.url };
    box = await makeBox({ providers: { gemini: { kind: "acp", command, env, model: "gemini-2.5-flash" } } });
    await (await box.start()).post("/projects", { name: "p", cwd: box.cwd });
  }, DEADLINE_MS);
  afterAll(async () => {
    await box.close();
    await stub.close();
  }, DEADLINE_MS);

  const model = (...steps: readonly ModelStep[]) => `MODEL ${JSON.stringify(steps)}`;
  const touch = (file: string) => [{ name: "run_shell_command", args: { command: `touch ${join(box.cwd, file)}`, description: "a step" } }];

  async function start(task: string): Promise<string> {
    const { agent } = await box.api().post("/projects/p/agents", { provider: "gemini", task });
    return `/projects/p/agents/${agent?.["id"]}`;
  }

  async function reaches(path: string, status: string): Promise<Json | undefined> {
    const answer = await box.api().get(`${path}/wait?until=idle,error,exited,waiting_input&timeout=30`);
    expect(`${answer["agent"]?.["status"]} ${JSON.stringify(answer["agent"]?.["turn"]?.["error"] ?? "")}`).toBe(`${status} ""`);
    return answer["agent"];
  }

  async function said(path: string): Promise<string[]> {
    const { messages } = await box.api().get(`${path}/messages?after=0&limit=1000`);
    return [...(messages ?? [])].filter((each) => String(each["role"]) === "assistant").map((each) => String(each["text"])).filter((text) => text !== "");
  }

  test("a text that streams while the daemon is dead is stored once by the next one", async () => {
    const [gate, mark] = [join(box.dir, "gate"), join(box.dir, "asked")];
    const path = await start(model({ text: "before the death and after it", chunks: 6, mark, gate }));
    await eventually("the model to be asked", () => existsSync(mark));
    await box.kill("SIGKILL");
    writeFileSync(gate, "");
    await box.start();
    await reaches(path, "idle");
    expect(await said(path)).toEqual(["before the death and after it"]);
  }, DEADLINE_MS);

  test("a permission that was asked before the death is answered after it; 200 KB of unicode pass the FIFO", async () => {
    const path = await start(model({ text: "I will make it.", tools: touch("made") }, { text: "made" }));
    await reaches(path, "waiting_input");
    await box.kill("SIGKILL");
    await box.start();
    const { permissions } = await box.api().get(`${path}/permissions?state=pending`);
    const [permission] = [...(permissions ?? [])];
    expect(existsSync(join(box.cwd, "made"))).toBe(false);
    await box.api().post(`${path}/permissions/${permission?.["id"]}`, { decision: "allow" });
    await reaches(path, "idle");
    expect(existsSync(join(box.cwd, "made"))).toBe(true);
    const text = Array.from({ length: 11_000 }, (_, n) => `${n} grüße 🎉 漢字\n`).join("");
    await box.api().post(`${path}/input`, { text });
    await reaches(path, "idle");
    expect(await said(path)).toEqual(["I will make it.", "made", digestAnswer(text)]);
  }, DEADLINE_MS);

  test("an abort ends the turn, and a stopped conversation goes on in a new process", async () => {
    const [gate, mark] = [join(box.dir, "never"), join(box.dir, "asked-2")];
    const path = await start("the number is 4711");
    await reaches(path, "idle");
    await box.api().post(`${path}/input`, { text: model({ text: "cut off here", chunks: 2, mark, gate }) });
    await eventually("the model to be asked", () => existsSync(mark));
    await box.api().post(`${path}/abort`);
    const aborted = await reaches(path, "idle");
    expect(String(aborted?.["turn"]?.["outcome"])).toBe("interrupted");
    await box.api().post(`${path}/stop`);
    makeSessionsOlder(box.home);
    await box.api().post(`${path}/input`, { text: "which number?" });
    await reaches(path, "idle");
    expect((await said(path)).at(-1)).toBe(digestAnswer("which number?"));
    expect(stub.requests.at(-1)?.contents).toContain("the number is 4711");
    expect((await said(path)).filter((text) => text === digestAnswer("the number is 4711"))).toHaveLength(1);
  }, DEADLINE_MS);
});
