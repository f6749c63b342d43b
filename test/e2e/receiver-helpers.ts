/** Building and running the compiled webhook-receiver for the e2e tests. */
import { afterAll } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeSigningSecret, sign } from "../../src/lib/signature.ts";

const ROOT = join(import.meta.dir, "../..");
const BUILT = join(ROOT, "webhook-receiver");
/** As in the Makefile. */
const FLAGS = [
  "--compile",
  "--target=bun",
  "--minify",
  "--splitting",
  "--sourcemap=none",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--no-compile-autoload-tsconfig",
  "--no-compile-autoload-package-json",
];

let built: Promise<string> | undefined;
let buildDir: string | undefined;
afterAll(() => {
  if (buildDir !== undefined) rmSync(buildDir, { recursive: true, force: true });
});

/** `AH_TEST_RECEIVER`, else the one that `make build` left when it is newer than every source, else a fresh build. */
export function receiverBinary(): Promise<string> {
  const given = process.env["AH_TEST_RECEIVER"] ?? (isFresh(BUILT) ? BUILT : undefined);
  if (given !== undefined) return Promise.resolve(given);
  built ??= (async () => {
    const dir = mkdtempSync(join(tmpdir(), "ah-receiver-bin-"));
    buildDir = dir;
    const out = join(dir, "webhook-receiver");
    const build = Bun.spawn([process.execPath, "build", ...FLAGS, join(ROOT, "src/main.ts"), "--outfile", out], {
      stdout: "ignore",
      stderr: "pipe",
    });
    if ((await build.exited) !== 0) {
      throw new Error(`the receiver does not build: ${await new Response(build.stderr).text()}`);
    }
    return out;
  })();
  return built;
}

function isFresh(binary: string): boolean {
  const builtMs = statSync(binary, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = [...new Bun.Glob("**/*.ts").scanSync({ cwd: join(ROOT, "src"), absolute: true })];
  return sources.every((source) => (statSync(source, { throwIfNoEntry: false })?.mtimeMs ?? 0) < builtMs);
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it to its end. */
export async function runReceiver(
  args: readonly string[],
  { env = {}, cwd }: { env?: Record<string, string>; cwd?: string } = {},
): Promise<Finished> {
  const child = Bun.spawn([await receiverBinary(), ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, stdout, stderr };
}

export interface RunningReceiver {
  readonly url: string;
  readonly pid: number;
  /** All of stderr so far. */
  log(): string;
  /** Gives the exit code. */
  end(signal: NodeJS.Signals): Promise<number>;
  readonly exited: Promise<number>;
}

export interface Box {
  readonly dir: string;
  readonly configPath: string;
  /** `config` is laid over host, port 0 and stateDir. */
  configure(config: object): void;
  start(env?: Record<string, string>): Promise<RunningReceiver>;
  /** Kills what still runs and removes the folder. */
  close(): Promise<void>;
}

export function makeBox(): Box {
  const dir = mkdtempSync(join(tmpdir(), "ah-receiver-"));
  const configPath = join(dir, "receiver.json");
  const running = new Set<RunningReceiver>();
  return {
    dir,
    configPath,
    configure: (config) =>
      writeFileSync(configPath, JSON.stringify({ port: 0, stateDir: join(dir, "state"), ...config })),
    async start(env = {}) {
      const receiver = await startReceiver(configPath, { HOME: dir, ...env });
      running.add(receiver);
      void receiver.exited.then(() => running.delete(receiver));
      return receiver;
    },
    async close() {
      await Promise.all([...running].map((receiver) => receiver.end("SIGKILL")));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function startReceiver(configPath: string, env: Record<string, string>): Promise<RunningReceiver> {
  const child = Bun.spawn([await receiverBinary(), "--config", configPath], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH: process.env["PATH"] ?? "", ...env },
  });
  let log = "";
  let listens: (url: string) => void = () => {};
  let fails: (error: Error) => void = () => {};
  const url = new Promise<string>((resolve, reject) => ([listens, fails] = [resolve, reject]));
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) {
      log += decoder.decode(chunk, { stream: true });
      const found = /"msg":"webhook-receiver listens","url":"([^"]+)"/.exec(log)?.[1];
      if (found) listens(found);
    }
    fails(new Error(`the receiver ended before it listened: ${log}`));
  })();
  return {
    url: await url,
    pid: child.pid,
    log: () => log,
    end(signal) {
      child.kill(signal);
      return child.exited;
    },
    exited: child.exited,
  };
}

/** Waits until `test` gives something, and says what it waited for when it never does. */
export async function until<T>(what: string, test: () => T | Promise<T>, ms = 20_000): Promise<NonNullable<T>> {
  for (const end = Date.now() + ms; Date.now() < end;) {
    const value = await test();
    if (value) return value;
    await Bun.sleep(10);
  }
  throw new Error(`waited ${ms} ms for ${what}`);
}

export const event = {
  event: "agent_completed",
  project: "lumen",
  agentId: "a3f2b1c0",
  provider: "claude-code",
  status: "idle",
  lastMessage: "All tests pass.",
  timestamp: "2026-02-18T10:00:00.000Z",
};

export interface PostOptions {
  readonly id?: string;
  readonly token?: string;
  readonly secret?: string;
  readonly headers?: Record<string, string>;
}

/** A small sender: one signed webhook. */
export function postEvent(
  url: string,
  change: object = {},
  { id, token, secret, headers = {} }: PostOptions = {},
): Promise<Response> {
  const body = JSON.stringify({ ...event, ...change });
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const key = secret === undefined ? undefined : decodeSigningSecret(secret);
  return fetch(`${url}/harness-webhook`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...(id === undefined ? {} : { "webhook-id": id, "webhook-timestamp": String(timestampSeconds) }),
      ...(id === undefined || !key ? {} : { "webhook-signature": sign(key, { id, timestampSeconds, body }) }),
      ...headers,
    },
    body,
  });
}
