// file-timeout: 900 s
/** The real Claude Code behind the compiled daemon. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { ABILITIES } from "../provider/abilities.ts";
import { eventually } from "../support/api.ts";
import { installClaude } from "./claude.install.ts";
import { PATIENCE_MS } from "./patience.ts";
import { digestAnswer, startAnthropicStub } from "./stub-anthropic.ts";
import { liveSuite } from "./suite.ts";

const installed = await installClaude(process.env);
const stub = startAnthropicStub();
afterAll(() => stub.close());

const model = (...steps: readonly object[]): string => `MODEL ${JSON.stringify(steps)}`;
const bash = (command: string) => ({ tools: [{ name: "Bash", input: { command, description: "a command" } }] });

liveSuite(
  {
    title: "Claude Code",
    name: "claude-code",
    installed,
    settings: { command: "path" in installed ? installed.path : "claude" },
    env: { ANTHROPIC_BASE_URL: stub.url, ANTHROPIC_API_KEY: "key-of-the-user", CLAUDE_CODE_MAX_RETRIES: "2" },
    abilities: ABILITIES["claude-code"],
    ask: {
      say: (text, gate) => model({ text, chunks: 4, ...(gate === undefined ? {} : { gate }) }),
      run: (command, then) => model(bash(command), { text: then }),
      fail: (status, then) => model({ status, ...(then === undefined ? {} : { times: then.times, text: then.text }) }),
      question: (question, options, then) =>
        model(
          {
            tools: [
              {
                name: "AskUserQuestion",
                input: {
                  questions: [
                    {
                      question,
                      header: "H",
                      multiSelect: false,
                      options: options.map((label) => ({ label, description: "d" })),
                    },
                  ],
                },
              },
            ],
          },
          { text: then },
        ),
    },
    answerTo: digestAnswer,
    lastRequest: () => stub.requests.at(-1)?.conversation ?? "",
    unauthorized: /401|authenticat|API key/i,
    goesOnAfterDeny: true,
    tellsWhyDenied: true,
    tellsToolOutput: true,
    keepsGrants: true,
    longestInputBytes: 2_000_000,
  },
  ({ box, api, make }) => {
    test("a background sub-agent: idle only when it is done, its words are its own", async () => {
      const [gate, mark] = [`${box().dir}/gate-sub`, `${box().dir}/mark-sub`];
      const child = model({ text: "the child speaks", mark, gate });
      const agent = await make(
        model(
          { tools: [{ name: "Agent", input: { description: "a child", prompt: child, run_in_background: true } }] },
          { text: "parent first" },
          { text: "parent last" },
        ),
      );
      await eventually(
        "the sub-agent to work and its parent to have spoken",
        async () => existsSync(mark) && (await agent.said()).includes("parent first"),
        PATIENCE_MS,
      );
      expect(String((await api().get(agent.path))["agent"]?.["status"])).toBe("processing");
      writeFileSync(gate, "");
      await agent.reach("idle");
      expect(await agent.said()).toEqual(["parent first", "parent last"]);
      expect((await agent.outcomes()).every((each) => each === "completed")).toBe(true);
    });

    test.if(process.getuid?.() === 0)(
      'as root, permissions "allow" are refused with the cure in the message',
      async () => {
        const agent = await make("hi", { permissions: "allow" });
        expect(String((await agent.reach("exited"))["error"]?.["message"])).toContain("IS_SANDBOX");
      },
    );
  },
);
