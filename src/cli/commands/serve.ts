/** `serve`: the daemon, from its config to its orderly end. Agents are left running when it goes. */
import { loadHarnessConfig } from "../../config/harness.ts";
import { formatProblems } from "../../config/load.ts";
import { systemClock } from "../../lib/clock.ts";
import { HarnessError, exitOf } from "../../lib/errors.ts";
import { isShortage } from "../../lib/descriptors.ts";
import type { Logger } from "../../lib/log.ts";
import { createLogger } from "../../lib/log.ts";
import { startDaemon } from "../../daemon.ts";
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { given } from "../../lib/given.ts";

export async function run({ args, env }: Context): Promise<number> {
  const path = args.value("config");
  const loaded = loadHarnessConfig({ env, ...given({ path }) });
  if (!loaded.ok) {
    console.error(`agent-harness: ${formatProblems(loaded.problems, loaded.source)}`);
    return EXIT.usage;
  }
  const log = createLogger({
    level: loaded.value.logLevel,
    write: (line) => void process.stderr.write(line),
    clock: systemClock,
  });
  outliveShortages(log);
  const ending = new AbortController();
  const stopped = stopSignal().then(() => ending.abort()); // also one that comes while we start is followed in order
  try {
    const daemon = await startDaemon({ config: loaded.value, env, log, clock: systemClock, signal: ending.signal });
    for (const url of daemon.urls) console.log(`agent-harness listens on ${url}`);
    const displaced = await Promise.race([stopped.then(() => null), daemon.displaced]);
    log.info("stopping; agents are left running");
    await daemon.stop();
    if (displaced === null) return EXIT.ok;
    throw displaced;
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    if (ending.signal.aborted && error.code !== "LOCKED") return EXIT.ok; // it still waited for room on the disk
    console.error(`agent-harness: ${error.message}`);
    return exitOf(error);
  }
}

/**
 * The last resort: what fails for want of descriptors, memory or disk where nobody expected it is told and survived.
 * Everything else that nobody caught is a bug, and ends the program as it would without us.
 */
function outliveShortages(log: Logger): void {
  const look = (error: unknown): void => {
    if (isShortage(error)) return log.error("something could not be done for want of a resource", { error });
    log.error("a fault that nobody caught", { error });
    process.exit(EXIT.error);
  };
  process.on("uncaughtException", look);
  process.on("unhandledRejection", look);
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => resolve());
    process.on("SIGHUP", () => undefined); // a closed terminal is no reason to stop
  });
}
