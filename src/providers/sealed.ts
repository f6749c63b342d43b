/**
 * A codec as everybody else sees it: its state is sealed in an envelope that names its version and its kind, and is
 * only ever opened by the codec that made it. Owns what holds for all codecs, so that none can forget it: what becomes
 * of an envelope that is not of this codec (no step is made of it, and `read` tells why), of lines that are no frames,
 * and that everything a program says is cut to size.
 */
import { describe, isObject } from "../lib/check.ts";
import type { Stored } from "../lib/stored.ts";
import { excerpt } from "../lib/text.ts";
import { admitted } from "./admit.ts";
import type { AnyCodec, Codec, Frame, ProviderFact, Step } from "./contract.ts";
import { frameBehind, type Recovered } from "./line.ts";
import { FrameRefused, number, strings, text } from "./read.ts";

/** To be raised when a state that was stored before can no longer be read by filling in what is new. */
export const STATE_VERSION = 1;

interface Envelope<S> {
  readonly v: number;
  readonly kind: string;
  readonly state: S;
  /** What was told of this run's lines and is not told again. */
  readonly told: readonly Once[];
}

const ONCE = ["foreign_output", "foreign_bytes", "frame_refused"] as const;
type Once = (typeof ONCE)[number];

export function sealed<S>(codec: Codec<S>): AnyCodec {
  const { kind } = codec;
  const seal = ({ state, facts, lines }: Step<S>, told: readonly Once[] = []): Step<unknown> => {
    const envelope: Envelope<S> = { v: STATE_VERSION, kind, state, told };
    return { state: envelope, facts, lines };
  };
  /** What has this version and kind came from `seal` or from `read`. */
  const opened = (state: unknown): state is Envelope<S> =>
    isObject(state) && state["v"] === STATE_VERSION && state["kind"] === kind;
  const within = (state: unknown, work: (own: S) => Step<S>): Step<unknown> =>
    opened(state) ? seal(kept(work(state.state)), state.told) : { state, facts: [], lines: [] };

  const frame = ({ state, told }: Envelope<S>, given: Frame, nowMs: number): Step<unknown> => {
    const foreign = given.json === undefined && !codec.traits.oneshot && given.raw.trim() !== "";
    const behind = foreign ? frameBehind(given.raw, codec.isFrame) : null;
    const aside = foreign ? lineFacts(told, given.raw, behind) : [];
    const once = [...told, ...aside.map(({ once }) => once)];
    try {
      const step = codec.frame(state, behind ?? given, nowMs);
      const facts = [...aside.map(({ fact }) => fact), ...step.facts.map(admitted)];
      return seal({ ...step, facts }, once);
    } catch (error) {
      if (!(error instanceof FrameRefused)) throw error;
      const message = `a frame was passed over: ${error.message}`;
      const facts: ProviderFact[] = told.includes("frame_refused")
        ? []
        : [{ type: "note", level: "warn", code: "frame_refused", message }];
      return seal({ state, facts, lines: [] }, [...once, ...(facts.length > 0 ? (["frame_refused"] as const) : [])]);
    }
  };

  return {
    kind,
    traits: codec.traits,
    launch: (context) => codec.launch(context),
    read: (json) => readEnvelope(codec, json),
    start: (context) => seal(kept(codec.start(context))),
    adopt: (state, context) => within(state, (own) => codec.adopt(own, context)),
    isFrame: codec.isFrame,
    frame: (state, given, nowMs) => (opened(state) ? frame(state, given, nowMs) : { state, facts: [], lines: [] }),
    silence: (state) => (opened(state) ? (codec.silence?.(state.state) ?? []) : []),
    quiet: (state) => within(state, (own) => codec.quiet?.(own) ?? { state: own, facts: [], lines: [] }),
    prompt: (state, input, nowMs) => within(state, (own) => codec.prompt(own, input, nowMs)),
    interrupt: (state, nowMs) => within(state, (own) => codec.interrupt(own, nowMs)),
    answer: (state, answer, nowMs) => within(state, (own) => codec.answer(own, answer, nowMs)),
    farewell: (state) => (opened(state) ? codec.farewell(state.state) : { lines: [], graceMs: 0 }),
    ownProcesses: (state) => (opened(state) ? (codec.ownProcesses?.(state.state) ?? 1) : 1),
    exit: (state, context) =>
      opened(state) ? kept({ state, facts: codec.exit(state.state, context), lines: [] }).facts : [],
  };
}

/** Of what is told without a frame, only the fact that cannot be taken is left out. */
function kept<T>(step: Step<T>): Step<T> {
  const facts = step.facts.flatMap((fact) => {
    try {
      return [admitted(fact)];
    } catch (error) {
      if (error instanceof FrameRefused) return [];
      throw error;
    }
  });
  return { ...step, facts };
}

interface Told {
  readonly once: Once;
  readonly fact: ProviderFact;
}

/** What is said of a line that is no frame, or none from its first byte on; each once a run. */
function lineFacts(told: readonly Once[], raw: string, behind: Recovered | null): readonly Told[] {
  const once: Once = behind === null ? "foreign_output" : "foreign_bytes";
  if (told.includes(once)) return [];
  if (behind === null) return [{ once, fact: { type: "foreign_output", line: excerpt(raw.trim(), 200) } }];
  const before = JSON.stringify(excerpt(behind.before, 200));
  const message = `something wrote to the program's stdout in front of a frame, which was passed over: ${before}`;
  return [{ once, fact: { type: "note", level: "warn", code: once, message } }];
}

function readEnvelope<S>(codec: Codec<S>, json: unknown): Stored<Envelope<S>> {
  // Before it named its version, the state was all there was.
  const own = isObject(json) && "v" in json ? json : { v: STATE_VERSION, kind: codec.kind, state: json };
  const version = number(own, "v");
  if (version < 1 || version > STATE_VERSION) {
    const reason = `it has the version ${describe(own["v"])}, known are those up to ${STATE_VERSION}`;
    return { ok: false, reason };
  }
  const kind = text(own, "kind");
  if (kind !== codec.kind)
    return { ok: false, reason: `it is of the kind ${describe(kind)}, and the provider of the kind ${codec.kind}` };
  const read = codec.read(own["state"]);
  if (!read.ok) return read;
  const told = ONCE.filter((each) => strings(own, "told").includes(each));
  return { ok: true, state: { v: STATE_VERSION, kind, state: read.state, told } };
}
