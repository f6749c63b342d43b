/** A real OpenClaw gateway on loopback with a stub model: its own home, hooks on, no channels. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDead, listProcesses } from "../../src/process/proc.ts";

export interface GatewaySetup {
  readonly command: readonly [string, string];
  readonly home: string;
  readonly port: number;
  /** Of the chat-completions stub. */
  readonly modelUrl: string;
}

export const GATEWAY_TOKEN = "live-gateway-token";
export const HOOK_TOKEN = "live-hook-token";

/** What both the gateway and the `openclaw` command need to find their config. */
export function openclawEnv({ command, home }: Pick<GatewaySetup, "command" | "home">): Record<string, string> {
  const bin = command[0].slice(0, command[0].lastIndexOf("/"));
  return {
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: home,
    OPENCLAW_STATE_DIR: join(home, ".openclaw"),
    OPENCLAW_SKIP_CHANNELS: "1",
  };
}

export function writeOpenclawHome({ home, port, modelUrl }: GatewaySetup): void {
  mkdirSync(join(home, ".openclaw"), { recursive: true });
  mkdirSync(join(home, "workspace"), { recursive: true });
  const model = {
    id: "stub-model",
    name: "stub",
    reasoning: false,
    input: ["text"],
    cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    contextWindow: 200_000,
    maxTokens: 8192,
  };
  const config = {
    gateway: { mode: "local", port, bind: "loopback", auth: { mode: "token", token: GATEWAY_TOKEN } },
    hooks: { enabled: true, token: HOOK_TOKEN },
    update: { checkOnStart: false },
    logging: { file: join(home, "gateway.log") },
    agents: {
      defaults: { workspace: join(home, "workspace"), skipBootstrap: true, model: { primary: "stub/stub-model" } },
    },
    models: {
      mode: "replace",
      providers: { stub: { baseUrl: modelUrl, apiKey: "none", api: "openai-completions", models: [model] } },
    },
  };
  writeFileSync(join(home, ".openclaw", "openclaw.json"), JSON.stringify(config));
}

export interface Gateway {
  /** Resolves when it takes wakes; rejects with its output when it ends before. */
  readonly ready: Promise<void>;
  /** Kills it with everything it started. */
  kill(): Promise<void>;
}

export function startGateway(setup: GatewaySetup): Gateway {
  const child = Bun.spawn([...setup.command, "gateway", "run"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: openclawEnv(setup),
    cwd: setup.home,
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    void (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) output += decoder.decode(chunk, { stream: true });
    })();
  }
  const ready = (async () => {
    for (const until = Date.now() + 120_000; Date.now() < until; await Bun.sleep(200)) {
      if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}: ${output.slice(-2000)}`);
      const response = await fetch(`http://127.0.0.1:${setup.port}/readyz`).catch(() => null);
      if (response?.ok) return;
    }
    throw new Error(`the gateway was not ready in 2 minutes: ${output.slice(-2000)}`);
  })();
  ready.catch(() => {});
  return {
    ready,
    async kill() {
      for (const { pid, session } of listProcesses().filter((info) => !isDead(info))) {
        if (session === child.pid) process.kill(pid, "SIGKILL");
      }
      await child.exited;
    },
  };
}
