/**
 * Silence that a codec waits for: an ACP agent's last words, and a refused call of Codex. Looked at: every wait of a
 * codec; these two went by the wall clock. Set forward, it ended a silence that had only begun; set back, it made it be
 * waited for once more.
 */
import { describe, expect, test } from "bun:test";
import type { Actor } from "../../../src/agents/actor.ts";
import { silenceMeter } from "../../../src/agents/silence.ts";
import { acpCodec } from "../../../src/providers/acp/codec.ts";
import { codexCodec } from "../../../src/providers/codex/codec.ts";
import type { AnyCodec, Span } from "../../../src/providers/contract.ts";
import { sealed } from "../../../src/providers/sealed.ts";
import { insertInput } from "../../../src/store/inputs.ts";
import { ready as acpReady } from "../providers/acp/drive.ts";
import { notify, OWN, ready as codexReady, started } from "../providers/codex/talk.ts";
import { settled, world } from "./actor-world.ts";

interface Waiting {
  readonly codec: AnyCodec;
  /** Of a program that waits for its first input. */
  readonly state: object;
  /** What it says until it is silent; said once more, the silence begins anew. */
  readonly says: readonly (readonly object[])[];
  readonly again: object;
  readonly quietMs: number;
  /** What older daemons stored of the silence, instead of what is stored now. */
  readonly older: (state: Record<string, unknown>, atMs: number) => object;
  readonly isOver: (actor: Actor) => boolean;
}

const words = { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "more" } };
const error = { message: "Reconnecting... 1/5", codexErrorInfo: { responseStreamDisconnected: { httpStatusCode: 429 } } };
const refused = notify("error", { threadId: OWN, turnId: "t1", willRetry: true, error });

const CASES: Readonly<Record<"acp" | "codex", Waiting>> = {
  acp: {
    codec: sealed(acpCodec),
    state: acpReady().state,
    says: [[{ jsonrpc: "2.0", id: 3, result: { stopReason: "end_turn" } }]],
    again: { jsonrpc: "2.0", method: "session/update", params: { sessionId: "ses-1", update: words } },
    quietMs: 150,
    older: ({ late: _, ending, ...rest }, atMs) => {
      const { of: __, ...end } = Object(ending);
      return { ...rest, ending: { ...end, atMs }, lateAtMs: atMs };
    },
    isOver: (actor) => actor.state().status === "idle",
  },
  codex: {
    codec: sealed(codexCodec),
    state: codexReady().state,
    says: [[{ id: 3, result: { turn: { id: "t1" } } }, started("t1")], [refused]],
    again: refused,
    quietMs: 300_000,
    older: ({ stuck: _, refusals: __, ...rest }, atMs) => ({ ...rest, stuckAt: atMs }),
    isOver: (actor) => actor.state().limited !== null,
  },
};

const envelope = (codec: AnyCodec, state: unknown) => ({ v: 1, kind: codec.kind, state, told: [] });

async function say(actor: Actor, ...frames: readonly object[]): Promise<void> {
  const lines = frames.map((json) => JSON.stringify(json));
  await actor.frames(
    lines,
    lines.map(() => 0),
    0,
    0,
  );
}

/** An agent at work whose program has just become silent. */
async function silent({ codec, state, says }: Waiting) {
  const it = world(codec);
  const { actor, clock, live, store } = it;
  actor.activate();
  actor.facts("api", { type: "resume" });
  let written: (() => Promise<void>) | null = null;
  const catchUp = async (): Promise<void> => {
    const more = written;
    written = null;
    await more?.();
  };
  const attached = { ...live, send: () => undefined, catchUp };
  actor.run.attach(attached);
  actor.step("frame", (step) => step.codec(() => ({ state: envelope(codec, state), facts: [], lines: [] })));
  actor.facts("frame", { type: "ready" });
  const input = { agent: actor.id, key: "k1", text: "go", raw: false, mode: "queue", origin: "user" } as const;
  const { id, key } = insertInput(store, input, clock.now());
  actor.facts("api", { type: "input", id, key, mode: "queue" });
  for (const frames of says) await say(actor, ...frames);
  return {
    ...it,
    attached,
    write: (...frames: readonly object[]) => void (written = () => say(actor, ...frames)),
    async passes(ms: number): Promise<void> {
      clock.advance(ms);
      await settled();
    },
  };
}

