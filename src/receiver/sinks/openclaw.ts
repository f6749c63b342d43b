/**
 * The OpenClaw sink: wakes the main session by the hook where one is configured, else by the command line. What the
 * hook's answer says about the gateway decides whether the command may stand in for it.
 */
import type { Clock } from "../../lib/clock.ts";
import { request } from "../../lib/request.ts";
import { openclawLine, mergeable } from "./openclaw-line.ts";
import { runSystemEvent, probeCli, type CliSettings } from "./openclaw-cli.ts";
import { postWake, probeHook, type HookSettings, type Wake, type WakeOutcome } from "./openclaw-hook.ts";
import type { Delivery, Finding, SendResult, Sink } from "../sink.ts";

export interface OpenclawSettings {
  /** null = not to be used, or nothing configured for it. At least one of the two is there. */
  readonly hook: HookSettings | null;
  readonly cli: CliSettings | null;
  readonly mode: Wake["mode"];
  /** null = OpenClaw's main session. */
  readonly sessionKey: string | null;
}

const SECOND = 1000;
const SESSION_RETRY_MS = 600_000;

export function createOpenclawSink({ hook, cli, mode, sessionKey }: OpenclawSettings, clock: Clock): Sink {
  const keyOf = ({ event }: Delivery): string | null => {
    const own = event.metadata["sessionKey"];
    return own !== undefined && /^[A-Za-z0-9][A-Za-z0-9:._@+-]{0,199}$/.test(own) ? own : sessionKey;
  };

  const wakeOnce = async (wake: Wake, signal: AbortSignal): Promise<{ outcome: WakeOutcome; fault: string | null }> => {
    if (!hook) return { outcome: cli ? await runSystemEvent(cli, wake, clock, signal) : NO_WAY, fault: null };
    const first = await postWake(hook, wake, clock, signal);
    // A session of one's own must be allowed in the gateway's settings; the command line can name one without.
    const mayStandIn = first.type === "unusable" || (first.type === "refused" && first.session === true);
    if (!mayStandIn) return { outcome: first, fault: null };
    if (!cli) return { outcome: first, fault: first.reason };
    const second = await runSystemEvent(cli, wake, clock, signal);
    if (second.type === "accepted" || second.type === "retry") return { outcome: second, fault: first.reason };
    return { outcome: { ...second, reason: `${first.reason}; ${second.reason}` }, fault: first.reason };
  };

  /** A session that metadata names and OpenClaw refuses is no reason to lose the news: it goes where all others go. */
  const wakeSomewhere = async (wake: Wake, signal: AbortSignal): ReturnType<typeof wakeOnce> => {
    const first = await wakeOnce(wake, signal);
    if (first.outcome.type !== "refused" || first.outcome.session !== true) return first;
    if (wake.sessionKey !== sessionKey) return await wakeOnce({ ...wake, sessionKey }, signal);
    if (sessionKey === null) return first;
    // The configured one: every wake would be refused, one by one.
    const reason = `${first.outcome.reason} (mend openclaw.sessionKey)`;
    return { outcome: { type: "unusable", reason, retryInMs: SESSION_RETRY_MS }, fault: reason };
  };

  return {
    name: "openclaw",
    // Enough to fill a line with fifteen agents that each had a few events.
    lookAhead: 100,
    retry: {
      delaysMs: [1, 2, 5, 10, 30, 60, 120, 300].map((s) => s * SECOND),
      maxTries: 30,
      giveUpAfterMs: 3_600_000,
      stepAsideAfter: 10,
      slowMs: 60_000,
      gapMs: 2 * SECOND,
    },

    choose(waiting) {
      const key = waiting[0] && keyOf(waiting[0]);
      return mergeable(
        waiting.filter((delivery) => keyOf(delivery) === key),
        (delivery) => delivery.event,
      );
    },

    async send(batch, signal): Promise<SendResult> {
      const wake: Wake = { text: openclawLine(batch), mode, sessionKey: batch[0] ? keyOf(batch[0]) : null };
      const { outcome, fault } = await wakeSomewhere(wake, signal);
      switch (outcome.type) {
        case "accepted":
          return { outcome: { type: "delivered", detail: outcome.detail }, fault };
        case "retry":
          return { outcome, fault };
        case "refused":
          return { outcome: { type: "dead", reason: outcome.reason }, fault };
        case "unusable":
          return { outcome: { type: "stopped", reason: outcome.reason, retryInMs: outcome.retryInMs } };
      }
    },

    async probe(signal) {
      const findings: Finding[] = [];
      if (hook) findings.push(await probeHook(hook, clock, signal));
      if (cli) findings.push(await probeCli(cli, clock, signal));
      const base = hook?.url ?? cli?.gatewayUrl;
      if (base !== undefined) findings.push(await probeGateway(base, signal));
      return findings;
    },
  };
}

const NO_WAY: WakeOutcome = {
  type: "unusable",
  reason: "neither a hook nor a command is configured",
  retryInMs: 600_000,
};

/** `/readyz` of the gateway behind `base` (http or ws), which needs no token. */
async function probeGateway(base: string, signal: AbortSignal): Promise<Finding> {
  const url = new URL("/readyz", base.replace(/^ws/, "http"));
  try {
    const { status } = await request(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]),
    });
    return {
      ok: status === 200,
      text: `openclaw: the gateway at ${url.host} ${status === 200 ? "is ready" : `answers ${status} to /readyz`}`,
    };
  } catch {
    return { ok: false, text: `openclaw: the gateway at ${url.host} cannot be reached` };
  }
}
