/**
 * A program's own screen, as far as `attach` can see it: it has the alternate screen and a raw terminal, keeps what is
 * typed in a transcript of Claude Code's shape, and ends in every way there is. Lines: `say TEXT`, `exit N`, `crash`,
 * `mess` (leaves the terminal as it is), `stop` (Ctrl-Z).
 */
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const session = process.argv[process.argv.indexOf("--resume") + 1] ?? "none";
const folder = join(process.env["CLAUDE_CONFIG_DIR"] ?? join(process.env["HOME"] ?? "/", ".claude"), "projects/fake");
const transcript = join(folder, `${session}.jsonl`);
mkdirSync(folder, { recursive: true });

function keep(type: "user" | "assistant", text: string): void {
  const entry = {
    type,
    uuid: crypto.randomUUID(),
    sessionId: session,
    timestamp: new Date().toISOString(),
    message: { role: type, content: [{ type: "text", text }] },
  };
  appendFileSync(transcript, `${JSON.stringify(entry)}\n`);
}

process.stdin.setRawMode(true);
process.stdin.setEncoding("utf8");
process.stdout.write(`\u001b[?1049h\u001b[?25l\u001b[2J\u001b[HFAKE SCREEN of ${session}\r\n> `);

function leave(code: number): never {
  process.stdin.setRawMode(false);
  process.stdout.write("\u001b[?1049l\u001b[?25h");
  process.exit(code);
}

function run(line: string): void {
  const [command = "", ...rest] = line.trim().split(" ");
  if (command === "say") {
    keep("user", rest.join(" "));
    keep("assistant", `screen: ${rest.join(" ")}`);
    process.stdout.write(`screen: ${rest.join(" ")}\r\n> `);
  } else if (command === "exit") leave(Number(rest[0] ?? 0));
  else if (command === "mess") process.exit(0);
  else if (command === "crash") process.kill(process.pid, "SIGKILL");
  else if (command === "stop") process.kill(process.pid, "SIGSTOP");
}

let typed = "";
process.stdin.on("data", (chunk: unknown) => {
  for (const key of String(chunk)) {
    if (key === "\u0003") leave(130);
    if (key !== "\r" && key !== "\n") {
      typed += key;
      process.stdout.write(key);
      continue;
    }
    process.stdout.write("\r\n");
    run(typed);
    typed = "";
  }
});
