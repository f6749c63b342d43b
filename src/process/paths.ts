/**
 * Where a run keeps its files. A folder per run: an old `exit` or offset can never be taken for the new
 * process's.
 */
import { join } from "node:path";

export interface RunPaths {
  readonly dir: string;
  /** Identity of the process, written by the process itself just before it becomes the agent program. */
  readonly pid: string;
  /** FIFO that is the program's stdin. */
  readonly in: string;
  /** FIFO that the wrapper holds open as long as it lives: EOF is the death notice. */
  readonly alive: string;
  readonly out: string;
  readonly err: string;
  /** Exit code, written by the wrapper. */
  readonly exit: string;
  /** Long lines on their way into `in`. */
  readonly spool: string;
}

/** `agentDir` is absolute; `run` counts from 1. */
export function runPaths(agentDir: string, run: number): RunPaths {
  return filesIn(join(agentDir, "run", String(run)));
}

/** `name` is new for each check of the agent. */
export function checkPaths(agentDir: string, name: string): RunPaths {
  return filesIn(join(agentDir, "check", name));
}

function filesIn(dir: string): RunPaths {
  return {
    dir,
    pid: join(dir, "pid"),
    in: join(dir, "in"),
    alive: join(dir, "alive"),
    out: join(dir, "out.jsonl"),
    err: join(dir, "err.log"),
    exit: join(dir, "exit"),
    spool: join(dir, "spool"),
  };
}
