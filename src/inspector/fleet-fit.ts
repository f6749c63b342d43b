/** What a task of the pool asks of a box, and which boxes have it. Pure. */
import type { FleetNode } from "./fleet-shapes.ts";

/** `gpu=a100, os=linux`; a word alone is a label that says yes. null: it is none of these. */
export function readLabels(given: string): Record<string, string> | null {
  const labels: Record<string, string> = {};
  for (const each of given.split(/[\s,]+/).filter((word) => word !== "")) {
    const [key = "", value, ...rest] = each.split("=");
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(key) || value === "" || rest.length > 0) return null;
    labels[key] = value ?? "true";
  }
  return labels;
}

/** Which boxes have what is asked for, in a sentence: as far as the page knows of them, which is not their projects. */
export function fitWords(nodes: readonly FleetNode[], provider: string, labels: Record<string, string>): string {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const fits = nodes.filter(
    (node) =>
      node.reach === "live" &&
      !node.draining &&
      (provider === "" || node.providers.includes(provider)) &&
      wanted.every((label) => node.labels.includes(label)),
  );
  if (fits.length === 0) return "No box has both now: it would wait until one does.";
  const named = fits.map(({ name, busy, capacity }) => `${name} (${busy} of ${capacity} at work)`).join(", ");
  return `By program and labels: ${named}. The project has to be there, too.`;
}
