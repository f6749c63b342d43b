/**
 * Flags and names that end a program which does not know them. Looked at: every flag that each launch and each screen
 * passes, in the oldest and the newest version at hand (Claude Code 2.1.268 and 2.1.332, Codex 0.139.0 and 0.169.0,
 * OpenCode 1.18.3 and 1.18.33, Pi 0.87.1; an ACP agent or a command is started with its own command line and nothing
 * else), the features of Codex, and the flags that the receiver gives to OpenClaw and we to git, `du`, `fallocate` and
 * `systemctl`. Found: the names of Codex's features, which are settings now (see `unit/providers/codex`), and its
 * screen's `--no-daemon`, which is passed only where its help names it.
 */
import { afterAll, afterEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratchDir } from "../fakes/codec-loop.ts";
import { testDaemon, type TestDaemon } from "../support/daemon.ts";

const FAKE = join(import.meta.dir, "../fakes/codex.ts");
const dir = scratchDir("unknown-flags");
let daemon: TestDaemon;
afterEach(() => daemon.close());
afterAll(() => dir.remove());

/** What `attach` starts, where `codex resume --help` does this. */
async function screenWhere(help: string): Promise<string> {
  const program = join(dir.path, "codex");
  const script = `#!/bin/sh\n[ "$1 $2" = "resume --help" ] && { ${help}; }\nexec '${process.execPath}' '${FAKE}' "$@"\n`;
  writeFileSync(program, script, { mode: 0o755 });
  daemon = await testDaemon({ providers: { codex: { kind: "codex", command: [program] } } });
  const api = daemon.api();
  await api.post("/projects", { name: "p", cwd: daemon.cwd });
  const { agent } = await api.post("/projects/p/agents", { provider: "codex", task: "hello" });
  const path = `/projects/p/agents/${String(agent?.["id"])}`;
  await api.get(`${path}/wait?until=idle`);
  const { screen } = await api.get(`${path}/attach`);
  return JSON.stringify(screen);
}

test.each([
  ["names it", "echo '  --no-daemon  Run alone'; exit 0", true],
  ["does not know it", "echo '  --no-alt-screen'; exit 0", false],
  ["cannot be had", "exit 2", true],
])(
  "the screen of Codex is told to stay alone where its help %s",
  async (_, help, told) => {
    const screen = await screenWhere(help);
    expect(screen).toContain('"resume"');
    expect(screen.includes("--no-daemon")).toBe(told);
  },
  60_000,
);
