/**
 * `webhook-receiver check` and `test`: trying what is configured, for a person at a terminal. Neither touches the
 * inbox.
 */
import type { ReceiverConfig } from "./config.ts";
import { TEST_EVENT } from "../words/notices.ts";
import type { HarnessEvent } from "./event.ts";
import type { Finding, Sink } from "./sink.ts";

export interface TrialOptions {
  readonly config: ReceiverConfig;
  readonly sinks: readonly Sink[];
  readonly print: (line: string) => void;
  readonly scrub: (text: string) => string;
  readonly signal: AbortSignal;
}

/** Asks every sink whether it would work, without sending anything. False when something would not. */
export async function checkSinks({ config, sinks, print, scrub, signal }: TrialOptions): Promise<boolean> {
  const auth =
    [config.token === null ? "" : "bearer token", config.secret === null ? "" : "signature"]
      .filter(Boolean)
      .join(" and ") || "nobody asked who they are";
  say(print, { ok: true, text: `listens on ${config.host}:${config.port}, ${auth}; state in ${config.stateDir}` });
  if (sinks.length === 0)
    say(print, {
      ok: false,
      text: "neither discord nor openclaw is configured: webhooks would be stored and passed on to nobody",
    });
  const findings = (await Promise.all(sinks.map((sink) => sink.probe(signal)))).flat();
  for (const { ok, text } of findings) say(print, { ok, text: scrub(text) });
  return sinks.length > 0 && findings.every(({ ok }) => ok);
}

export interface TestOptions extends TrialOptions {
  readonly nowMs: number;
  readonly deliveryId: string;
  readonly hostname: string;
}

/** Sends one event that says it is a test, once, through every sink. */
export async function sendTest({
  sinks,
  print,
  scrub,
  signal,
  nowMs,
  deliveryId,
  hostname,
}: TestOptions): Promise<boolean> {
  if (sinks.length === 0)
    say(print, { ok: false, text: "neither discord nor openclaw is configured: there is nowhere to send a test to" });
  const event: HarnessEvent = {
    event: TEST_EVENT,
    project: "webhook-receiver",
    agentId: "test",
    provider: "none",
    status: "idle",
    lastMessage: `This is a test of webhook-receiver on ${hostname}. No agent did anything.`,
    timestampMs: nowMs,
    name: null,
    node: null,
    error: null,
    question: null,
    verify: null,
    account: null,
    changes: null,
    result: null,
    budget: null,
    durationMs: null,
    metadata: {},
    truncated: false,
  };
  const results = await Promise.all(
    sinks.map(async (sink): Promise<Finding> => {
      const { outcome, fault } = await sink.send([{ seq: 0, id: deliveryId, event }], signal);
      const how = outcome.type === "delivered" ? outcome.detail : outcome.reason;
      return {
        ok: outcome.type === "delivered",
        text: `${sink.name}: ${outcome.type === "delivered" ? "sent" : "not sent"}, ${how}${fault ? ` (to mend: ${fault})` : ""}`,
      };
    }),
  );
  for (const { ok, text } of results) say(print, { ok, text: scrub(text) });
  return sinks.length > 0 && results.every(({ ok }) => ok);
}

function say(print: (line: string) => void, { ok, text }: Finding): void {
  print(`${ok ? "ok  " : "FAIL"}  ${text}`);
}
