/** One body that was made to hurt: what it costs, and how much it brings back. */
import { PROJECT, endHarness, makeAgents, makeProject, startHarness } from "./agents.ts";
import { parseCpuMs } from "./references.ts";
import { kb, ms } from "./row.ts";
import type { Measurement } from "./world.ts";
import { cpuMs } from "./machine.ts";

export const BYTES = 8 * 1024 * 1024 - 1024;
const MOST_CPU_MS = 150;
const MOST_ANSWER_BYTES = 64 * 1024;

/** Pieces until there are so many bytes. */
export const filled = (head: string, piece: (n: number) => string, tail: string): string => {
  const pieces: string[] = [head];
  for (let n = 0, length = head.length; length < BYTES; n++) {
    const next = piece(n);
    pieces.push(next);
    length += next.length;
  }
  return pieces.join("") + tail;
};

const BODIES = {
  "450 000 unknown keys": () => filled('{"text":"x"', (n) => `,"k${n}":1`, "}"),
  "nothing but brackets": () => "[".repeat(BYTES),
  "a million small values": () => filled('{"text":[0', () => ",0", "]}"),
  "one long string": () => `{"text":"${"x".repeat(BYTES)}`,
} as const;

export const hostile: Measurement = async (world) => {
  const harness = await startHarness(world, world.folder("hostile"));
  const { api, served } = harness;
  await makeProject(api, world.dir);
  const [id = ""] = await makeAgents(api, 1);
  const url = `${api.url}/api/v1${PROJECT}/agents/${id}/input`;
  const headers = { "content-type": "application/json" };
  const claims = [];
  for (const [name, make] of Object.entries(BODIES)) {
    const body = make();
    const costs: number[] = [];
    let answered = 0;
    for (let n = 0; n < 3; n++) {
      const before = cpuMs(served.pid);
      const answer = await fetch(url, { method: "POST", headers, body });
      answered = (await answer.bytes()).length;
      if (answer.status < 400) throw new Error(`${name}: taken with ${answer.status}`);
      costs.push(cpuMs(served.pid) - before);
    }
    const cost = Math.min(...costs);
    claims.push({
      what: `a body of 8 MiB: ${name}`,
      measured: `${ms(cost)} of CPU (JSON.parse ${ms(parseCpuMs(body))}), answer ${kb(answered)}`,
      must: `<= ${ms(MOST_CPU_MS)}, <= ${kb(MOST_ANSWER_BYTES)}`,
      fine: cost <= MOST_CPU_MS && answered <= MOST_ANSWER_BYTES,
      absolute: true as const,
    });
  }
  await endHarness(harness);
  return claims;
};
