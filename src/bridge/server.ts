/**
 * The `opencode serve` process: started with a password that only its environment knows, ended with us. It is killed
 * even when we are: a shell waits for the end of a pipe that only our death or our word closes.
 */
import type { Clock } from "../lib/clock.ts";
import { createLineSplitter } from "../lib/ndjson.ts";
import { pause } from "../lib/wait.ts";

export interface ServerOptions {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly password: string;
  readonly startMs: number;
  readonly clock: Clock;
  /** What the server prints, for the run's stderr. */
  readonly onOutput: (text: string) => void;
}

export interface Server {
  readonly url: string;
  readonly pid: number;
  /** How it ended: "exit code 1", "SIGKILL". */
  readonly gone: Promise<string>;
  end(): Promise<void>;
}

export class ServerFailed extends Error {}

const TERM_MS = 2000;
const TAIL_CHARS = 1500;

/** `$1` = the server. The pipe ends when the bridge is gone, however it went; closing words are not needed. */
const WATCH = 'read -r _; kill -TERM "$1" 2>/dev/null; sleep 1; kill -KILL -- "-$1" "$1" 2>/dev/null';

export async function startServer({ argv, env, password, startMs, clock, onOutput }: ServerOptions): Promise<Server> {
  const child = spawn(argv, { ...env, OPENCODE_SERVER_PASSWORD: password });
  const watchdog = Bun.spawn(["/bin/sh", "-c", WATCH, "ah-opencode-watch", String(child.pid)], {
    env: { PATH: env["PATH"] ?? "/usr/bin:/bin" },
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  const gone = child.exited.then(() => {
    // First of all: the number of the server may be given to another process.
    watchdog.kill("SIGKILL");
    return child.signalCode === null ? `exit code ${child.exitCode}` : String(child.signalCode);
  });

  let tail = "";
  const listening = Promise.withResolvers<string>();
  const heard = (text: string): void => {
    tail = `${tail}${text}\n`.slice(-TAIL_CHARS);
    onOutput(`${text}\n`);
    const url = /listening on (http:\/\/[^\s\u0000-\u001f]+)/.exec(text)?.[1];
    if (url !== undefined) listening.resolve(url.replace(/\/$/, ""));
  };
  void readLines(child.stdout, heard);
  void readLines(child.stderr, heard);
  void gone.then(async (how) => {
    await pause(clock, 50); // its last words are still in the pipe
    listening.reject(
      new ServerFailed(`opencode serve ended before it listened (${how}): ${tail.trim() || "it said nothing"}`),
    );
  });
  const late = clock.setTimer(startMs, () =>
    listening.reject(
      new ServerFailed(`opencode serve did not listen within ${startMs} ms: ${tail.trim() || "it said nothing"}`),
    ),
  );

  async function end(): Promise<void> {
    child.kill("SIGTERM");
    const killing = clock.setTimer(TERM_MS, () => child.kill("SIGKILL"));
    await gone;
    killing.cancel();
  }

  try {
    return { url: await listening.promise, pid: child.pid, gone, end };
  } catch (error) {
    await end();
    throw error;
  } finally {
    late.cancel();
  }
}

function spawn(argv: readonly string[], env: Readonly<Record<string, string>>) {
  try {
    // A group of its own, so that the watchdog reaches what it started, too.
    return Bun.spawn([...argv], { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  } catch (error) {
    throw new ServerFailed(`cannot start ${argv[0]}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function readLines(stream: ReadableStream<Uint8Array>, onLine: (text: string) => void): Promise<void> {
  const splitter = createLineSplitter({ maxLineBytes: 64 * 1024 });
  try {
    for await (const bytes of stream)
      for (const line of splitter.push(bytes)) if (line.type === "line") onLine(line.text);
  } catch {
    // The pipe broke with its process, whose end is told by `gone`.
  }
}
