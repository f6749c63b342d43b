/**
 * The daemon inside the test process, on a port of its own and with a state directory of its own; it can be restarted.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadHarnessConfig } from "../../src/config/harness.ts";
import type { Daemon } from "../../src/daemon.ts";
import { startDaemon } from "../../src/daemon.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/log.ts";
import type { Api } from "./api.ts";
import { createApi } from "./api.ts";

export interface TestDaemon {
  readonly dir: string;
  readonly cwd: string;
  readonly home: string;
  readonly logs: string[];
  api(): Api;
  /** A graceful stop and a new daemon on the same state; agents go on meanwhile. */
  restart(between?: () => Promise<void> | void): Promise<void>;
  /** Deletes every agent, stops, and removes the folder. */
  close(): Promise<void>;
}

/** `config` is what would stand in the file; `clock`: what this daemon takes for the time. */
export async function testDaemon(
  config: Record<string, unknown> = {},
  extraEnv: Record<string, string> = {},
  clock: Clock = systemClock,
): Promise<TestDaemon> {
  const dir = mkdtempSync(join(tmpdir(), "ah-test-"));
  const cwd = join(dir, "project");
  const home = join(dir, "home");
  for (const each of [cwd, home]) mkdirSync(each);
  const file = join(dir, "harness.json");
  await Bun.write(file, JSON.stringify({ port: 0, stateDir: join(dir, "state"), logLevel: "debug", ...config }));
  const env = { PATH: process.env["PATH"] ?? "", HOME: home, ...extraEnv };
  const logs: string[] = [];
  const log = createLogger({ level: "debug", write: (line) => void logs.push(line), clock });
  const start = async (): Promise<Daemon> => {
    const loaded = loadHarnessConfig({ path: file, env });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    return startDaemon({ config: loaded.value, env, log, clock });
  };
  let daemon = await start();
  let api = createApi(daemon.url);
  let closed = false;
  return {
    dir,
    cwd,
    home,
    logs,
    api: () => api,
    async restart(between) {
      await daemon.stop();
      await between?.();
      daemon = await start();
      api = createApi(daemon.url);
    },
    async close() {
      if (closed) return;
      closed = true;
      const { agents } = await api.get("/agents?limit=1000");
      await Promise.all(
        [...(agents ?? [])].map((agent) =>
          api.call("DELETE", `/projects/${agent["project"]}/agents/${agent["id"]}?discard=1`),
        ),
      );
      await daemon.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
