/**
 * A run on its way into the world: the agent's folder made ready, what the provider needs written into it, the process
 * spawned. Throws what stands in the way; what that means for the agent is decided elsewhere.
 */
import { dirname, join, normalize } from "node:path";
import { HarnessError } from "../lib/errors.ts";
import { discardAgentFolder, listAgentFolder, makeAgentFolder, writeAgentFile } from "../process/agent-file.ts";
import type { Identity, SpawnRequest } from "../process/spawn.ts";
import { runPaths, spawnRun } from "../process/spawn.ts";
import type { Launch, LaunchContext } from "../providers/contract.ts";
import type { Groups } from "./groups.ts";
import type { RunSettings } from "./run-settings.ts";
import { given } from "../lib/given.ts";

export interface LaunchRequest {
  readonly agent: string;
  readonly agentDir: string;
  readonly groups: Groups;
  readonly settings: RunSettings;
  /** Its row is committed. */
  readonly run: number;
  readonly nonce: string;
  readonly unwanted: AbortSignal;
}

export async function launchRun(request: LaunchRequest): Promise<Identity> {
  const { agent, agentDir, groups, settings, run, nonce, unwanted } = request;
  const context = settings.launch(run);
  const { argv, env, files = [] } = settings.codec.launch(context);
  makeAgentFolder(agentDir);
  writeLaunchFiles(agentDir, files);
  await removeOldRuns(agentDir, run);
  const cgroup = groups.make(agent, run, settings.limits);
  return spawnRun({
    paths: runPaths(agentDir, run),
    argv,
    env: { ...context.env, ...env },
    cwd: context.cwd,
    nonce,
    unwanted,
    input: settings.codec.traits.oneshot ? promptFile(agentDir, run, context) : { kind: "fifo" },
    ...given({ cgroup }),
  });
}

/** A FIFO would never give such a program the end of its input. */
function promptFile(agentDir: string, run: number, { prompt }: LaunchContext): SpawnRequest["input"] {
  if (prompt?.as !== "stdin") return { kind: "file", path: "/dev/null" };
  const path = join(agentDir, `prompt-${run}`);
  writeAgentFile(path, prompt.text);
  return { kind: "file", path };
}

/** Private, and whole at every moment: a program may be reading the one that stands there. */
export function writeLaunchFiles(agentDir: string, files: NonNullable<Launch["files"]>): void {
  for (const { path, content } of files) {
    const full = normalize(join(agentDir, path));
    if (!full.startsWith(`${agentDir}/`))
      throw new HarnessError("START_FAILED", `a file of the provider lies outside the agent's folder: ${path}`);
    makeAgentFolder(agentDir, dirname(full));
    writeAgentFile(full, content);
  }
}

/**
 * Earlier runs are read to their end and committed before a new one is spawned: their folders hold nothing any more.
 * What an agent has made of them may not be removable; that keeps no process from starting.
 */
async function removeOldRuns(agentDir: string, run: number): Promise<void> {
  const folder = join(agentDir, "run");
  for (const name of listAgentFolder(folder))
    if (Number.parseInt(name, 10) < run) await discardAgentFolder(join(folder, name));
  for (const name of listAgentFolder(agentDir)) {
    const old = /^prompt-(\d+)$/.exec(name);
    if (old !== null && Number(old[1]) < run) await discardAgentFolder(join(agentDir, name));
  }
}
