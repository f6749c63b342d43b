/** Starts the fake `codex app-server` with the codec in front of it, in a folder of its own; `endAll` ends them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LaunchContext, ProviderFact } from "../../../src/providers/contract.ts";
import { type CodexPipe, launchContext, openCodex, type PipeOptions } from "../../live/codex-pipe.ts";

const FAKE = [process.execPath, join(import.meta.dir, "../../fakes/codex.ts")];
const open: CodexPipe[] = [];
const dirs: string[] = [];

/** For `afterEach`. */
export async function endAll(): Promise<void> {
  for (const pipe of open.splice(0)) await pipe.end("SIGKILL");
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
}

export function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "ah-codex-"));
  dirs.push(dir);
  return dir;
}

interface FakeOptions extends Partial<Omit<PipeOptions, "launch">> {
  readonly dir?: string;
  readonly launch?: Partial<LaunchContext>;
  readonly fake?: object;
}

export async function start({ dir = newDir(), launch = {}, fake = {}, ...rest }: FakeOptions = {}): Promise<CodexPipe> {
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: dir,
    FAKE_HISTORY: join(dir, "history"),
    FAKE_CODEX: JSON.stringify(fake),
  };
  const pipe = openCodex({
    launch: launchContext({ command: FAKE, cwd: dir, env, ...launch }),
    deadlineMs: 10_000,
    ...rest,
  });
  open.push(pipe);
  await pipe.fact("ready");
  return pipe;
}

export function script(...steps: readonly object[]): string {
  return `SCRIPT ${JSON.stringify(steps)}`;
}

export function end(facts: readonly ProviderFact[]): Extract<ProviderFact, { type: "turn_ended" }> | undefined {
  return facts.find((fact) => fact.type === "turn_ended");
}

export function types(facts: readonly ProviderFact[]): readonly string[] {
  return facts.map((fact) => fact.type);
}

export function session(pipe: CodexPipe): string {
  const found = pipe.facts.find((fact) => fact.type === "session");
  return found?.type === "session" ? found.id : "";
}
