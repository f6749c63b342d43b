/**
 * The README's command lines, taken out of the page and run as they stand, against the compiled programs and a fake
 * Claude Code.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startFakeDiscord } from "../fakes/discord.ts";
import { startFakeHook } from "../fakes/openclaw-hook.ts";
import { createApi, eventually } from "../support/api.ts";
import { FAKES } from "../support/binary.ts";
import type { Reader } from "../support/readme-shell.ts";
import { answersIn, firstAgent, newReader, shellOf, storyIn } from "../support/readme-shell.ts";
import { receiverBinary } from "./receiver-helpers.ts";
import { quietPort } from "../support/hook.ts";

/** What the fake does with the page's prompts. */
const SCRIPTS = {
  "Make a file hello.txt with one friendly line in it.": [
    { ask: "Write", input: { file_path: "hello.txt", content: "hi" }, result: "written" },
    { say: "hello.txt is there." },
  ],
  "Count to a million, one number a line.": [{ say: "1\n2\n3\n", gate: "/nonexistent/never" }],
};

let reader: Reader;
beforeEach(async () => {
  reader = newReader();
  reader.built("webhook-receiver", await receiverBinary());
  const scripts = join(reader.dir, "scripts.json");
  writeFileSync(scripts, JSON.stringify(SCRIPTS));
  reader.program(
    "claude",
    `export FAKE_SCRIPTS='${scripts}'\nexec '${process.execPath}' '${join(FAKES, "claude.ts")}' "$@"`,
  );
});
afterEach(() => reader.close());

test("the first agent: asks, is allowed, is aborted, and goes on after the death of daemon and program", async () => {
  const output = await reader.paste(firstAgent(), { AH_PORT: String(await quietPort()) });
  const { statuses, said } = storyIn(output);
  // Made; asked; done; aborted; resumed.
  expect(`${statuses.join(" ").replace("processing", "starting")}\n${output}`).toStartWith(
    "starting waiting_input idle idle idle\n",
  );
  const asked = answersIn(output).flatMap((each) => [...(each["permissions"] ?? [])]);
  expect(asked.map((each) => [String(each["id"]), String(each["title"])])).toEqual([["p1", "Write: hello.txt"]]);
  expect(said).toEqual(["hello.txt is there.", "echo: What did you write into hello.txt?"]);
  expect(output).toContain("provider claude-code");
  expect(output).toMatch(/"aborted":true/);
  // What curl was told of a daemon that still looks at what survived, before it asked again.
  expect(output.replaceAll(/^\{"error":"NOT_READY".*$/gm, "")).not.toContain('"error":');
}, 60_000);

test("from an agent to Discord and OpenClaw, with the two example configs", async () => {
  const discord = startFakeDiscord();
  const hook = startFakeHook();
  reader.program("openclaw", `exec '${process.execPath}' '${join(FAKES, "openclaw-cli.ts")}' "$@"`);
  try {
    const [port, receiverPort] = [await quietPort(), await quietPort()];
    // What a reader fills in, and the addresses that are not the real ones here.
    const put = new Map([
      [
        '"webhookUrl": "https://discord.com/api/webhooks/YOUR_ID/YOUR_TOKEN"',
        `"webhookUrl": "${discord.webhookUrl}", "allowOtherHost": true`,
      ],
      ['"hookToken": "YOUR_HOOK_TOKEN"', `"hookUrl": "${hook.url}", "hookToken": "${hook.token}"`],
      ["http://127.0.0.1:7071/", `http://127.0.0.1:${receiverPort}/`],
    ]);
    let script = shellOf("### To Discord and OpenClaw in five minutes", "## Security");
    for (const [from, to] of put) {
      expect(script).toContain(from);
      script = script.replace(from, to);
    }
    const done = join(reader.dir, "done");
    const run = reader.paste(`${script}\nuntil [ -e '${done}' ]; do sleep 0.1; done`, {
      AH_PORT: String(port),
      AH_RECEIVER_PORT: String(receiverPort),
    });
    await eventually(
      "the daemon's own test to be posted",
      () => discord.posts.some(({ payload }) => JSON.stringify(payload).includes("test of the webhook")),
      30_000,
    );
    // An agent's end takes the same way.
    const api = createApi(`http://127.0.0.1:${port}`);
    await api.post("/projects", { name: "hello", cwd: reader.home });
    await api.post("/projects/hello/agents", { provider: "claude-code", task: "say hi", name: "greeter" });
    await eventually("the agent's end to be posted", () =>
      discord.posts.some(({ content }) => content.includes("**greeter** completed")),
    );
    await eventually("the agent's end to wake the session", () =>
      hook.wakes.some(({ text }) => text.includes("greeter") && text.includes("echo: say hi")),
    );
    await api.call("DELETE", "/projects/hello?force=1");
    writeFileSync(done, "");
    const output = await run;
    expect(output).toContain("ok    openclaw: the hook takes our token");
    expect(output).not.toContain("FAIL");
    expect(existsSync(join(reader.home, ".config/agent-harness/webhook-token"))).toBe(true);
  } finally {
    discord.stop();
    hook.stop();
  }
}, 60_000);
