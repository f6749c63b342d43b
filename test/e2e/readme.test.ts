/** The README's command lines, taken out of the page and run as they stand, by a shell, against the compiled programs. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFakeDiscord } from "../fakes/discord.ts";
import { startFakeHook } from "../fakes/openclaw-hook.ts";
import type { Json } from "../support/api.ts";
import { createApi, eventually } from "../support/api.ts";
import { BINARY, FAKES } from "../support/binary.ts";
import { README } from "../support/readme.ts";
import { receiverBinary } from "./receiver-helpers.ts";

const readme = readFileSync(README, "utf8");
let dir: string;

/** What the fake Claude Code does with the page's prompts. */
const SCRIPTS = {
  "Make a file hello.txt with one friendly line in it.": [{ ask: "Write", input: { file_path: "hello.txt", content: "hi" }, result: "written" }, { say: "hello.txt is there." }],
  "Count to a million, one number a line.": [{ say: "1\n2\n3\n", gate: "/nonexistent/never" }],
};

function program(name: string, script: string): void {
  writeFileSync(join(dir, "bin", name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(dir, "bin", name), 0o755);
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "ah-readme-"));
  for (const name of ["home", "bin", "clone"]) mkdirSync(join(dir, name));
  // The folder in which `make build` leaves the programs.
  symlinkSync(BINARY, join(dir, "clone/agent-harness"));
  symlinkSync(await receiverBinary(), join(dir, "clone/webhook-receiver"));
  const scripts = join(dir, "scripts.json");
  writeFileSync(scripts, JSON.stringify(SCRIPTS));
  program("claude", `export FAKE_SCRIPTS='${scripts}'\nexec '${process.execPath}' '${join(FAKES, "claude.ts")}' "$@"`);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** The `sh` blocks from one heading to another, one after the other, as a reader would paste them. */
function shellOf(from: string, to: string): string {
  const text = readme.slice(readme.indexOf(`\n${from}\n`), readme.indexOf(`\n${to}\n`));
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, body]) => body).join("");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Runs it in the clone, ends what it started, and gives what each line printed after the `+ line` of `set -x`. */
async function paste(script: string, env: Record<string, string>): Promise<string> {
  const shell = Bun.spawn(["bash", "-x", "-c", `exec 2>&1\n${script}\nkill $(jobs -p)\nwait`], {
    cwd: join(dir, "clone"), stdin: "ignore", stdout: "pipe",
    env: { PATH: `${join(dir, "bin")}:/usr/bin:/bin`, HOME: join(dir, "home"), ...env },
  });
  const text = await new Response(shell.stdout).text();
  await shell.exited;
  return text;
}

/** The JSON values that were printed, in order. */
function printed(output: string): Json[] {
  return output.split("\n").flatMap((line) => {
    // `set -x` goes on the same line when the answer before it had no end of line.
    const json = /\{"(?:project|agent|permissions?|message|input|status|delivery)":.*\}/.exec(line.replace(/\++ (curl|grep|head|cut) .*$/, ""))?.[0];
    return json === undefined ? [] : [JSON.parse(json) as Json];
  });
}

test("the first agent: asks, is allowed, is aborted, and goes on after the death of daemon and program", async () => {
  const port = await freePort();
  const script = shellOf("## First agent", "### Any command as an agent");
  // The reader's last line of that section.
  const tidy = /`(curl -s -X DELETE [^`]*)`/.exec(readme)?.[1] ?? "";
  const output = await paste(`${script}\n${tidy}`, { AH_PORT: String(port), AH_STATE_DIR: join(dir, "state") });

  const answers = printed(output);
  const statuses = answers.flatMap((each) => (each["agent"] === undefined || each["agent"]["status"] === undefined ? [] : [String(each["agent"]["status"])]));
  // Made; asked; done; aborted; resumed.
  expect(`${statuses.slice(1)}\n${output}`).toStartWith("waiting_input,idle,idle,idle\n");
  expect(["starting", "processing"]).toContain(statuses[0] ?? "");
  const asked = answers.find((each) => each["permissions"] !== undefined)?.["permissions"];
  expect([...(asked ?? [])].map((each) => [String(each["id"]), String(each["title"])])).toEqual([["p1", "Write: hello.txt"]]);
  const last = answers.flatMap((each) => (each["message"] === undefined ? [] : [String(each["message"]["text"])]));
  expect(last).toEqual(["hello.txt is there.", "echo: What did you write into hello.txt?"]);
  expect(output).toContain("provider claude-code");
  expect(output).toMatch(/"aborted":true/);
  expect(output).not.toContain('"error":');
}, 60_000);

test("from an agent to Discord and OpenClaw, with the two example configs", async () => {
  const discord = startFakeDiscord();
  const hook = startFakeHook();
  program("openclaw", `exec '${process.execPath}' '${join(FAKES, "openclaw-cli.ts")}' "$@"`);
  try {
    const [port, receiverPort] = [await freePort(), await freePort()];
    // What a reader fills in, and the addresses that are not the real ones here.
    const put = new Map([
      ['"webhookUrl": "https://discord.com/api/webhooks/YOUR_ID/YOUR_TOKEN"', `"webhookUrl": "${discord.webhookUrl}", "allowOtherHost": true`],
      ['"hookToken": "YOUR_HOOK_TOKEN"', `"hookUrl": "${hook.url}", "hookToken": "${hook.token}"`],
      ["http://127.0.0.1:7071/", `http://127.0.0.1:${receiverPort}/`],
    ]);
    let script = shellOf("### To Discord and OpenClaw in five minutes", "## Security");
    for (const [from, to] of put) {
      expect(script).toContain(from);
      script = script.replace(from, to);
    }
    const run = paste(`${script}\nuntil [ -e '${join(dir, "done")}' ]; do sleep 0.1; done`, {
      AH_PORT: String(port), AH_RECEIVER_PORT: String(receiverPort), AH_STATE_DIR: join(dir, "state"),
    });
    await eventually("the event of the daemon's own test to be posted", () => discord.posts.some(({ payload }) => JSON.stringify(payload).includes("test of the webhook")), 30_000);
    // An agent's end takes the same way.
    const api = createApi(`http://127.0.0.1:${port}`);
    await api.post("/projects", { name: "hello", cwd: join(dir, "home") });
    await api.post("/projects/hello/agents", { provider: "claude-code", task: "say hi", name: "greeter" });
    await eventually("the agent's end to be posted", () => discord.posts.some(({ content }) => content.includes("**greeter** completed")));
    await eventually("the agent's end to wake the session", () => hook.wakes.some(({ text }) => text.includes("greeter") && text.includes("echo: say hi")));
    writeFileSync(join(dir, "done"), "");
    const output = await run;
    expect(output).toContain("ok    openclaw: the hook takes our token");
    expect(output).not.toContain("FAIL");
    expect(existsSync(join(dir, "home/.config/agent-harness/webhook-token"))).toBe(true);
  } finally {
    discord.stop();
    hook.stop();
  }
}, 60_000);
