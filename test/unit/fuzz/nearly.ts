/** What the fuzz tests of the codecs share: lines that are almost right, and what must hold of every step. */
import { tryJson } from "../../../src/lib/json.ts";
import type { AnyCodec, Frame, Step } from "../../../src/providers/contract.ts";
import type { Random } from "../../support/fuzz.ts";
import { anyValue, mangled, mutated, pick } from "../../support/fuzz.ts";
import type { Moment } from "../providers/record.ts";

export const NOW_MS = Date.UTC(2026, 1, 18);

/** Nothing that cannot be sent or stored; gives the state as it is read back. */
export function looksRight(codec: AnyCodec, { state, facts, lines }: Step<unknown>): unknown {
  for (const line of lines) if (line.includes("\n")) throw new Error(`two lines in one: ${line.slice(0, 200)}`);
  for (const fact of facts)
    if (typeof fact.type !== "string") throw new Error(`a fact without a type: ${String(fact)}`);
  const stored = codec.read(JSON.parse(JSON.stringify(state)));
  if (!stored.ok) throw new Error(`what was stored is not readable: ${stored.reason}`);
  return stored.state;
}

/** A line of the program, or nearly one. */
export function nearlyAFrame(next: Random, frames: readonly string[]): Frame {
  const raw = pick(next, frames);
  const how = next();
  if (how < 0.1) return { raw, json: tryJson(raw) };
  if (how < 0.2) {
    const text = Buffer.from(mangled(next, Buffer.from(raw)))
      .toString("utf8")
      .replaceAll("\n", " ");
    return { raw: text, json: tryJson(text) };
  }
  const json = how < 0.9 ? mutated(next, tryJson(raw)) : anyValue(next);
  return { raw: JSON.stringify(json) ?? "null", json };
}

/** Of a program that speaks no protocol any line is as good as another. */
export function framesOf(moments: readonly Moment[]): readonly string[] {
  const frames = moments.flatMap(({ raw }) => (raw === undefined ? [] : [raw]));
  return frames.length > 0 ? frames : ["a plain line", '{"a":1}'];
}
