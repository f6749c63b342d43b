/**
 * One bad agent stops one agent. Looked for what a single agent's files can do to all at the boot: supervisor.boot (one
 * rejection ended the start), reconcile.ts (a run folder that is a file or cannot be read, a backlog of megabytes, a
 * descriptor that is missing), watch.ts and identity.ts beneath it, and readiness, which waited for the last of them.
 */
import { expect, test } from "bun:test";
import type { Survivor } from "../../../src/agents/boot.ts";
import { BOOT_MS, takeOver } from "../../../src/agents/boot.ts";
import { fakeClock } from "../../../src/lib/clock.ts";
import { HarnessError } from "../../../src/lib/errors.ts";
import { silentLogger } from "../../../src/lib/log.ts";

const ticks = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) await Promise.resolve();
};

function survivor(id: string, reconcile: () => Promise<void>, said: string[]): Survivor {
  return {
    id,
    reconcile,
    giveUp: async (reason) => void said.push(`${id} given up: ${reason}`),
    activate: () => void said.push(`${id} active`),
  };
}

test("the daemon is ready although one has much to be read; that one alone is pending, until it is done", async () => {
  const clock = fakeClock();
  const said: string[] = [];
  let finish = (): void => undefined;
  const slow = new Promise<void>((resolve) => (finish = resolve));
  const boot = takeOver([survivor("slow", () => slow, said), survivor("quick", async () => undefined, said)], {
    clock,
    log: silentLogger,
  });
  let ready = false;
  void boot.done.then(() => (ready = true));
  await ticks();
  expect([said, ready, boot.isPending("slow"), boot.isPending("quick")]).toEqual([
    ["quick active"],
    false,
    true,
    false,
  ]);
  clock.advance(BOOT_MS);
  await ticks();
  expect([ready, boot.isPending("slow")]).toEqual([true, true]);
  finish();
  await ticks();
  expect([said, boot.isPending("slow")]).toEqual([["quick active", "slow active"], false]);
});

test("all taken over is ready at once", async () => {
  const clock = fakeClock();
  await takeOver([survivor("a", async () => undefined, [])], { clock, log: silentLogger }).done;
  await takeOver([], { clock, log: silentLogger }).done;
});

test("one that cannot be taken over is given up with the reason, and served all the same", async () => {
  const said: string[] = [];
  const broken = survivor("broken", () => Promise.reject(new Error("ENOTDIR: run/1")), said);
  const stuck = { ...survivor("stuck", () => Promise.reject(new Error("x")), said), giveUp: () => Promise.reject(1) };
  const boot = takeOver([broken, stuck, survivor("sound", async () => undefined, said)], {
    clock: fakeClock(),
    log: silentLogger,
  });
  await boot.done;
  expect(said.sort()).toEqual(["broken active", "broken given up: ENOTDIR: run/1", "sound active", "stuck active"]);
  expect(boot.isPending("broken")).toBe(false);
});

test("what cannot be looked at for want of descriptors is looked at again, not taken for dead", async () => {
  const clock = fakeClock();
  const said: string[] = [];
  let tries = 0;
  const reconcile = async (): Promise<void> => {
    tries += 1;
    if (tries < 3) throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
  };
  const boot = takeOver([survivor("a", reconcile, said)], { clock, log: silentLogger });
  for (let n = 0; n < 4; n++) {
    await ticks();
    clock.advance(500);
  }
  await boot.done;
  expect([tries, said]).toEqual([3, ["a active"]]);
});

test("a store that takes nothing at the boot is waited for: no agent is given up, and no start fails", async () => {
  const clock = fakeClock();
  const said: string[] = [];
  const full = new HarnessError("DISK_FULL", "no room");
  const busy = new HarnessError("STORE_BUSY", "somebody holds it");
  const troubles = { reconcile: [busy, full], giveUp: [busy], activate: [full, busy] };
  const failing = (trouble: HarnessError[], work: () => void): void => {
    const next = trouble.shift();
    if (next !== undefined) throw next;
    work();
  };
  const sound = survivor("a", async () => failing(troubles.reconcile, () => said.push("a looked at")), said);
  const broken = survivor("b", () => Promise.reject(new Error("EISDIR")), said);
  const boot = takeOver(
    [
      { ...sound, activate: () => failing(troubles.activate, () => said.push("a active")) },
      { ...broken, giveUp: async () => failing(troubles.giveUp, () => said.push("b given up")) },
    ],
    { clock, log: silentLogger },
  );
  expect(boot.isPending("a")).toBe(true);
  for (let n = 0; n < 8; n++) {
    await ticks();
    clock.advance(500);
  }
  await ticks();
  expect(said.filter((line) => line.startsWith("a"))).toEqual(["a looked at", "a active"]);
  expect(said.filter((line) => line.startsWith("b"))).toEqual(["b given up", "b active"]);
  expect([boot.isPending("a"), boot.isPending("b")]).toEqual([false, false]);
});