describe.each(["acp", "codex"] as const)("the silence of %s", (kind) => {
  const waiting = CASES[kind];
  const { quietMs, again, isOver, older, codec } = waiting;

  test("is over when it has been quiet so long, and not before", async () => {
    const { actor, passes } = await silent(waiting);
    await passes(quietMs - 1);
    expect(isOver(actor)).toBe(false);
    await passes(1);
    expect(isOver(actor)).toBe(true);
  });

  test.each([3_600_000, -3_600_000])("is as long when the clock is set by %d ms", async (jumpMs) => {
    const { actor, clock, passes } = await silent(waiting);
    await passes(quietMs - 50);
    clock.jump(jumpMs);
    actor.facts("api", { type: "note", level: "info", code: "x", message: "a commit for another reason" });
    await passes(49);
    expect(isOver(actor)).toBe(false);
    await passes(1);
    expect(isOver(actor)).toBe(true);
  });

  test("is told later when what it tells cannot be stored, and never when nobody asks any more", async () => {
    const { actor, passes, fill } = await silent(waiting);
    fill(true);
    await passes(quietMs);
    expect(isOver(actor)).toBe(false);
    fill(false);
    await passes(5000);
    expect(isOver(actor)).toBe(true);
    const { actor: gone, fill: fillGone, clock, passes: later } = await silent(waiting);
    fillGone(true);
    await later(quietMs);
    gone.close();
    expect(clock.pending).toBe(0);
  });

  test("begins anew with what is said in it, also when that is read only at its end, whatever the clock shows", async () => {
    const { actor, clock, passes, write } = await silent(waiting);
    await passes(quietMs - 50);
    await say(actor, again);
    await passes(quietMs - 1);
    expect(isOver(actor)).toBe(false);
    write(again);
    clock.jump(3_600_000);
    await passes(1);
    clock.jump(3_600_000);
    await passes(quietMs - 1);
    expect(isOver(actor)).toBe(false);
    await passes(1);
    expect(isOver(actor)).toBe(true);
  });

  test.each([
    ["of this version", null],
    ["of an older version", 0],
    ["of an older version, by a clock that went ahead", 3_600_000],
  ])("stored by another daemon %s begins anew, and ends", async (_, aheadMs) => {
    const { actor, clock, again: next, runRow, attached, passes } = await silent(waiting);
    await passes(quietMs - 50);
    actor.close();
    const run = runRow();
    if (run === null) throw new Error("it has no run");
    const { state } = run.codec as { readonly state: Record<string, unknown> };
    const stored = aheadMs === null ? state : older(state, clock.now() + aheadMs);
    clock.advance(86_400_000);
    const other = next("b");
    expect(other.restore({ ...run, codec: envelope(codec, stored) })).toBeNull();
    other.run.attach(attached);
    other.activate();
    await passes(quietMs - 1);
    expect(isOver(other)).toBe(false);
    await passes(1);
    expect(isOver(other)).toBe(true);
  });
});

test("a turn of ACP waits a second at most, however much is still said and however the clock is set", async () => {
  const { actor, clock, passes } = await silent(CASES.acp);
  for (let ms = 0; ms < 900; ms += 100) {
    await passes(100);
    clock.jump(ms % 200 === 0 ? 3_600_000 : -3_600_000);
    await say(actor, CASES.acp.again);
  }
  await passes(99);
  expect(CASES.acp.isOver(actor)).toBe(false);
  await passes(1);
  expect(CASES.acp.isOver(actor)).toBe(true);
});

test("a second ending has its own second", () => {
  let ranMs = 0;
  let wanted: readonly Span[] = [];
  const left = silenceMeter({ now: () => ranMs }, () => wanted);
  const wants = (of: number, ending: number): number => {
    wanted = [
      { of, ms: 150 },
      { of: ending, ms: 1000 },
    ];
    return left();
  };
  expect([left(), wants(1, 0)]).toEqual([Infinity, 150]);
  ranMs = 950;
  expect([wants(2, 0), wants(3, 1)]).toEqual([50, 150]);
  ranMs = 1100;
  expect([wants(3, 1), wants(4, 1)]).toEqual([0, 150]);
});
