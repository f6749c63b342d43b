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

const ENDING = ["SIGTERM", "SIGHUP"] as const;
const KEYS = ["SIGINT", "SIGQUIT"] as const;

/**
 * A conversation that was taken is given back by this process, whatever ends the screen: from before it is taken on no
 * signal that ends a session ends us. They come in numbers: a closed terminal sends SIGHUP to all of its foreground,
 * and its shell sends one more; the last of them takes nothing from the code with which we end.
 */
export interface Hold {
  /** One came before there was a screen: none is opened any more. */
  readonly over: boolean;
  /** Throws when it cannot be started. */
  open(request: ScreenRequest): Screen;
}

/** `onOver`: there will be no screen. */
export function holdOn(onOver: () => void): Hold {
  let over = false;
  let child: Bun.Subprocess | null = null;
  const end = (signal: NodeJS.Signals): void => {
    if (child === null && !over) onOver();
    over = true;
    child?.kill(signal);
  };
  /** The screen's own, once there is one: it has the terminal, too. */
  const key = (signal: NodeJS.Signals): void => {
    if (child === null) end(signal);
  };
  for (const signal of ENDING) process.on(signal, end);
  for (const signal of KEYS) process.on(signal, key);
  return {
    get over() {
      return over;
    },
    open({ argv, cwd, env }) {
      const screen = Bun.spawn([...argv], { cwd, env, stdin: "inherit", stdout: "inherit", stderr: "inherit" });
      child = screen;
      const info = readProcess(screen.pid);
      const watch = setInterval(() => {
        if (readProcess(screen.pid)?.state === "T") process.kill(process.pid, "SIGSTOP");
      }, WATCH_MS);
      const ended = screen.exited.then(() => {
        clearInterval(watch);
        for (const signal of KEYS) process.off(signal, key); // who waits for the rest may leave
        if (screen.signalCode !== null) return { torn: true, how: `ended by ${screen.signalCode}` };
        return { torn: false, how: screen.exitCode === 0 ? null : `ended with code ${screen.exitCode ?? "?"}` };
      });
      return {
        identity: info === null ? null : { bootId: readBootId(), pid: screen.pid, startTicks: info.startTicks },
        ended,
      };
    },
  };
}
