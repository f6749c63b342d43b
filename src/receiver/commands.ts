/** The commands that need the config, with their signals and exit codes. */
import { hostname } from "node:os";
import { formatProblems } from "../config/load.ts";
import { loadReceiverConfig, type ReceiverConfig } from "./config.ts";
import { systemClock } from "../lib/clock.ts";
import { randomHex } from "../lib/digest.ts";
import { errorText, exitOf } from "../lib/errors.ts";
import { createLogger } from "../lib/log.ts";
import { keepFilesPrivate } from "../lib/umask.ts";
import { EXIT } from "../words/exits.ts";
import { checkSinks, sendTest } from "./check.ts";
import { createSinks, scrubber, startReceiver } from "./serve.ts";
import { given } from "../lib/given.ts";

const complain = (text: string): void => void process.stderr.write(`webhook-receiver: ${text}\n`);

/** Resolves with the exit code. */
export async function runCommand(command: "serve" | "check" | "test", configPath: string | undefined): Promise<number> {
  const loaded = loadReceiverConfig({ env: process.env, ...given({ path: configPath }) });
  if (!loaded.ok) {
    complain(formatProblems(loaded.problems, loaded.source));
    return EXIT.usage;
  }
  const config = loaded.value;
  if (command === "serve") return await serve(config);

  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  print(`ok    the config is valid: ${loaded.source ?? "no file, only defaults and environment"}`);
  const sinks = createSinks(config, { env: process.env, clock: systemClock });
  const trial = { config, sinks, print, scrub: scrubber(config), signal: AbortSignal.timeout(60_000) };
  const fine =
    command === "check"
      ? await checkSinks(trial)
      : await sendTest({
          ...trial,
          nowMs: systemClock.now(),
          deliveryId: `test${randomHex(3)}`,
          hostname: hostname(),
        });
  return fine ? EXIT.ok : EXIT.error;
}

async function serve(config: ReceiverConfig): Promise<number> {
  keepFilesPrivate();
  const log = createLogger({
    level: config.logLevel,
    write: (line) => void process.stderr.write(line),
    clock: systemClock,
  });
  const asked = new Promise<void>((resolve) => {
    let times = 0;
    const onSignal = (): void => {
      // A second signal means now.
      if (++times > 1) process.exit(EXIT.error);
      resolve();
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
    process.on("SIGHUP", () => undefined); // a closed terminal is no reason to stop
  });
  try {
    const receiver = await startReceiver(config, {
      env: process.env,
      clock: systemClock,
      log,
      random: Math.random,
      ownNames: [hostname()],
    });
    const displaced = await Promise.race([asked, receiver.displaced]);
    await receiver.stop();
    if (displaced !== undefined) throw displaced;
    return EXIT.ok;
  } catch (error) {
    complain(errorText(error));
    return exitOf(error);
  }
}
