/**
 * A codec as everybody else sees it: its state is sealed in an envelope that names its version and its kind, and is
 * only ever opened by the codec that made it. Owns what becomes of an envelope that is not of this codec: no step is
 * made of it, and `read` tells why.
 */
import { isObject } from "../lib/check.ts";
import type { Stored } from "../lib/stored.ts";
import type { AnyCodec, Codec, Step } from "./contract.ts";

/** To be raised when a state that was stored before can no longer be read by filling in what is new. */
export const STATE_VERSION = 1;

interface Envelope<S> {
  readonly v: number;
  readonly kind: string;
  readonly state: S;
}

export function sealed<S>(codec: Codec<S>): AnyCodec {
  const { kind } = codec;
  const seal = ({ state, facts, lines }: Step<S>): Step<unknown> => {
    const envelope: Envelope<S> = { v: STATE_VERSION, kind, state };
    return { state: envelope, facts, lines };
  };
  /** What has this version and kind came from `seal` or from `read`. */
  const opened = (state: unknown): state is Envelope<S> =>
    isObject(state) && state["v"] === STATE_VERSION && state["kind"] === kind;
  const within = (state: unknown, work: (own: S) => Step<S>): Step<unknown> =>
    opened(state) ? seal(work(state.state)) : { state, facts: [], lines: [] };
  return {
    kind,
    traits: codec.traits,
    launch: (context) => codec.launch(context),
    read: (json) => readEnvelope(codec, json),
    start: (context) => seal(codec.start(context)),
    adopt: (state, context) => within(state, (own) => codec.adopt(own, context)),
    frame: (state, frame, nowMs) => within(state, (own) => codec.frame(own, frame, nowMs)),
    prompt: (state, input, nowMs) => within(state, (own) => codec.prompt(own, input, nowMs)),
    interrupt: (state, nowMs) => within(state, (own) => codec.interrupt(own, nowMs)),
    answer: (state, answer, nowMs) => within(state, (own) => codec.answer(own, answer, nowMs)),
    farewell: (state) => (opened(state) ? codec.farewell(state.state) : { lines: [], graceMs: 0 }),
    exit: (state, context) => (opened(state) ? codec.exit(state.state, context) : []),
  };
}

function readEnvelope<S>(codec: Codec<S>, json: unknown): Stored<Envelope<S>> {
  const envelope = isObject(json) && "v" in json ? json : { v: STATE_VERSION, kind: codec.kind, state: json };
  const { v, kind, state } = envelope;
  if (typeof v !== "number" || v > STATE_VERSION)
    return {
      ok: false,
      reason: `it has version ${JSON.stringify(v)}, and this program knows them up to ${STATE_VERSION}`,
    };
  if (kind !== codec.kind)
    return {
      ok: false,
      reason: `it is of the kind ${JSON.stringify(kind)}, and the provider is of the kind ${codec.kind}`,
    };
  const read = codec.read(state);
  return read.ok ? { ok: true, state: { v: STATE_VERSION, kind: codec.kind, state: read.state } } : read;
}
