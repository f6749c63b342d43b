/**
 * `make demo` as a new user sees it: with and without a Claude Code, to its end and cut short. It leaves nothing
 * behind.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import { FAKES } from "../support/binary.ts";
import { processesNaming } from "../support/leftovers.ts";

const TASK = "Write one friendly line into a new file hello.txt here, then tell in one short sentence what you did.";
const DEMO = join(import.meta.dir, "../demo.ts");
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ah-demo-test-"));
  for (const name of ["bin", "home", "tmp"]) mkdirSync(join(dir, name));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs it with nothing in PATH but the system's own programs and `claude`, a shell script, where one is given. */
function demo(claude?: string) {
  if (claude !== undefined) {
    writeFileSync(join(dir, "bin/claude"), `#!/bin/sh\n${claude}\n`);
    chmodSync(join(dir, "bin/claude"), 0o755);
  }
  const env = {
    PATH: `${join(dir, "bin")}:/usr/bin:/bin`,
    HOME: join(dir, "home"),
    TMPDIR: join(dir, "tmp"),
    AH_PORT: "1",
    AH_STATE_DIR: "/nonexistent",
  };
  const child = Bun.spawn([process.execPath, DEMO], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  let text = "";
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  };
  const done = Promise.all([read(child.stdout), read(child.stderr)]);
  return {
    child,
    text: () => text,
    async exit() {
      const code = await child.exited;
      await done;
      return code;
    },
  };
}

/** Whatever still carries the demo's folder in its environment. */
function leftOver(): string[] {
  return [...readdirSync(join(dir, "tmp")), ...processesNaming(`=${dir}/tmp/`).map(String)];
}

test("without any agent installed: one turn over the death of the daemon, and the webhook on its way to both ends", async () => {
  const run = demo();
  const code = await run.exit();
  expect(`${code} ${run.text()}`).toStartWith("0 ");
  const begun = ["listens on", "killed with SIGKILL", "started again"];
  // The stream and the webhook come by ways of their own.
  for (const told of ["processing → idle", "agent_completed arrived"]) {
    const places = [...begun, told, "would show"].map((words) => run.text().indexOf(words));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  }
  expect(run.text().match(/message +I was asked/g)).toHaveLength(1);
  expect(leftOver()).toEqual([]);
}, 60_000);

test("with a Claude Code that answers it is the agent; with one that does not, the script steps in", async () => {
  const answering = demo(`exec '${process.execPath}' '${join(FAKES, "claude.ts")}' "$@"`);
  expect(`${await answering.exit()} ${answering.text()}`).toStartWith("0 ");
  expect(answering.text()).toMatch(/message +echo: Write one friendly line/);
  const broken = demo(`[ "$1" = --version ] && echo "2.1.330 (Claude Code)" && exit 0\necho "no good" >&2\nexit 1`);
  expect(`${await broken.exit()} ${broken.text()}`).toStartWith("0 ");
  expect(broken.text()).toMatch(/Claude Code cannot be used \(.*no good/);
  expect(broken.text()).toContain("helper** completed");
  writeFileSync(
    join(dir, "scripts.json"),
    JSON.stringify({ [TASK]: [{ fail: "authentication_failed", message: "Not logged in" }] }),
  );
  const silent = demo(
    `export FAKE_SCRIPTS='${join(dir, "scripts.json")}'\nexec '${process.execPath}' '${join(FAKES, "claude.ts")}' "$@"`,
  );
  expect(`${await silent.exit()} ${silent.text()}`).toStartWith("0 ");
  expect(silent.text()).toContain("did not answer");
  expect(silent.text()).toContain("helper** completed");
  expect(leftOver()).toEqual([]);
}, 60_000);

test("Ctrl-C in the middle of the turn ends the agent, both programs and the folder", async () => {
  const run = demo();
  await eventually("the agent to speak", () => run.text().includes("says"));
  run.child.kill("SIGINT");
  expect(await run.exit()).toBe(130);
  expect(readdirSync(join(dir, "tmp"))).toEqual([]);
  // They are killed by then, and need the processor once more to be gone.
  await eventually("its processes to end", () => leftOver().length === 0);
}, 60_000);
