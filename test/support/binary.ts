/**
 * The compiled daemon as a user runs it: its own process, its own state directory, killed and started again at will.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Api } from "./api.ts";
import { createApi, eventually } from "./api.ts";

export const BINARY = process.env["AH_TEST_BIN"] ?? join(import.meta.dir, "../../agent-harness");
export const FAKES = join(import.meta.dir, "../fakes");

export interface Box {
  readonly dir: string;
  readonly cwd: string;
  readonly home: string;
  readonly stateDir: string;
  readonly configFile: string;
  readonly env: Record<string, string>;
  /** Starts the daemon and waits until it is ready; `binary`: by another name of it. */
  start(extraEnv?: Record<string, string>, binary?: string): Promise<Api>;
  /** Starts it without waiting: it may die by itself. */
  launch(extraEnv?: Record<string, string>, binary?: string): Bun.Subprocess<"ignore", "pipe", "pipe">;
  api(): Api;
  pid(): number;
  /** Resolves when the daemon is gone. */
  kill(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resolves when the daemon has ended by itself. */
  exited(): Promise<void>;
  stderr(): string;
  /** Pids of living processes whose environment names an agent of this box. */
  agentProcesses(): number[];
  close(): Promise<void>;
}

/** With a `token` the daemon asks for it, and the box's own client sends it. */
export async function makeBox(
  config: Record<string, unknown> = {},
  extraEnv: Record<string, string> = {},
  token?: string,
): Promise<Box> {
  if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there: run make build first`);
  const dir = mkdtempSync(join(tmpdir(), "ah-e2e-"));
  const [cwd, home, stateDir] = [join(dir, "project"), join(dir, "home"), join(dir, "state")] as const;
  for (const each of [cwd, home]) mkdirSync(each);
  const configFile = join(dir, "harness.json");
  await Bun.write(
    configFile,
    JSON.stringify({ port: 0, stateDir, ...(token === undefined ? {} : { auth: { token } }), ...config }),
  );
  const env: Record<string, string> = { PATH: process.env["PATH"] ?? "", HOME: home, ...extraEnv };
  let child: Bun.Subprocess<"ignore", "pipe", "pipe"> | null = null;
  let api: Api | null = null;
  let errors = "";

  const launch = (more: Record<string, string> = {}, binary = BINARY) => {
    const started = Bun.spawn([binary, "serve", "--config", configFile], {
      cwd: dir,
      env: { ...env, ...more },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    child = started;
    void (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of started.stderr) errors += decoder.decode(chunk, { stream: true });
    })();
    return started;
  };

  return {
    dir,
    cwd,
    home,
    stateDir,
    configFile,
    env,
    launch,
    async start(more, binary) {
      const started = launch(more, binary);
      const line = await firstLine(started.stdout);
      const url = /http:\/\/\S+/.exec(line)?.[0];
      if (url === undefined) throw new Error(`the daemon did not start: ${line} ${errors}`);
      api = createApi(url, token === undefined ? {} : { authorization: `Bearer ${token}` });
      return api;
    },
    api() {
      if (api === null) throw new Error("not started");
      return api;
    },
    pid: () => child?.pid ?? 0,
    async kill(signal = "SIGKILL") {
      child?.kill(signal);
      await child?.exited;
      return child?.exitCode ?? null;
    },
    exited: async () => void (await child?.exited),
    stderr: () => errors,
    agentProcesses: () => processesWith(`AH_PROJECT=`, dir),
    async close() {
      if (child !== null && child.exitCode === null && child.signalCode === null && api !== null) {
        const { agents } = await api.get("/agents?limit=1000");
        await Promise.all(
          [...(agents ?? [])].map((agent) =>
            api?.call("DELETE", `/projects/${agent["project"]}/agents/${agent["id"]}?discard=1`),
          ),
        );
      }
      child?.kill("SIGKILL");
      await child?.exited;
      for (const pid of processesWith("AH_PROJECT=", dir)) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // gone meanwhile
        }
      }
      await eventually("the box's processes to end", () => processesWith("AH_PROJECT=", dir).length === 0);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Living processes with such a variable whose folder, files or environment lie in `dir`. */
function processesWith(variable: string, dir: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const environment = readFileSync(`/proc/${name}/environ`, "latin1");
      const state = readFileSync(`/proc/${name}/stat`, "latin1").split(") ")[1]?.[0];
      if (state !== "Z" && environment.includes(variable) && environment.includes(dir)) found.push(Number(name));
    } catch {
      // not ours to read, or gone
    }
  }
  return found;
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
