/** A real terminal for tests: a tmux of its own with a shell in it. Where there is no tmux it is installed, or said. */
import { existsSync } from "node:fs";
import { eventually } from "./api.ts";

export interface Pane {
  /** Text as it is typed, without Enter. */
  type(text: string): void;
  /** Keys by their tmux names: `Enter`, `C-c`, `C-z`. */
  key(...names: string[]): void;
  line(text: string): void;
  resize(columns: number, rows: number): void;
  /** What is on the screen, without empty lines at the end. */
  screen(): string;
  /** Waits until it holds the text, or fits the pattern. */
  sees(what: string | RegExp, limitMs?: number): Promise<string>;
  close(): void;
}

/** Installed where we may; "skipped: …" is said where it cannot be had. */
export function haveTool(name: string): boolean {
  if (Bun.which(name) !== null) return true;
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    Bun.spawnSync(["apt-get", "install", "-y", "-q", name], {
      stdout: "ignore",
      stderr: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      timeout: 240_000,
    });
  }
  if (Bun.which(name) !== null) return true;
  console.log(`skipped: ${name} is not here and cannot be installed`);
  return false;
}

let panes = 0;

export function openPane(env: Record<string, string>, cwd: string, columns = 100, rows = 30): Pane {
  const socket = `ah-${process.pid}-${++panes}`;
  const tmux = (...args: string[]): string => {
    const done = Bun.spawnSync(["tmux", "-L", socket, "-f", "/dev/null", ...args], {
      env: { PATH: process.env["PATH"] ?? "", TERM: "xterm-256color", HOME: "/nonexistent", LANG: "C.UTF-8" },
    });
    if (done.exitCode !== 0) throw new Error(`tmux ${args.join(" ")}: ${done.stderr.toString()}`);
    return done.stdout.toString();
  };
  const variables = Object.entries({ ...env, TERM: "screen-256color", LANG: "C.UTF-8", PS1: "$ " });
  tmux(
    ...["new-session", "-d", "-x", String(columns), "-y", String(rows), "-c", cwd],
    ...["env", "-i", ...variables.map(([name, value]) => `${name}=${value}`), "bash", "--norc", "--noprofile", "-i"],
  );
  const screen = (): string => tmux("capture-pane", "-p").replace(/\s+$/, "");
  return {
    screen,
    type: (text) => void tmux("send-keys", "-l", text),
    key: (...names) => void tmux("send-keys", ...names),
    line(text) {
      tmux("send-keys", "-l", text);
      tmux("send-keys", "Enter");
    },
    resize: (x, y) => void tmux("resize-window", "-x", String(x), "-y", String(y)),
    async sees(what, limitMs = 20_000) {
      let last = "";
      try {
        return await eventually(
          "the screen",
          () => {
            last = screen();
            return (typeof what === "string" ? last.includes(what) : what.test(last)) ? last : null;
          },
          limitMs,
        );
      } catch {
        throw new Error(`never saw ${String(what)} on:\n${last}`);
      }
    },
    close() {
      Bun.spawnSync(["tmux", "-L", socket, "kill-server"]);
    },
  };
}
