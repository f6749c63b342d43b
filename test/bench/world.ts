/** What all measurements share: the programs, a folder, and processes that end with us. */
import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endProcessesNaming } from "../support/leftovers.ts";
import type { Claim } from "./row.ts";

export interface World {
  /** Empty, removed at the end, on the disk whose fsync was measured. */
  readonly dir: string;
  readonly bun: string;
  /** As the Makefile gives them to `bun build`. */
  readonly compileFlags: readonly string[];
  readonly harness: string;
  readonly receiver: string;
  readonly hello: string;
  /** Starts a program and waits for its first line, which must hold a URL. */
  serve(argv: readonly string[]): Promise<Served>;
  /** Starts a program that is known to serve there; the caller waits until it does. */
  start(argv: readonly string[], url: string): Served;
  /** A new folder below `dir`. */
  folder(name: string): string;
  close(): void;
}

export interface Served {
  readonly url: string;
  readonly pid: number;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** One measurement: some lines of the table. Throws when it cannot be made; says why when it makes no sense here. */
export type Measurement = (world: World) => Promise<readonly (Claim | Skipped)[]>;

export interface Skipped {
  readonly what: string;
  readonly must: string;
  readonly skipped: string;
}

const ROOT = join(import.meta.dir, "../..");

export async function openWorld(compileFlags: readonly string[]): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), "ah-bench-"));
  const children = new Set<Bun.Subprocess>();
  const hello = join(dir, "hello");
  await run([process.execPath, "build", ...compileFlags, join(import.meta.dir, "hello.ts"), "--outfile", hello], dir);
  const spawn = (argv: readonly string[]) => {
    const env = { PATH: process.env["PATH"] ?? "", HOME: dir };
    const child = Bun.spawn([...argv], { cwd: dir, env, stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    children.add(child);
    return child;
  };
  const served = (child: Bun.Subprocess, url: string): Served => ({
    url,
    pid: child.pid,
    async kill(signal = "SIGKILL") {
      child.kill(signal);
      await child.exited;
      children.delete(child);
    },
  });
  return {
    dir,
    bun: process.execPath,
    compileFlags,
    harness: process.env["AH_TEST_BIN"] ?? join(ROOT, "agent-harness"),
    receiver: process.env["AH_TEST_RECEIVER"] ?? join(ROOT, "webhook-receiver"),
    hello,
    async serve(argv) {
      const child = spawn(argv);
      const url = /http:\/\/\S+/.exec(await firstLine(child.stdout))?.[0];
      if (url === undefined) throw new Error(`${argv.join(" ")} did not start`);
      return served(child, url);
    },
    start: (argv, url) => served(spawn(argv), url),
    folder: (name) => mkdtempSync(join(dir, `${name}-`)),
    close() {
      for (const child of children) child.kill("SIGKILL");
      endProcessesNaming(dir); // it is their HOME
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/**
 * For programs that want a number instead of 0. Below the ports that the kernel gives to clients: one that polls such a
 * port before anybody listens may be connected to itself.
 */
export function freePort(): number {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    try {
      Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
      return port;
    } catch {
      // taken: another one
    }
  }
}

/** Runs a program to its good end. */
export async function run(argv: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn([...argv], { cwd, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const errors = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")}: ${errors}`);
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes("\n")) break;
  }
  return text;
}
