/** What lies between two snapshots: the files, the figures, and the lines, within bounds. Reads the store alone. */
import type { Change } from "./listing.ts";
import { readChanges } from "./listing.ts";
import type { BytePath } from "./paths.ts";
import { toBytes } from "./paths.ts";
import type { Section } from "./patch.ts";
import { cutSections } from "./patch.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { storeOk, storeRun } from "./snapshot-store.ts";
import { GitFailed } from "./git.ts";
import type { WorkFigures } from "../words/workspace.ts";

const LISTED = ["diff-tree", "-r", "-M", "-l2000", "--no-ext-diff", "--no-textconv"];
/** A comparison of two trees of any size is listed within this. */
const LIST_BYTES = 256 * 1024 * 1024;
const PATCH_BYTES = 8 * 1024 * 1024;

export async function changesBetween(store: SnapshotStore, from: string, to: string): Promise<Change[]> {
  const args = [...LISTED, "-z", "--raw", "--numstat", from, to];
  return readChanges(await storeOk(store, { args, maxBytes: LIST_BYTES }));
}

export function figuresOf(changes: readonly Change[]): WorkFigures {
  const sum = (of: "insertions" | "deletions"): number => changes.reduce((total, each) => total + (each[of] ?? 0), 0);
  return { files: changes.length, insertions: sum("insertions"), deletions: sum("deletions") };
}

export interface Compared {
  readonly change: Change;
  /** null: more was to be said than is taken. */
  readonly section: Section | null;
}

/** Each change with its lines, in one order. `path`: only that one. */
export async function diffBetween(
  store: SnapshotStore,
  from: string,
  to: string,
  { path, sectionBytes }: { readonly path?: string | undefined; readonly sectionBytes: number },
): Promise<{ readonly files: Compared[]; readonly truncated: boolean }> {
  const all = await changesBetween(store, from, to);
  const asked = path === undefined ? all : all.filter((each) => each.path === path || each.from === path);
  if (asked.length === 0) return { files: [], truncated: false };
  // A name that is no text cannot be an argument: then all is compared, and the one picked out.
  const names = path === undefined ? [] : asked.flatMap((each) => [each.path, each.from ?? each.path]).map(asText);
  const narrow = names.length > 0 && !names.includes(null);
  const changes = narrow ? asked : all;
  const only = narrow ? ["--", ...new Set(names.filter((name) => name !== null))] : [];
  const args = [...LISTED, "-p", from, to, ...only];
  const answer = await storeRun(store, { args, maxBytes: PATCH_BYTES });
  if (answer.stopped !== "flood" && (answer.code !== 0 || answer.stopped !== null))
    throw new GitFailed("diff-tree", answer);
  const flooded = answer.stopped === "flood";
  const sections = cutSections(answer.stdout, changes, { sectionBytes, broken: flooded });
  const files = changes
    .map((change, i) => ({ change, section: sections[i] ?? null }))
    .filter(({ change }) => asked.includes(change));
  return { files, truncated: files.some(({ section }) => section === null || section.truncated) };
}

function asText(path: BytePath): string | null {
  const bytes = toBytes(path);
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : null;
}

/** All of it, so that `git apply` makes one of the other. */
export function patchBetween(store: SnapshotStore, from: string, to: string): Promise<Buffer> {
  const args = ["diff-tree", "-r", "-M", "-p", "--binary", "--full-index", "--no-ext-diff", "--no-textconv", from, to];
  return storeOk(store, { args, maxBytes: LIST_BYTES });
}
