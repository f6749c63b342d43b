/** One line of an agent program that was made to hurt: what it costs, and how much of it is shown to whoever asks. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT, endHarness, makeAgents, makeProject, startHarness } from "./agents.ts";
import { BYTES, filled } from "./hostile.ts";
import { cpuMs } from "./machine.ts";
import { parseCpuMs } from "./references.ts";
import { kb, ms } from "./row.ts";
import type { Measurement } from "./world.ts";

const MOST_CPU_MS = 150;
const MOST_ANSWER_BYTES = 64 * 1024;
const TIMES = 3;
const HEAD = '{"type":"assistant","message":{"id":"m","role":"assistant","content":';

const LINES = {
  "unknown keys": () => filled('{"type":"assistant"', (n) => `,"k${n}":1`, "}"),
  "deep in a frame that is known": () => {
    const depth = Math.floor((BYTES - HEAD.length) / 2);
    return `${HEAD}${"[".repeat(depth)}${"]".repeat(depth)}},"parent_tool_use_id":null}`;
  },
  "a million small values in a message": () => filled(`${HEAD}[0`, () => ",0", ']},"parent_tool_use_id":null}'),
  "a string without an end": () => `${HEAD}"${"x".repeat(BYTES)}`,
} as const;

export const hostileLine: Measurement = async (world) => {
  const dir = world.folder("hostile-line");
  const harness = await startHarness(world, dir);
  const { api, served } = harness;
  await makeProject(api, world.dir);
  const claims = [];
  for (const [name, make] of Object.entries(LINES)) {
    const line = make();
    const file = join(dir, name.replaceAll(" ", "-"));
    writeFileSync(file, `${line}\n`);
    const [id = ""] = await makeAgents(api, 1);
    const path = `${PROJECT}/agents/${id}`;
    const turnMs = async (text: string): Promise<number> => {
      const before = cpuMs(served.pid);
      await api.post(`${path}/input`, { text });
      while (String((await api.get(`${path}/wait?until=idle,error,exited&timeout=30`))["reached"]) !== "true");
      return cpuMs(served.pid) - before;
    };
    await turnMs("turn");
    const costs: number[] = [];
    for (let n = 0; n < TIMES; n++) costs.push((await turnMs(`print ${file}`)) - (await turnMs("turn")));
    const answers = await Promise.all(
      [path, `${path}/messages?limit=10`, `${path}/debug`].map(async (each) => {
        const answer = await fetch(`${api.url}/api/v1${each}`);
        if (!answer.ok) throw new Error(`${each}: ${answer.status}`);
        return (await answer.bytes()).length;
      }),
    );
    const [cost, answered] = [Math.max(0, Math.min(...costs)), Math.max(...answers)];
    claims.push({
      what: `a line of 8 MiB: ${name}`,
      measured: `${ms(cost)} of CPU (JSON.parse ${ms(parseCpuMs(line))}), answer ${kb(answered)}`,
      must: `<= ${ms(MOST_CPU_MS)}, <= ${kb(MOST_ANSWER_BYTES)}`,
      fine: cost <= MOST_CPU_MS && answered <= MOST_ANSWER_BYTES,
      absolute: true as const,
    });
  }
  await endHarness(harness);
  return claims;
};
