/** Prometheus text format 0.0.4: escaping and order, so that nobody else prints it by hand. Pure. */

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Metric {
  /** Snake case with unit and, for counters, `_total`. */
  readonly name: string;
  readonly type: "counter" | "gauge";
  /** One sentence. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** The whole page. A metric without samples is left out. Throws on names that Prometheus would refuse. */
export function formatMetrics(metrics: readonly Metric[]): string {
  return metrics
    .filter((metric) => metric.samples.length > 0)
    .map(({ name, type, help, samples }) => {
      if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name))
        throw new Error(`got ${JSON.stringify(name)}, expected a metric name`);
      const head = `# HELP ${name} ${help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}\n# TYPE ${name} ${type}\n`;
      return (
        head + samples.map(({ labels, value }) => `${name}${formatLabels(labels)} ${formatValue(value)}\n`).join("")
      );
    })
    .join("");
}

export function metricsResponse(metrics: readonly Metric[]): Response {
  return new Response(formatMetrics(metrics), {
    headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store" },
  });
}

function formatLabels(labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) throw new Error(`got ${JSON.stringify(name)}, expected a label name`);
    return `${name}="${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function formatValue(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}
