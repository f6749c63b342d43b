// file-timeout: 1800 s
/** The real Claude Code's own screen, taken over and given back. */
import { afterAll } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { attachSuite } from "./attach-suite.ts";
import { installClaude } from "./claude.install.ts";
import { digestAnswer, startAnthropicStub } from "./stub-anthropic.ts";

const installed = await installClaude(process.env);
const stub = startAnthropicStub();
afterAll(() => stub.close());

const KEY = "key-of-the-user";

attachSuite({
  title: "Claude Code",
  name: "claude-code",
  installed,
  settings: { command: "path" in installed ? installed.path : "claude" },
  env: {
    ANTHROPIC_BASE_URL: stub.url,
    ANTHROPIC_API_KEY: KEY,
    CLAUDE_CODE_MAX_RETRIES: "2",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  },
  // What a person has answered once: the welcome, the key, the folder.
  prepare: (box) =>
    writeFileSync(
      join(box.home, ".claude.json"),
      JSON.stringify({
        hasCompletedOnboarding: true,
        customApiKeyResponses: { approved: [KEY.slice(-20)], rejected: [] },
        projects: { [box.cwd]: { hasTrustDialogAccepted: true } },
      }),
    ),
  listens: /❯[\s\S]*manual mode on/,
  async leave(pane) {
    pane.type("/exit");
    await pane.sees("/exit");
    await Bun.sleep(1500);
    pane.key("Enter");
  },
  answerTo: digestAnswer,
  lastRequest: () => stub.requests.at(-1)?.conversation ?? "",
});
