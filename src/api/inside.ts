/**
 * What is known about an agent's process, for the person who has to find out why. No secrets: no environment, no
 * arguments.
 */
import { readFileSync } from "node:fs";
import { agentFileSize } from "../process/agent-file.ts";
import { runPaths } from "../process/paths.ts";
import { leftoversOf } from "../process/leftovers.ts";
import type { ProcessInfo } from "../process/proc.ts";
import { getRun, noncesOf } from "../store/runs.ts";
import type { Actor } from "../agents/actor.ts";
import type { ApiDeps } from "./deps.ts";
import { iso } from "./views.ts";

export function fromInside(deps: ApiDeps, actor: Actor): Record<string, unknown> {
  const { run, intent, starts, ready, held, startError, lastFrameAt, spawnedAt } = actor.state();
  const progress = actor.progress();
  const live = actor.live();
  const row = run === 0 ? null : getRun(deps.store, actor.id, run);
  const paths = runPaths(actor.agentDir, run);
  return {
    agent: actor.id,
    status: actor.state().status,
    process:
      live === null
        ? null
        : {
            pid: live.identity.pid,
            wrapperPid: live.identity.wrapperPid,
            startTicks: live.identity.startTicks,
            bootId: live.identity.bootId,
            startedAt: iso(actor.wallTime(spawnedAt)),
            rssBytes: rssBytes(live.identity.pid),
            watching: live.watching,
            cgroup: live.cgroup,
            used: live.usage(),
            tree: live.tree().map(({ pid, ppid }) => ({ pid, ppid })),
            survivors: live.survivors().map(({ pid }) => pid),
          },
    leftBehind: leftBehind(deps, actor).map(({ pid, name }) => ({ pid, name })),
    run:
      row === null
        ? null
        : {
            n: run,
            state: row.state,
            version: progress.version ?? row.version,
            exitCode: row.exitCode,
            cpuMs: row.cpuMs,
            memoryPeakBytes: row.memoryPeakBytes,
          },
    files: { dir: paths.dir, stdoutBytes: agentFileSize(paths.out), stderrBytes: agentFileSize(paths.err) },
    counters: {
      frames: progress.frames,
      unknownFrames: progress.unknownFrames,
      skippedLines: progress.skippedLines,
    },
    offset: progress.offset,
    intent,
    startsLeft: starts,
    ready,
    held,
    lastFrameAt: iso(actor.wallTime(lastFrameAt)),
    error: startError,
    lastFrames: actor.lastFrames(),
    stderrTail: live?.stderrTail() ?? "",
  };
}

/** What earlier runs started and nobody ended. */
function leftBehind({ store }: ApiDeps, actor: Actor): ProcessInfo[] {
  const current = new Set(
    actor
      .live()
      ?.tree()
      .map(({ pid }) => pid),
  );
  const wrapper = actor.live()?.identity.wrapperPid;
  return leftoversOf(new Set(noncesOf(store, actor.id)), actor.run.left()).filter(
    ({ pid }) => !current.has(pid) && pid !== wrapper,
  );
}

/** Resident memory from /proc; null when the process is gone. */
function rssBytes(pid: number): number | null {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kib === undefined ? null : Number(kib) * 1024;
  } catch {
    return null;
  }
}
