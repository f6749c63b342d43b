/**
 * This program as a service of systemd: ready, one line of status, a sign of life as often as asked, stopping.
 * Nothing of it happens without `$NOTIFY_SOCKET`. The sign of life comes from the event loop, so that a loop that
 * hangs is noticed; it says nothing about agents, whose own deadlines are elsewhere.
 */
import type { Clock, Timer } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { openNotifier, watchdogMs } from "./notify.ts";

export interface ServiceOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** What `systemctl status` shows: one short line. Called at most once each `STATUS_MS`. */
  readonly status: () => string;
}

export interface Service {
  /** From now on requests are answered. */
  ready(): void;
  /** Something changed that `status` tells: sent soon, and only when the line differs from the last one. */
  changed(): void;
  stopping(): void;
}

const STATUS_MS = 1000;
const SILENT: Service = { ready: () => undefined, changed: () => undefined, stopping: () => undefined };

export async function startService({ env, pid, clock, log, status }: ServiceOptions): Promise<Service> {
  const notifier = await openNotifier(env, (message) => log.warn(message));
  if (notifier === null) return SILENT;
  const everyMs = watchdogMs(env, pid);
  let said = "";
  let due: Timer | null = null;
  let alive: Timer | null = null;

  /** At half the time, as sd_watchdog_enabled(3) advises. */
  const beat = (): void => {
    if (everyMs === null) return;
    notifier.send("WATCHDOG=1");
    alive = clock.setTimer(everyMs / 2, beat);
  };
  const tell = (...more: readonly string[]): void => {
    due?.cancel();
    due = null;
    const line = status();
    if (line === said && more.length === 0) return;
    // Not taken (the manager is busy): the next change says it again.
    if (notifier.send(...more, `STATUS=${line}`)) said = line;
  };
  return {
    ready() {
      tell("READY=1");
      beat();
    },
    changed() {
      due ??= clock.setTimer(STATUS_MS, () => tell());
    },
    stopping() {
      due?.cancel();
      alive?.cancel();
      notifier.send("STOPPING=1", "STATUS=stopping");
    },
  };
}
