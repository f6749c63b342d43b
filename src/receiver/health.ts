/** What `GET /health` and `GET /metrics` say: counts, times and reasons, never a secret or a message. */
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

/** Prometheus text format 0.0.4. */
export function receiverMetrics(parts: HealthParts, counters: Counters, nowMs: number): string {
  const lines: string[] = [];
  const metric = (
    name: string,
    type: "counter" | "gauge",
    help: string,
    values: readonly (readonly [labels: string, value: number])[],
  ): void => {
    lines.push(
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...values.map(([labels, value]) => `${name}${labels} ${value}`),
    );
  };
  metric("webhook_receiver_info", "gauge", "The version that runs.", [[`{version="${VERSION}"}`, 1]]);
  metric("webhook_receiver_uptime_seconds", "gauge", "Time since the start.", [["", (nowMs - parts.startedMs) / 1000]]);
  metric("webhook_receiver_webhooks_total", "counter", "Webhooks by what was answered.", [
    ['{result="accepted"}', counters.accepted],
    ['{result="duplicate"}', counters.duplicates],
    ['{result="refused"}', counters.refused],
  ]);
  metric("webhook_receiver_stored", "gauge", "Webhooks in the inbox.", [["", parts.stored]]);
  const sinks = SINKS.flatMap((name) => {
    const status = parts.workers.get(name)?.status();
    return status ? [{ labels: `{sink="${name}"}`, status }] : [];
  });
  metric(
    "webhook_receiver_sink_up",
    "gauge",
    "1 unless the sink retries or has stopped.",
    sinks.map(({ labels, status }) => [labels, status.state === "ok" ? 1 : 0]),
  );
  metric(
    "webhook_receiver_sink_pending",
    "gauge",
    "Deliveries that wait for the sink.",
    sinks.map(({ labels, status }) => [labels, status.pending]),
  );
  metric(
    "webhook_receiver_sink_dead",
    "gauge",
    "Deliveries that were given up.",
    sinks.map(({ labels, status }) => [labels, status.dead]),
  );
  metric(
    "webhook_receiver_sink_delivered_total",
    "counter",
    "Deliveries that were made.",
    sinks.map(({ labels, status }) => [labels, status.delivered]),
  );
  metric(
    "webhook_receiver_sink_failed_tries_total",
    "counter",
    "Tries that failed.",
    sinks.map(({ labels, status }) => [labels, status.failedTries]),
  );
  return `${lines.join("\n")}\n`;
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
