/** What `GET /health` and `GET /metrics` say: counts, times and reasons, never a secret or a message. */
import type { Metric } from "../http/metrics.ts";
import { VERSION } from "../lib/version.ts";
import type { Worker } from "./worker.ts";
import { SINKS, type SinkName } from "./sink.ts";

/** Since the start of this process. */
export interface Counters {
  accepted: number;
  duplicates: number;
  refused: number;
}

export interface HealthParts {
  readonly startedMs: number;
  readonly stored: number;
  readonly workers: ReadonlyMap<SinkName, Worker>;
}

export interface SinkHealth {
  /** off = not configured; stopped = a permanent fault, named in `fault`. */
  readonly state: "off" | "ok" | "retrying" | "stopped";
  readonly pending?: number;
  readonly dead?: number;
  readonly lastSuccessAt?: string | null;
  readonly lastFailureAt?: string | null;
  readonly lastError?: string | null;
  readonly fault?: string | null;
  readonly resumesAt?: string | null;
}

export interface Health {
  /** degraded = it runs and stores, but a person should look at a sink. */
  readonly status: "ok" | "degraded";
  readonly version: string;
  /** Seconds. */
  readonly uptime: number;
  readonly stored: number;
  readonly sinks: Readonly<Record<SinkName, SinkHealth>>;
}

export function health({ startedMs, stored, workers }: HealthParts, nowMs: number): Health {
  const sinks: Record<SinkName, SinkHealth> = { discord: { state: "off" }, openclaw: { state: "off" } };
  for (const [name, worker] of workers) {
    const { state, pending, dead, lastError, fault, lastSuccessMs, lastFailureMs, resumesMs } = worker.status();
    sinks[name] = {
      state,
      pending,
      dead,
      lastSuccessAt: iso(lastSuccessMs),
      lastFailureAt: iso(lastFailureMs),
      lastError,
      fault,
      resumesAt: iso(resumesMs),
    };
  }
  const fine = Object.values(sinks).every(({ state, fault }) => (state === "off" || state === "ok") && !fault);
  return {
    status: fine ? "ok" : "degraded",
    version: VERSION,
    uptime: Math.floor((nowMs - startedMs) / 1000),
    stored,
    sinks,
  };
}

export function receiverMetrics(parts: HealthParts, counters: Counters, nowMs: number): readonly Metric[] {
  const sinks = SINKS.flatMap((sink) => {
    const status = parts.workers.get(sink)?.status();
    return status ? [{ labels: { sink }, status }] : [];
  });
  const ofSinks = (value: (status: (typeof sinks)[number]["status"]) => number): Metric["samples"] =>
    sinks.map(({ labels, status }) => ({ labels, value: value(status) }));
  const answered = (result: string, value: number) => ({ labels: { result }, value });
  return [
    {
      name: "webhook_receiver_info",
      type: "gauge",
      help: "The version that runs.",
      samples: [{ labels: { version: VERSION }, value: 1 }],
    },
    {
      name: "webhook_receiver_uptime_seconds",
      type: "gauge",
      help: "Time since the start.",
      samples: [{ value: (nowMs - parts.startedMs) / 1000 }],
    },
    {
      name: "webhook_receiver_webhooks_total",
      type: "counter",
      help: "Webhooks by what was answered.",
      samples: [
        answered("accepted", counters.accepted),
        answered("duplicate", counters.duplicates),
        answered("refused", counters.refused),
      ],
    },
    {
      name: "webhook_receiver_stored",
      type: "gauge",
      help: "Webhooks in the inbox.",
      samples: [{ value: parts.stored }],
    },
    {
      name: "webhook_receiver_sink_up",
      type: "gauge",
      help: "1 unless the sink retries or has stopped.",
      samples: ofSinks(({ state }) => (state === "ok" ? 1 : 0)),
    },
    {
      name: "webhook_receiver_sink_pending",
      type: "gauge",
      help: "Deliveries that wait for the sink.",
      samples: ofSinks(({ pending }) => pending),
    },
    {
      name: "webhook_receiver_sink_dead",
      type: "gauge",
      help: "Deliveries that were given up.",
      samples: ofSinks(({ dead }) => dead),
    },
    {
      name: "webhook_receiver_sink_delivered_total",
      type: "counter",
      help: "Deliveries that were made.",
      samples: ofSinks(({ delivered }) => delivered),
    },
    {
      name: "webhook_receiver_sink_failed_tries_total",
      type: "counter",
      help: "Tries that failed.",
      samples: ofSinks(({ failedTries }) => failedTries),
    },
  ];
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
