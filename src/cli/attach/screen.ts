/**
 * The program's screen as our child: it has the terminal, we wait. It shares our process group, so that what the
 * terminal sends reaches both; when it stops, we stop, and the shell has its job control.
 */
import { readBootId, readProcess } from "../../process/proc.ts";

export interface ScreenRequest {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A process, named for ever: another boot, or another start, is another one. */
interface ScreenIdentity {
  readonly bootId: string;
  readonly pid: number;
  readonly startTicks: number;
}

export interface ScreenEnd {
  /** It had no chance to tidy up behind itself. */
  readonly torn: boolean;
  /** In words; null = as it should. */
  readonly how: string | null;
}

export interface Screen {
  readonly identity: ScreenIdentity | null;
  readonly ended: Promise<ScreenEnd>;
}

const WATCH_MS = 300;

/** Throws when it cannot be started. */
export function openScreen({ argv, cwd, env }: ScreenRequest): Screen {
  const child = Bun.spawn([...argv], { cwd, env, stdin: "inherit", stdout: "inherit", stderr: "inherit" });
  const info = readProcess(child.pid);
  const ignore = (): void => undefined;
  const pass = (signal: NodeJS.Signals) => (): void => void child.kill(signal);
  const [end, hangUp] = [pass("SIGTERM"), pass("SIGHUP")];
  process.on("SIGINT", ignore);
  process.on("SIGQUIT", ignore);
  process.on("SIGTERM", end);
  process.on("SIGHUP", hangUp);
  const watch = setInterval(() => {
    if (readProcess(child.pid)?.state === "T") process.kill(process.pid, "SIGSTOP");
  }, WATCH_MS);
  const ended = child.exited.then(() => {
    clearInterval(watch);
    process.off("SIGINT", ignore);
    process.off("SIGQUIT", ignore);
    process.off("SIGTERM", end);
    process.off("SIGHUP", hangUp);
    if (child.signalCode !== null) return { torn: true, how: `ended by ${child.signalCode}` };
    return { torn: false, how: child.exitCode === 0 ? null : `ended with code ${child.exitCode ?? "?"}` };
  });
  return {
    identity: info === null ? null : { bootId: readBootId(), pid: child.pid, startTicks: info.startTicks },
    ended,
  };
}
