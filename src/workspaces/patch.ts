/** A unified diff of many files, cut into one section a file and to a size. Pure. */
import type { Change } from "./listing.ts";

export interface Section {
  readonly text: string;
  readonly truncated: boolean;
}

const HEAD = Buffer.from("diff --git ");

/** Where each section begins. Within one, no line can begin like that: lines of contents have a sign before them. */
function beginnings(patch: Buffer): number[] {
  const found: number[] = [];
  for (let at = patch.subarray(0, HEAD.length).equals(HEAD) ? 0 : next(patch, 0); at !== -1; at = next(patch, at))
    found.push(at);
  return found;
}

function next(patch: Buffer, after: number): number {
  const at = patch.indexOf("\ndiff --git ", after);
  return at === -1 ? -1 : at + 1;
}

/** `broken`: the last of them was cut somewhere. A change of kind (a file became a link) has two sections. */
export function cutSections(
  patch: Buffer,
  changes: readonly Change[],
  { sectionBytes, broken }: { readonly sectionBytes: number; readonly broken: boolean },
): Section[] {
  const starts = beginnings(patch);
  const sections: Section[] = [];
  let at = 0;
  for (const { kind } of changes) {
    const count = kind === "type" ? 2 : 1;
    const start = starts[at];
    if (start === undefined) break;
    const end = starts[at + count];
    at += count;
    sections.push(section(patch.subarray(start, end), sectionBytes, end === undefined && broken));
  }
  return sections;
}

function section(bytes: Buffer, most: number, broken: boolean): Section {
  if (bytes.length <= most && !broken) return { text: bytes.toString("utf8"), truncated: false };
  const kept = bytes.subarray(0, most);
  const line = kept.lastIndexOf(0x0a);
  return { text: kept.subarray(0, line + 1).toString("utf8"), truncated: true };
}
