/** What others have written down: the reference verifies our webhooks, and Prometheus finds nothing in our metrics. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { installed } from "../support/apt.ts";
import type { Hook } from "../support/hook.ts";
import { startHook } from "../support/hook.ts";
import { eventually } from "../support/api.ts";
import { installStandardWebhooks } from "./api-tools.install.ts";
import { describeReal } from "./install.ts";

const SECRET = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
const reference = await installStandardWebhooks(process.env);
const promtool = await installed("promtool", "prometheus");

let box: Box;
let hook: Hook;
beforeAll(async () => {
  hook = await startHook();
  box = await makeBox({ webhook: { url: hook.url(), token: "t", secret: SECRET } });
  await box.start();
});
afterAll(async () => {
  await box.close();
  await hook.down();
});

interface Reference {
  readonly Webhook: new (secret: string) => { verify(body: string, headers: Record<string, string>): unknown };
}

describeReal("standardwebhooks", reference)("the reference library of Standard Webhooks", () => {
  test("takes what we send, and nothing that was changed on its way", async () => {
    const { Webhook } = (await import(
      "path" in reference ? reference.path.replace(/\/package\.json$/, "") : ""
    )) as Reference;
    await box.api().post("/webhook/test");
    const seen = await eventually("the test webhook", () => hook.seen[0]);
    const headers = Object.fromEntries(Object.entries(seen.headers).map(([name, value]) => [name, String(value)]));
    const webhook = new Webhook(SECRET);
    expect(webhook.verify(seen.raw, headers)).toMatchObject({ event: "test" });
    expect(() => webhook.verify(`${seen.raw} `, headers)).toThrow();
    expect(() => new Webhook(`whsec_${btoa("another secret of enough bytes")}`).verify(seen.raw, headers)).toThrow();
  });
});

describe.skipIf(promtool === null)("promtool check metrics", () => {
  test("finds nothing", async () => {
    const metrics = await (await fetch(`${box.api().url}/metrics`)).text();
    expect(metrics).toContain("agent_harness_info");
    const child = Bun.spawn([promtool ?? "", "check", "metrics"], { stdio: [new Blob([metrics]), "pipe", "pipe"] });
    const said = (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
    expect([await child.exited, said]).toEqual([0, ""]);
  });
});
