/**
 * How what the reducer wants done before a turn's end counts is done: once at a time, again by the next daemon, told in
 * the transaction of what it means, and let go of when nobody wants it any more.
 */
import { expect, test } from "bun:test";
import type { ClosingAbout, Found, StepUnderWay } from "../../../src/agents/closing.ts";
import type { ClosingTerms, Finding } from "../../../src/agents/model.ts";
import { listInputs } from "../../../src/store/inputs.ts";
import { findTurn } from "../../../src/store/turns.ts";
import { settled, world } from "./actor-world.ts";

const TERMS = [
  { step: "snapshot", limitMs: 1000, attempts: 0 },
  { step: "check", limitMs: 5000, attempts: 1 },
] as const;

/** Steps that end when the test says so. */
function stage(terms: readonly ClosingTerms[] = TERMS) {
  const begun: string[] = [];
  const heard: string[] = [];
  const ends: ((end: Found) => void)[] = [];
  const closer =
    (step: string) =>
    ({ turn, lost }: ClosingAbout): StepUnderWay => {
      begun.push(`${turn} ${step} ${lost}`);
      const { promise, resolve } = Promise.withResolvers<Found>();
      ends.push(resolve);
      return {
        done: promise,
        expire: () => void heard.push("expire"),
        cancel: () => void heard.push("cancel"),
        release: () => void heard.push("release"),
      };
    };
  const closers = { snapshot: async () => closer("snapshot"), check: async () => closer("check") };
  const it = world(undefined, { terms, closers });
  it.actor.activate();
  it.actor.facts("api", { type: "resume" });
  it.actor.facts("frame", { type: "ready" }, { type: "turn_started" });
  return {
    ...it,
    begun,
    heard,
    async finish(found: Finding, record?: Found["record"]) {
      await settled();
      ends.pop()?.({ found, source: "check", ...(record === undefined ? {} : { record }) });
      await settled();
    },
    ended: () => it.actor.facts("frame", { type: "turn_ended", outcome: "completed" }),
  };
}

const red = { is: "bad", code: "VERIFY_FAILED", message: "red", feedback: "mend it" } as const;
const TURN = "a1b2c3d4-1";

test("the steps are done one after the other, and the turn ends with the last of them", async () => {
  const { ended, finish, begun, stored } = stage();
  ended();
  await settled();
  expect([begun.join(), stored()?.status, stored()?.cause.detail]).toEqual([
    `${TURN} snapshot 0`,
    "processing",
    "saving",
  ]);
  await finish({ is: "good" });
  expect([begun.length, stored()?.cause.detail]).toEqual([2, "verifying"]);
  await finish({ is: "good", checked: { passed: true, exitCode: 0, tail: "ok" } });
  expect(stored()).toMatchObject({ status: "idle", turn: null, lastTurn: { id: TURN, outcome: "completed" } });
});

test("what a check said is kept with the turn, and what was wrong becomes an input of its own", async () => {
  const { ended, finish, store, stored } = stage();
  ended();
  await finish({ is: "good" });
  await finish({ ...red, checked: { passed: false, exitCode: 2, tail: "2 failed" } });
  const verify = { passed: false, exitCode: 2, attempts: 0, tail: "2 failed" };
  expect(findTurn(store, "a1b2c3d4", TURN)).toMatchObject({
    outcome: "failed",
    error: { code: "VERIFY_FAILED" },
    verify,
  });
  expect(listInputs(store, "a1b2c3d4", { after: 0, limit: 9 })).toMatchObject([
    { n: 1, text: "mend it", raw: true, origin: "verify", state: "written" },
  ]);
  expect(stored()).toMatchObject({ status: "processing", fed: { check: 1 }, turn: { id: "a1b2c3d4-2", fed: true } });
});

test("the next daemon takes up the step that was under way; this one lets go of it", async () => {
  const { actor, ended, finish, again, begun, heard, stored } = stage();
  ended();
  await settled();
  actor.close();
  expect(heard).toEqual(["release"]);
  await finish({ is: "good" }); // nobody hears that any more
  expect(stored()?.turn?.closing?.steps).toEqual(["snapshot", "check"]);
  again("b").activate();
  await finish({ is: "good" });
  expect([begun[1], begun[2]]).toEqual([`${TURN} snapshot 0`, `${TURN} check 0`]);
});

test("what is saved behind a turn's end is saved by the next daemon, and an input waits for it there, too", async () => {
  const { actor, clock, ended, finish, again, begun, heard, stored } = stage([
    { step: "snapshot", limitMs: 5000, attempts: 0 },
  ]);
  ended();
  await settled();
  clock.advance(2000);
  await settled();
  expect(stored()).toMatchObject({ status: "idle", lastTurn: { id: TURN }, saving: { turn: TURN, since: 0 } });
  actor.close();
  expect(heard).toEqual(["release"]);
  const next = again("b");
  next.activate();
  await settled();
  expect(begun).toEqual([`${TURN} snapshot 0`, `${TURN} snapshot 0`]);
  await finish({ is: "good" });
  expect(stored()?.saving).toBeNull();
});

test("a step that is lost is done again, with how often that was", async () => {
  const { ended, finish, begun } = stage();
  ended();
  await finish({ is: "good" });
  await finish({ is: "lost", message: "rebooted" });
  expect(begun.at(-1)).toBe(`${TURN} check 1`);
});

test("what came of a step is stored with what that means, and told again while the store takes nothing", async () => {
  const { actor, clock, ended, finish, fill, stored, store } = stage();
  ended();
  await settled();
  fill(true);
  const record = (): void => void store.run("INSERT INTO meta (key, value) VALUES ('saved', 'x')");
  await finish({ is: "good" }, record);
  expect([stored()?.cause.detail, store.get("SELECT value FROM meta WHERE key = 'saved'")]).toEqual(["saving", null]);
  fill(false);
  clock.advance(5000);
  await settled();
  expect(actor.state().turn?.closing?.steps).toEqual(["check"]);
  expect(store.get("SELECT value FROM meta WHERE key = 'saved'")).toEqual({ value: "x" });
});

test("a step whose time is over is told so, and one that nobody wants any more is ended", async () => {
  const { actor, clock, ended, finish, heard, stored } = stage();
  ended();
  await finish({ is: "good" });
  clock.advance(5000);
  await settled();
  expect(heard).toEqual(["expire"]);
  actor.facts("api", { type: "abort", keepQueued: false });
  expect(heard).toEqual(["expire", "cancel"]);
  await finish(red);
  expect(stored()).toMatchObject({ status: "idle", lastTurn: { outcome: "interrupted" } });
});

test("a step that throws is lost, one that nobody can do is passed over", async () => {
  const broken = async () => {
    throw new Error("no disk");
  };
  const { actor, stored } = world(undefined, { terms: TERMS, closers: { check: broken } });
  actor.activate();
  actor.facts("api", { type: "resume" });
  actor.facts("frame", { type: "ready" }, { type: "turn_started" }, { type: "turn_ended", outcome: "completed" });
  for (let step = 0; step < 5; step++) await settled();
  expect(stored()?.lastTurn).toMatchObject({ outcome: "failed", error: { code: "VERIFY_LOST", message: "no disk" } });
});
