/**
 * Puts the receiver together: lock, inbox, one worker a sink, listener; and takes it apart again without losing
 * anything.
 */
import { join } from "node:path";
import type { ReceiverConfig } from "./config.ts";
import type { Clock } from "../lib/clock.ts";
import { holdSpareDescriptors } from "../lib/descriptors.ts";
import { sha256 } from "../lib/digest.ts";
import type { HarnessError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { decodeSigningSecret } from "../lib/signature.ts";
import { VERSION } from "../lib/version.ts";
import { listen } from "../http/server.ts";
import { startService } from "../process/service.ts";
import { BODY_MAX_BYTES } from "./accept.ts";
import { createReceiverApp } from "./app.ts";
import { createDiscordSink, type ThreadMemory } from "./sinks/discord.ts";
import type { Inbox } from "./inbox.ts";
import { createOpenclawSink } from "./sinks/openclaw.ts";
import type { Sink, SinkName } from "./sink.ts";
import { startPruning } from "./pruning.ts";
import { openStateDir } from "./state.ts";
import { startWorker, type Worker } from "./worker.ts";

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** In [0, 1). */
  readonly random: () => number;
  /** The machine's own names, for the Host guard. */
  readonly ownNames: readonly string[];
}

export interface Receiver {
  readonly url: string;
  /** Resolves when the state directory is somebody else's now: to be stopped at once. */
  readonly displaced: Promise<HarnessError>;
  /** Takes nothing new, lets what is under way finish for at most 10 s; the rest stays in the inbox. */
  stop(): Promise<void>;
}

const DRAIN_MS = 10_000;
/** At boot an address may come a little later than we. */
const ADDRESS_MS = 10_000;

/** Throws ADDRESS_IN_USE, LISTEN_FAILED, LOCKED or STATE_DIR_UNUSABLE. */
export async function startReceiver(config: ReceiverConfig, surroundings: Surroundings): Promise<Receiver> {
  const { clock, log, random, ownNames } = surroundings;
  if (process.pid === 1) log.warn(AS_INIT);
  const releaseSpare = holdSpareDescriptors(clock);
  const state = await openStateDir(config.stateDir, sinkNames(config), surroundings);
  const { inbox } = state;
  const release = (): void => {
    state.release();
    releaseSpare();
  };
  try {
    const sinks = createSinks(config, surroundings, threadMemory(config, inbox));
    const scrub = scrubber(config);
    const workers = new Map<SinkName, Worker>(
      sinks.map((sink) => [sink.name, startWorker({ sink, inbox, clock, log, random, scrub })]),
    );
    const signingKey = config.secret === null ? null : (decodeSigningSecret(config.secret) ?? null);
    const app = createReceiverApp({
      inbox,
      workers,
      token: config.token,
      signingKey,
      ownNames,
      allowedHosts: config.allowedHosts,
      clock,
      log,
    });
    const listener = await listen({
      address: { type: "tcp", host: config.host, port: config.port },
      app,
      maxBodyBytes: BODY_MAX_BYTES,
      waitForAddressMs: ADDRESS_MS,
    }).catch(async (error: unknown) => {
      await Promise.all([...workers.values()].map((worker) => worker.stop(0)));
      throw error;
    });
    const names = sinks.map((sink) => sink.name).join(" and ");
    const status = (): string => (names === "" ? "passes webhooks on to nobody" : `passes webhooks on to ${names}`);
    const service = await startService({ env: surroundings.env, pid: process.pid, clock, log, status });
    service.ready();
    const stopPruning = startPruning({ ...state, days: config.retention.days, clock, log });
    log.info("webhook-receiver listens", {
      url: listener.url,
      version: VERSION,
      sinks: sinks.map((sink) => sink.name),
      stateDir: config.stateDir,
    });
    if (sinks.length === 0)
      log.warn("neither discord nor openclaw is configured: webhooks are stored and listed, and passed on to nobody");
    if (config.token === null && config.secret === null)
      log.warn("neither token nor secret is set: every user of this machine can post to your channel");
    else if (config.token === null)
      log.warn("no token is set: every user of this machine can read what was posted, and have it sent again");
    return {
      url: listener.url,
      displaced: state.displaced,
      async stop() {
        service.stopping();
        log.info("stopping: finishing what is under way");
        await Promise.all([
          listener.stop({ graceMs: 1000 }),
          ...[...workers.values()].map((worker) => worker.stop(DRAIN_MS)),
        ]);
        stopPruning();
        release();
        log.info("stopped");
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** In the order of `SINKS`; only what is configured. */
export function createSinks(
  config: ReceiverConfig,
  { env, clock }: Pick<Surroundings, "env" | "clock">,
  thread?: ThreadMemory,
): readonly Sink[] {
  const { discord, openclaw, stateDir } = config;
  const cli = openclaw?.cli ? { ...openclaw.cli, env, scratchDir: join(stateDir, "openclaw") } : null;
  return [
    ...(discord ? [createDiscordSink(discord, { clock, ...(thread && { thread }) })] : []),
    ...(openclaw ? [createOpenclawSink({ ...openclaw, cli }, clock)] : []),
  ];
}

function sinkNames({ discord, openclaw }: ReceiverConfig): readonly SinkName[] {
  return [...(discord ? (["discord"] as const) : []), ...(openclaw ? (["openclaw"] as const) : [])];
}

const AS_INIT =
  "this program runs as process 1 and reaps no orphans: start the container with an init (docker run --init, or init: true)";

/** Another webhook or another name makes another thread. */
function threadMemory({ discord }: ReceiverConfig, inbox: Inbox): ThreadMemory | undefined {
  if (discord?.threadName === undefined) return undefined;
  const key = `discord thread ${sha256(`${discord.webhookUrl} ${discord.threadName}`).toString("hex")}`;
  return { get: () => inbox.note(key), set: (id) => inbox.setNote(key, id) };
}

/** Takes the config's secrets out of texts that others wrote. */
export function scrubber({ token, secret, discord, openclaw }: ReceiverConfig): (text: string) => string {
  const discordToken = discord && new URL(discord.webhookUrl).pathname.split("/").findLast((part) => part !== "");
  const secrets = [
    discord?.webhookUrl,
    discordToken,
    token,
    secret,
    openclaw?.hook?.token,
    openclaw?.cli?.gatewayToken,
  ].filter((value) => value !== undefined && value !== null && value.length >= 4);
  return (text) => secrets.reduce<string>((rest, value) => (value ? rest.replaceAll(value, "[redacted]") : rest), text);
}
