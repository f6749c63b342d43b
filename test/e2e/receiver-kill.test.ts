/**
 * kill -9 of the receiver at random moments. The account: what a sender got a 2xx for arrives at least once in both
 * sinks, and a double is allowed only for a send that the receiver itself found unrecorded after a death.
 */
import { beforeAll, expect, test } from "bun:test";
import { startFakeDiscord } from "../fakes/discord.ts";
import { startFakeHook } from "../fakes/openclaw-hook.ts";
import { makeBox, postEvent, receiverBinary, until, type RunningReceiver } from "./receiver-helpers.ts";
import { seedOf, seeded } from "../support/random.ts";
import { quietPort } from "../support/hook.ts";

const ROUNDS = 50;
const EVENTS = 300;
const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;

beforeAll(async () => void (await receiverBinary()), 60_000);

interface Send {
  readonly state: string;
  readonly interrupted: number;
}

test(`nothing is lost over ${ROUNDS} deaths, and doubles are exactly explained`, async () => {
  const seed = seedOf("deaths of the receiver");
  const random = seeded(seed);
  const box = makeBox();
  const discord = startFakeDiscord();
  const hook = startFakeHook();
  discord.answerAfterMs = () => random() * 8;
  hook.answerAfterMs = () => random() * 20;
  try {
    box.configure({
      port: await quietPort(),
      secret: SECRET,
      discord: { webhookUrl: discord.webhookUrl, allowOtherHost: true },
      openclaw: { transport: "hook", hookUrl: hook.url, hookToken: hook.token },
    });
    let receiver: RunningReceiver | null = null;
    let repeats = 0;

    // The sender: every event has a stable id and is sent again until it is answered with 2xx.
    const sendAll = async (from: number): Promise<void> => {
      for (let n = from; n < EVENTS; n += 4) {
        for (let answered = false; !answered;) {
          const url = receiver?.url;
          const response =
            url === undefined
              ? null
              : await postEvent(
                  url,
                  { agentId: `agent-${n}-`, lastMessage: `m${n}` },
                  { id: `msg_${n}`, secret: SECRET },
                ).catch(() => null);
          answered = response !== null && response.ok;
          if (response?.status === 200) repeats++;
          if (response !== null && !response.ok)
            throw new Error(`answered ${response.status}: ${await response.text()}`);
          await Bun.sleep(answered ? 60 : 5);
        }
      }
    };
    const senders = Promise.all([0, 1, 2, 3].map(sendAll));

    for (let round = 0; round < ROUNDS; round++) {
      receiver = await box.start();
      await Bun.sleep(random() * 120);
      const dying: RunningReceiver = receiver;
      await dying.end("SIGKILL");
    }
    receiver = await box.start();
    const { url } = receiver;
    await senders;
    const idle = async (): Promise<boolean> => {
      const { sinks } = (await (await fetch(`${url}/health`)).json()) as {
        sinks: { discord: { pending: number }; openclaw: { pending: number } };
      };
      return sinks.discord.pending + sinks.openclaw.pending === 0;
    };
    await until("both sinks to be done", idle, 60_000);

    const account = {
      events: 0,
      discordDoubles: 0,
      discordInterrupted: 0,
      wakeDoubles: 0,
      wakeInterrupted: 0,
      repeats,
    };
    for (let n = 0; n < EVENTS; n++) {
      const { delivery } = (await (await fetch(`${url}/deliveries/msg_${n}`)).json()) as {
        delivery: { sinks: { discord: Send; openclaw: Send } };
      };
      const { discord: toDiscord, openclaw: toOpenclaw } = delivery.sinks;
      const posts = discord.posts.filter(
        (post) => post.payload.embeds?.[0]?.description === `\`\`\`\nm${n}\n\`\`\``,
      ).length;
      const wakes = hook.wakes.filter((wake) => wake.text.includes(`agent-${n}-`)).length;
      const said = `event ${n} with seed ${seed}`;
      expect([said, toDiscord.state, toOpenclaw.state]).toEqual([said, "delivered", "delivered"]);
      expect([said, posts >= 1, posts <= 1 + toDiscord.interrupted]).toEqual([said, true, true]);
      expect([said, wakes >= 1, wakes <= 1 + toOpenclaw.interrupted]).toEqual([said, true, true]);
      account.events++;
      account.discordDoubles += posts - 1;
      account.discordInterrupted += toDiscord.interrupted;
      account.wakeDoubles += wakes - 1;
      account.wakeInterrupted += toOpenclaw.interrupted;
    }
    console.log(`kill -9 account (seed ${seed}): ${JSON.stringify(account)}`);
    // The moments did hit: a run without a single death between sending and recording proves nothing.
    expect(account.discordInterrupted).toBeGreaterThan(0);
    expect(await receiver.end("SIGTERM")).toBe(0);
  } finally {
    await box.close();
    discord.stop();
    hook.stop();
  }
}, 180_000);
