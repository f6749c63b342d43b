/**
 * An abort or a stop that meets a plain command while it is being started. Looked for where else a codec begins anew
 * behind an interrupt: every other kind has its turn only when it is ready, and one that is aborted before has no turn
 * of its program's.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";

let box: Box;
beforeAll(async () => {
  box = await makeBox({ providers: { slow: { kind: "command", command: ["sleep", "60"] } } });
  const api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(() => box.close());

/** From before the process is there to after: which is which depends on the machine, and all must end alike. */
const AFTER_MS = [0, 0, 0, 5, 10, 20, 40, 80];

test.each(["abort", "stop"])(
  "%s at once interrupts, it fails nothing",
  async (how) => {
    const api = box.api();
    const ends = AFTER_MS.map(async (ms) => {
      const { agent } = await api.post("/projects/p/agents", { provider: "slow", task: "t" });
      const path = `/projects/p/agents/${String(agent?.["id"])}`;
      await Bun.sleep(ms);
      await api.post(`${path}/${how}`);
      const after = (await api.get(`${path}/wait?timeout=20`))["agent"];
      return [String(after?.["status"]), String(after?.["turn"]?.["outcome"])];
    });
    expect(await Promise.all(ends)).toEqual(AFTER_MS.map(() => ["idle", "interrupted"]));
  },
  60_000,
);
