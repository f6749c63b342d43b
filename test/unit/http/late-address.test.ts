/** An address that the machine does not have yet, as at the start of a box: tried again for a while, then told. */
import { expect, test } from "bun:test";
import { HarnessError } from "../../../src/lib/errors.ts";
import { listen } from "../../../src/http/server.ts";
import type { App } from "../../../src/http/router.ts";

const app: App = { fetch: () => Promise.resolve(new Response()), close: () => undefined, inFlight: 0 };
/** TEST-NET-1: no machine has it. */
const address = { type: "tcp", host: "192.0.2.1", port: 0 } as const;

async function refusedAfterMs(waitForAddressMs: number): Promise<number> {
  const begun = performance.now();
  const refusal = await listen({ app, address, waitForAddressMs }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(HarnessError);
  expect(String(refusal)).toContain("this machine has no such address");
  return performance.now() - begun;
}

test("is tried again for as long as the caller says, and refused at once otherwise", async () => {
  expect(await refusedAfterMs(0)).toBeLessThan(1900);
  expect(await refusedAfterMs(2500)).toBeGreaterThanOrEqual(2500);
});

test("an address that is taken is no late one", async () => {
  const first = await listen({ app, address: { type: "tcp", host: "127.0.0.1", port: 0 } });
  const again = listen({
    app,
    address: { type: "tcp", host: "127.0.0.1", port: first.port ?? 0 },
    waitForAddressMs: 60_000,
  });
  await expect(again).rejects.toThrow("another program uses it");
  await first.stop({ graceMs: 0 });
});
