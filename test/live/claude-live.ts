/**
 * What the live tests of Claude Code share: the installed program, one stub, a config folder of its own for each test.
 */
import { afterAll, afterEach, beforeEach } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { claudeCodec, type ClaudeState } from "../../src/providers/claude-code/codec.ts";
import type { LaunchContext, StartContext } from "../../src/providers/contract.ts";
import { type CodecLoop, runCodec, scratchDir } from "../fakes/codec-loop.ts";
import { installClaude } from "./claude.install.ts";
import { describeReal } from "./install.ts";
import { PATIENCE_MS } from "./patience.ts";
import { type ModelStep, startAnthropicStub } from "./stub-anthropic.ts";

export const installed = await installClaude(process.env);
export const real = describeReal("Claude Code", installed);

export function model(...steps: readonly ModelStep[]): string {
  return `MODEL ${JSON.stringify(steps)}`;
}

export function bash(command: string, more: Record<string, unknown> = {}): ModelStep {
  return { tools: [{ name: "Bash", input: { command, description: "a command", ...more } }] };
}

export interface Live {
  readonly stub: ReturnType<typeof startAnthropicStub>;
  /** The project's folder. */
  readonly cwd: () => string;
  readonly config: () => string;
  path(name: string): string;
  run(
    launch?: Partial<LaunchContext>,
    start?: Partial<StartContext>,
    env?: Record<string, string>,
  ): Promise<CodecLoop<ClaudeState>>;
}

export function live(): Live {
  const stub = startAnthropicStub();
  const loops: CodecLoop<ClaudeState>[] = [];
  let dir = scratchDir("claude-live");

  beforeEach(() => {
    dir = scratchDir("claude-live");
    mkdirSync(join(dir.path, "project"));
    mkdirSync(join(dir.path, "config"));
  });
  afterEach(async () => {
    for (const loop of loops.splice(0)) await loop.kill("SIGKILL");
    dir.remove();
  });
  afterAll(() => stub.close());

  const cwd = () => join(dir.path, "project");
  const config = () => join(dir.path, "config");
  return {
    stub,
    cwd,
    config,
    path: (name) => join(dir.path, name),
    async run(launch = {}, start = {}, env = {}) {
      const program = "skip" in installed ? "" : installed.path;
      const loop = runCodec(claudeCodec, {
        command: [program],
        deadlineMs: PATIENCE_MS,
        launch: { cwd: cwd(), ...launch },
        start,
        env: {
          HOME: config(),
          CLAUDE_CONFIG_DIR: config(),
          CLAUDE_CODE_TMPDIR: dir.path,
          ANTHROPIC_BASE_URL: stub.url,
          ANTHROPIC_API_KEY: "sk-not-a-real-key",
          ...env,
        },
      });
      loops.push(loop);
      await loop.ready();
      return loop;
    },
  };
}
