/** How late others learn what an agent program wrote: the live stream, and the webhook at the end of a turn. */
import { openStream } from "../support/sse.ts";
import { PROJECT, endHarness, hasBash, makeAgents, makeProject, startHarness } from "./agents.ts";
import { bareStream, bareWebhooks } from "./references.ts";
import { ms, quantile } from "./row.ts";
import type { Measurement } from "./world.ts";

const AGENTS = 20;
const MESSAGES = 30;
const PAUSE_SECONDS = 0.25;
const TURNS = 30;
const STREAM = {
  what: `frame written by a child -> SSE client has it, ${AGENTS} busy agents`,
  must: "p50 <= 3 ms, p99 <= 20 ms",
};
const WEBHOOK = { what: "turn ended -> webhook request arrives", must: "p50 <= 10 ms" };

/** Milliseconds with a fraction, on the same clock as the shell's. */
const nowMs = (): number => performance.timeOrigin + performance.now();

/** How long ago the text's time is: seconds with six digits behind the point. */
const ageMs = (stamp: unknown): number => nowMs() - Number(stamp) * 1000;

export const latency: Measurement = async (world) => {
  if (!hasBash()) return [STREAM, WEBHOOK].map((row) => ({ ...row, skipped: "no bash: nobody writes the time" }));
  const webhooks: number[] = [];
  let arrived: () => void = () => undefined;
  const target = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(req) {
      const at = nowMs();
      const body: unknown = await req.json();
      if (typeof body === "object" && body !== null && "lastMessage" in body)
        webhooks.push(at - Number(body.lastMessage) * 1000);
      arrived();
      return new Response();
    },
  });
  const harness = await startHarness(world, world.folder("latency"), { webhook: { url: target.url.href } }, "bash");
  const { api } = harness;
  await makeProject(api, world.dir);
  const ids = await makeAgents(api, AGENTS);

  const stream = await openStream(api, "/events?types=message");
  const streamed: number[] = [];
  const reading = (async () => {
    for await (const { data } of stream.events) {
      const message = data["data"]?.["message"];
      if (String(message?.["role"]) !== "assistant") continue;
      streamed.push(ageMs(message?.["text"]));
      if (streamed.length === AGENTS * MESSAGES) return;
    }
  })();
  await Promise.all(
    ids.map((id) => api.post(`${PROJECT}/agents/${id}/input`, { text: `stream ${MESSAGES} ${PAUSE_SECONDS}` })),
  );
  await reading;
  stream.close();
  await Promise.all(ids.map((id) => api.get(`${PROJECT}/agents/${id}/wait?until=idle&timeout=60`)));

  webhooks.length = 0;
  for (let n = 0; n < TURNS; n++) {
    const next = new Promise<void>((resolve) => (arrived = resolve));
    await api.post(`${PROJECT}/agents/${ids[n % AGENTS]}/input`, { text: "turn" });
    await next;
  }
  await endHarness(harness);
  const hook = quantile(webhooks, 0.5);

  const bareStreamed: number[] = [];
  const load = { agents: AGENTS, messages: MESSAGES, pause: PAUSE_SECONDS };
  await bareStream(world, load, (stamp) => bareStreamed.push(ageMs(stamp)));
  webhooks.length = 0;
  await bareWebhooks(world, target.url.href, TURNS);
  await target.stop(true);

  const [p50, p99] = [quantile(streamed, 0.5), quantile(streamed, 0.99)];
  const [bare50, bare99] = [quantile(bareStreamed, 0.5), quantile(bareStreamed, 0.99)];
  const streams = `p50 ${ms(p50)}, p99 ${ms(p99)} (bare SSE writer p50 ${ms(bare50)}, p99 ${ms(bare99)})`;
  const bareHook = `bare insert and fetch ${ms(quantile(webhooks, 0.5))}`;
  return [
    { ...STREAM, measured: streams, fine: p50 <= 3 && p99 <= 20, absolute: true },
    { ...WEBHOOK, measured: `p50 ${ms(hook)} (${bareHook})`, fine: hook <= 10, absolute: true },
  ];
};
