/**
 * A stand-in for the `openclaw` command: records argv and environment, then acts as the first line of the plan says.
 * `FAKE_OPENCLAW_DIR` holds `calls.jsonl` (one line a call) and `plan` (one word a line, used up from the top; none =
 * ok). Words: ok, down, wrong-token, old-node, no-agent, hang, fork (a child that ignores SIGTERM is left behind), deaf
 * (ignores SIGTERM itself), exit-7.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";

const dir = process.env["FAKE_OPENCLAW_DIR"] ?? "";
const argv = process.argv.slice(2);
const flag = (name: string): string | null => {
  const at = argv.indexOf(name);
  return at === -1 ? null : (argv[at + 1] ?? null);
};

if (argv[0] === "--version") {
  console.log("OpenClaw 2026.9.6 (fake)");
  process.exit(0);
}
const child = process.env["FAKE_OPENCLAW_CHILD"];
if (child !== undefined) {
  process.on("SIGTERM", () => {});
  writeFileSync(`${dir}/child.pid`, String(process.pid));
  setInterval(() => {}, 1000);
} else await main();

async function main(): Promise<void> {
  const word = nextWord();
  // Before it says that it was called: who waits for that may end it at once.
  if (word === "deaf") process.on("SIGTERM", () => {});
  const { text, mode } = { text: flag("--text"), mode: flag("--mode") };
  appendFileSync(
    `${dir}/calls.jsonl`,
    `${JSON.stringify({ argv, env: process.env, pid: process.pid, word, text, mode, sessionKey: flag("--session-key"), atMs: Date.now() })}\n`,
  );
  switch (word) {
    case "ok":
      return done(0, '{\n  "ok": true\n}\n', "[postinstall] a line that means nothing\n");
    case "down":
      return fail(
        "Gateway not reachable at ws://127.0.0.1:18789 (ECONNREFUSED).\nStart it with `openclaw gateway run`",
      );
    case "wrong-token":
      return fail("unauthorized: gateway token mismatch (use this gateway's gateway.auth.token or pair the device)");
    case "no-agent":
      return fail("Error: cron job agent is unavailable: ghost");
    case "old-node":
      return done(1, "", "openclaw: Node 20.20.2: node:sqlite is unavailable; use 24.16+/26.1+\n");
    case "exit-7":
      return done(7, "", "");
    case "fork": {
      // The launcher ends on SIGTERM, its child does not: the real launcher's child outlives a killed launcher too.
      spawn(process.execPath, [process.argv[1] ?? ""], {
        env: { ...process.env, FAKE_OPENCLAW_CHILD: "1" },
        stdio: "inherit",
      });
      return hang();
    }
    case "deaf":
    case "hang":
      return hang();
    default:
      return done(1, "", `unknown word in the plan: ${word}\n`);
  }
}

function nextWord(): string {
  const path = `${dir}/plan`;
  if (!existsSync(path)) return "ok";
  const [first, ...rest] = readFileSync(path, "utf8").split("\n").filter(Boolean);
  writeFileSync(`${path}.new`, rest.map((line) => `${line}\n`).join(""));
  renameSync(`${path}.new`, path);
  return first ?? "ok";
}

function fail(message: string): void {
  done(1, `${JSON.stringify({ ok: false, error: { type: "cli_error", message } }, null, 2)}\n`, `${message}\n`);
}

function done(code: number, stdout: string, stderr: string): void {
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = code;
}

function hang(): Promise<void> {
  return new Promise(() => {
    setInterval(() => {}, 1000);
  });
}
