/**
 * A frame whose line begins with bytes that are none of its own: a window title, a progress bar, a colour that a
 * shell's start-up file or a package runner wrote without a line feed. Skipped is only what a terminal would swallow:
 * control and escape sequences, and the text that a carriage return takes back. What is left must be one frame of the
 * protocol up to the end of the line, so a log line that quotes a frame is none.
 */
import { tryJson } from "../lib/json.ts";

/** Foreign bytes are looked for in this much of a line. */
const HEAD_CHARS = 4096;

/** Title and other strings up to BEL or ST; CSI; the escape sequences of two and more bytes; controls, and a BOM. */
const SWALLOWED =
  /(?:\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[P^_X][^\x1b]*\x1b\\|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]+[0-~]|\x1b[0-OQ-WYZ\\`-~]|[\x00-\x1a\x1c-\x1f\x7f ]|\ufeff)+/y;

export interface Recovered {
  readonly raw: string;
  readonly json: unknown;
  /** What stood before it. */
  readonly before: string;
}

/** null: there is no frame behind anything that may be skipped. */
export function frameBehind(raw: string, isFrame: (json: unknown) => boolean): Recovered | null {
  for (const start of starts(raw)) {
    if (start === 0 || raw[start] !== "{") continue;
    const rest = raw.slice(start);
    const json = tryJson(rest);
    if (json !== undefined && isFrame(json)) return { raw: rest, json, before: raw.slice(0, start) };
  }
  return null;
}

/** Three places at most: parsing is what costs. */
function starts(raw: string): ReadonlySet<number> {
  const end = Math.min(raw.trimEnd().length, HEAD_CHARS);
  const head = raw.slice(0, end);
  const brace = head.indexOf("{");
  const returns = [head.lastIndexOf("\r"), brace === -1 ? -1 : head.lastIndexOf("\r", brace)];
  return new Set([0, ...returns.map((at) => at + 1)].map((at) => at + swallowedAt(head, at)));
}

function swallowedAt(head: string, at: number): number {
  SWALLOWED.lastIndex = at;
  return SWALLOWED.exec(head)?.[0].length ?? 0;
}
