// file-timeout: 900 s
/** The real Claude Code behind its ACP adapter, an ACP agent behind the compiled daemon. */
import { afterAll } from "bun:test";
import { ABILITIES } from "../provider/abilities.ts";
import { installClaudeAcp } from "./claudeacp.install.ts";
import type { ModelStep } from "./stub-anthropic.ts";
import { digestAnswer, startAnthropicStub } from "./stub-anthropic.ts";
import { liveSuite } from "./suite.ts";

const installed = await installClaudeAcp(process.env);
const stub = startAnthropicStub();
afterAll(() => stub.close());

const model = (...steps: readonly ModelStep[]): string => `MODEL ${JSON.stringify(steps)}`;
const bash = (command: string) => [{ name: "Bash", input: { command, description: "a command" } }];

liveSuite({
  title: "Claude Code over ACP",
  name: "claude-acp",
  installed,
  settings: {
    kind: "acp",
    command: "command" in installed ? installed.command : "claude-agent-acp",
    env: { ANTHROPIC_BASE_URL: stub.url, ANTHROPIC_API_KEY: "key-of-the-user", CLAUDE_CODE_MAX_RETRIES: "2" },
  },
  env: {},
  // Its "always" is written into the project's settings.
  abilities: { ...ABILITIES.acp, allowAlways: false },
  ask: {
    say: (text, gate) => model({ text, chunks: 4, ...(gate === undefined ? {} : { gate }) }),
    run: (command, then) => model({ tools: bash(command) }, { text: then }),
    fail: (status, then) => model({ status, ...(then === undefined ? {} : { times: then.times, text: then.text }) }),
  },
  answerTo: digestAnswer,
  lastRequest: () => stub.requests.at(-1)?.conversation ?? "",
  unauthorized: /401|authenticat|API key/i,
  goesOnAfterDeny: true,
  tellsWhyDenied: false,
  tellsToolOutput: true,
  keepsGrants: false,
  longestInputBytes: 1_000_000,
});
