/** What stands beside our figures: the bare programs of bare.ts, and this runtime's own parser. */
import { join } from "node:path";
import type { World } from "./world.ts";

const BARE = join(import.meta.dir, "bare.ts");

/** What it prints until it ends. */
async function bare({ bun, folder }: World, ...args: readonly string[]): Promise<string> {
  const child = Bun.spawn([bun, BARE, ...args], {
    cwd: folder("bare"),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`the bare program ended with ${child.exitCode}: ${args.join(" ")}`);
  return text.trim();
}

/** The texts of a stream of so many children, one call each, as they come. */
export async function bareStream(
  world: World,
  { agents, messages, pause }: { readonly agents: number; readonly messages: number; readonly pause: number },
  heard: (text: string) => void,
): Promise<void> {
  const served = await world.serve([world.bun, BARE, "sse", `${agents}`, `${messages}`, `${pause}`]);
  const controller = new AbortController();
  const response = await fetch(served.url, { signal: controller.signal });
  let [left, kept] = [agents * messages, ""];
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    const parts = (kept + decoder.decode(bytes, { stream: true })).split("\n\n");
    kept = parts.pop() ?? "";
    for (const part of parts) heard(part.slice("data: ".length));
    left -= parts.length;
    if (left <= 0) break;
  }
  controller.abort();
  await served.kill("SIGTERM");
}

export async function bareWebhooks(world: World, url: string, turns: number): Promise<void> {
  await bare(world, "hook", url, `${turns}`);
}

/** Frames a second: read, parsed, and two rows each. */
export async function bareIngest(world: World, frames: number): Promise<number> {
  return Number(await bare(world, "ingest", `${frames}`));
}

/** CPU of the runtime's own parser for the same bytes, whatever comes of it. */
export function parseCpuMs(text: string): number {
  const costs = [1, 2, 3].map(() => {
    const before = process.cpuUsage();
    try {
      JSON.parse(text);
    } catch {
      // Too deep, or cut: so it is for us.
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...costs);
}
