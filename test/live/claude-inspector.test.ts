// file-timeout: 900 s
/** The real Claude Code from the page alone: a task, what it asks read whole and allowed, its answer read. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describeInBrowser } from "../browser/describe.ts";
import type { Stage } from "../browser/stage.ts";
import { openPage, openStage, sent } from "../browser/stage.ts";
import { installClaude } from "./claude.install.ts";
import { startAnthropicStub } from "./stub-anthropic.ts";

const installed = await installClaude(process.env);
if ("skip" in installed) console.log(`skipped: the real Claude Code: ${installed.skip}`);

describeInBrowser("the real Claude Code from the page alone", (browser) => {
  const stub = startAnthropicStub();
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage(
      { providers: { "claude-code": { command: "path" in installed ? installed.path : "claude" } } },
      { env: { ANTHROPIC_BASE_URL: stub.url, ANTHROPIC_API_KEY: "key-of-the-user", CLAUDE_CODE_MAX_RETRIES: "2" } },
    );
  });
  afterAll(async () => {
    await stage.close();
    stub.close();
  });

  test.skipIf("skip" in installed)("task, permission card with the whole command, allow, answer", async () => {
    const folder = join(stage.box.cwd, "hello");
    mkdirSync(folder);
    const mark = join(folder, "made-by-the-command");
    const command = `touch ${mark} && echo ${"a-long-argument-".repeat(30)}`;
    const task = `MODEL ${JSON.stringify([
      { tools: [{ name: "Bash", input: { command, description: "make the mark" } }] },
      { text: "The mark is made." },
    ])}`;
    const tab = await openPage(await browser(), stage);
    await tab.see("form", "Your first agent");
    await tab.click('[name="cwd"]');
    await tab.type(folder);
    await tab.click('[name="task"]');
    await tab.type(task);
    await tab.see(".options", "2."); // the program said its version
    await tab.click("button", "Start the agent");
    await tab.see(".card .code", command);
    expect(existsSync(mark)).toBe(false);
    await Bun.sleep(500);
    await tab.click(".card .primary");
    if ((await tab.look(`document.querySelector(".card .primary")?.textContent.includes("Allow") ?? false`)) === true) {
      // It was `Show the rest` before: what is long is read first.
      await Bun.sleep(800);
      if (!sent(tab).some(({ what }) => what.includes("/permissions/"))) await tab.click(".card .primary", "Allow");
    }
    await tab.see(".say", "The mark is made.");
    await tab.see(".head .status", "Done");
    expect(existsSync(mark)).toBe(true);
    expect(tab.complaints).toEqual([]);
  });
});
