/** The real Claude Code behind the compiled daemon. */
import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { installClaude } from "./claude.install.ts";
import { digestAnswer, startAnthropicStub } from "./stub-anthropic.ts";
import { liveSuite } from "./suite.ts";

const installed = await installClaude(process.env);
const stub = startAnthropicStub();
afterAll(() => stub.close());

const model = (...steps: readonly object[]): string => `MODEL ${JSON.stringify(steps)}`;
const bash = (command: string) => ({ tools: [{ name: "Bash", input: { command, description: "a command" } }] });

liveSuite(
  {
    name: "claude-code",
    ...("skip" in installed ? { skip: installed.skip } : {}),
    settings: { command: "skip" in installed ? "claude" : installed.path },
    env: { ANTHROPIC_BASE_URL: stub.url, ANTHROPIC_API_KEY: "key-of-the-user", CLAUDE_CODE_MAX_RETRIES: "2" },
    ask: {
      say: (text, gate) => model({ text, chunks: 4, ...(gate === undefined ? {} : { gate }) }),
      run: (command, then) => model(bash(command), { text: then }),
      fail: (status, then) => model({ status, ...(then === undefined ? {} : { times: then.times, text: then.text }) }),
    },
    answerTo: digestAnswer,
    remembers: (text) => stub.requests.at(-1)?.conversation.includes(text) === true,
    can: { goesOnAfterDeny: true, retries: true, resumes: true, longestInput: 2_000_000 },
  },
  ({ box, api, make }) => {
    test("a question and a plan are put to a person and answered", async () => {
      const question = { questions: [{ question: "Which colour?", header: "Colour", multiSelect: false, options: [{ label: "Red", description: "r" }, { label: "Blue", description: "b" }] }] };
      const agent = await make(model({ tools: [{ name: "AskUserQuestion", input: question }] }, { text: "noted" }));
      await agent.reach("waiting_input", "error", "exited", "idle");
      const asked = await agent.pending();
      expect(String(asked["kind"])).toBe("question");
      await agent.answer(asked, "allow", { answers: { "Which colour?": "Blue" } });
      await agent.reach("idle", "error", "exited");
      expect((await agent.said()).at(-1)).toBe("noted");
    });

    test("529 is shown as retrying, still processing, and then recovers", async () => {
      const agent = await make(model({ status: 529, times: 2, text: "back again" }));
      await agent.reach("idle", "error", "exited");
      expect((await agent.said()).at(-1)).toBe("back again");
    });

    test("a background sub-agent: idle only when it is done, its words are its own", async () => {
      const gate = `${box().dir}/gate-sub`;
      const child = model({ text: "the child speaks", chunks: 2, gate });
      const agent = await make(model({ tools: [{ name: "Agent", input: { description: "a child", prompt: child, run_in_background: true } }] }, { text: "parent first" }, { text: "parent last" }));
      await agent.reach("processing", "idle");
      writeFileSync(gate, "");
      await agent.reach("idle", "error", "exited");
      expect((await agent.said()).includes("the child speaks")).toBe(false);
      expect((await agent.outcomes()).every((each) => each === "completed")).toBe(true);
    });

    test('as root, permissions "allow" are refused with the cure in the message', async () => {
      if (process.getuid?.() !== 0) return;
      const made = await api().call("POST", "/projects/p/agents", { provider: "claude-code", task: "hi", permissions: "allow" });
      const path = `/projects/p/agents/${made.body["agent"]?.["id"]}`;
      const waited = await api().get(`${path}/wait?until=exited,error&timeout=20`);
      expect(String(waited["agent"]?.["status"])).toBe("exited");
      expect(String(waited["agent"]?.["error"]?.["message"])).toContain("IS_SANDBOX");
    });
  },
);
