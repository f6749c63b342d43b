/** A plain command that prints much: how fast it is taken in, whatever its lines are like, and who waits meanwhile. */
import { PROJECT, endHarness, makeProject, startHarness } from "./agents.ts";
import { watchRequests } from "./asked.ts";
import type { Claim } from "./row.ts";
import { ms } from "./row.ts";
import type { Measurement } from "./world.ts";

const LEAST_MB_PER_SECOND = 20;

/** Each prints about 20 MB. */
const OUTPUTS = {
  "3 M short lines": `awk 'BEGIN { for (n = 0; n < 3000000; n++) print "line x" }'`,
  "20 000 lines of 1 KB": `awk 'BEGIN { s = sprintf("%1000s", "x"); for (n = 0; n < 20000; n++) print s }'`,
  "one line": `awk 'BEGIN { s = sprintf("%1000s", "x"); for (n = 0; n < 20000; n++) printf "%s", s }'`,
} as const;

export const commands: Measurement = async (world) => {
  const providers = Object.fromEntries(
    Object.values(OUTPUTS).map((script, i) => [`print${i}`, { kind: "command", command: ["/bin/sh", "-c", script] }]),
  );
  const harness = await startHarness(world, world.folder("commands"), { providers });
  const { api } = harness;
  await makeProject(api, world.dir);
  const hello = await world.serve([world.hello]);
  const claims: Claim[] = [];
  for (const [i, [name, script]] of Object.entries(OUTPUTS).entries()) {
    const alone = await tookMs(["/bin/sh", "-c", script]);
    const startMs = performance.now();
    const { agent } = await api.post(`${PROJECT}/agents`, { provider: `print${i}`, task: "print" });
    const path = `${PROJECT}/agents/${agent?.["id"]}`;
    const watch = watchRequests(api, String(agent?.["id"]), hello.url);
    while (String((await api.get(`${path}/wait?until=idle,error,exited&timeout=20`))["reached"]) !== "true");
    const took = performance.now() - startMs;
    const slowest = await watch.end(`the slowest request meanwhile, ${name}`);
    const rate = 20 / (Math.max(1, took - alone) / 1000);
    claims.push({
      what: `output of a command, ${name} (20 MB)`,
      measured: `over ${ms(took)} after its start (alone ${ms(alone)}), ${Math.round(rate)} MB/s beyond that`,
      must: `>= ${LEAST_MB_PER_SECOND} MB/s`,
      fine: rate >= LEAST_MB_PER_SECOND,
      absolute: true,
    });
    claims.push(slowest);
  }
  await endHarness(harness);
  await hello.kill();
  return claims;
};

/** The same into a file, with nobody reading. */
async function tookMs(argv: readonly string[]): Promise<number> {
  const startMs = performance.now();
  const child = Bun.spawn([...argv], { stdin: "ignore", stdout: Bun.file("/dev/null"), stderr: "inherit" });
  await child.exited;
  return performance.now() - startMs;
}
