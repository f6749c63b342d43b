/**
 * An agent's work as commits: what it committed on its branch, and what merely lies in its folder, put on top. Computed
 * in a store of ours over the repository's objects, which are only read; contents stand as they lie in the folder.
 */
import { join } from "node:path";
import { rmSync } from "node:fs";
import type { IndexEntry } from "./listing.ts";
import { GITLINK, readEntries } from "./listing.ts";
import type { BytePath } from "./paths.ts";
import { parents, toBytes } from "./paths.ts";
import type { Repository } from "./repository.ts";
import { objectsOf } from "./repository.ts";
import type { SnapshotStore, StoreRequest } from "./snapshot-store.ts";
import { storeLine, storeOk, storeRun } from "./snapshot-store.ts";
import { given } from "../lib/given.ts";

export interface WorkRequest {
  readonly store: SnapshotStore;
  readonly repo: Repository;
  /** The commit that the work began at, and the snapshot of it. */
  readonly base: string;
  readonly first: string;
  /** Where its branch is, and the newest snapshot. */
  readonly tip: string;
  readonly last: string;
  readonly nonce: string;
}

export interface Uncommitted {
  readonly paths: readonly BytePath[];
  /** What lies in repositories within the folder is no part of this one. */
  readonly nested: readonly BytePath[];
  readonly entries: readonly IndexEntry[];
  readonly gone: readonly BytePath[];
}

const LINES_MAX = 256 * 1024 * 1024;

/** For commands over both stores' objects. */
export const over = (repo: Repository, request: StoreRequest): StoreRequest => ({ also: objectsOf(repo), ...request });

async function entries(store: SnapshotStore, repo: Repository, commit: string): Promise<Map<BytePath, IndexEntry>> {
  const args = ["ls-tree", "-r", "-z", "--full-tree", commit];
  const listed = readEntries(await storeOk(store, over(repo, { args, maxBytes: LINES_MAX })));
  return new Map(listed.map((each) => [each.path, each]));
}

/**
 * What lies in the folder and is not committed. A file that is as it was at the start, and whose committed form is as
 * it was, is no change: a filter or a conversion made it look like one.
 */
export async function uncommitted({ store, repo, base, first, tip, last }: WorkRequest): Promise<Uncommitted> {
  const [began, held, committed, lies] = await Promise.all([
    entries(store, repo, base),
    entries(store, repo, first),
    entries(store, repo, tip),
    entries(store, repo, last),
  ]);
  const same = (a: IndexEntry | undefined, b: IndexEntry | undefined): boolean =>
    a?.oid === b?.oid && a?.mode === b?.mode;
  const links = new Set([...committed.values()].filter(({ mode }) => mode === GITLINK).map(({ path }) => path));
  const paths: BytePath[] = [];
  const nested = new Set<BytePath>();
  for (const path of new Set([...committed.keys(), ...lies.keys()])) {
    const [was, is] = [committed.get(path), lies.get(path)];
    if (same(was, is) || was?.mode === GITLINK) continue;
    if (same(held.get(path), is) && same(began.get(path), was)) continue;
    const within = parents(path).find((parent) => links.has(parent));
    if (within === undefined) paths.push(path);
    else if (!same(held.get(path), is)) nested.add(within);
  }
  paths.sort();
  return {
    paths,
    nested: [...nested].sort(),
    entries: paths.flatMap((path) => lies.get(path) ?? []),
    gone: paths.filter((path) => !lies.has(path)),
  };
}

/** The branch's commit, or one on top of it with what was not committed. */
export async function workCommit(request: WorkRequest, left: Uncommitted, message: string): Promise<string> {
  const { store, repo, tip, nonce } = request;
  if (left.paths.length === 0) return tip;
  const index = join(store.dir, `index-work.new-${nonce}`);
  try {
    const git = (args: readonly string[], stdin?: Uint8Array): StoreRequest =>
      over(repo, { index, args, ...given({ stdin }) });
    await storeOk(store, git(["read-tree", tip]));
    const zero = "0".repeat(tip.length);
    const lines = [
      ...left.gone.map((path) => `0 ${zero}\t${path}\0`),
      ...left.entries.map(({ mode, oid, path }) => `${mode} ${oid}\t${path}\0`),
    ];
    await storeOk(store, git(["update-index", "--replace", "-z", "--index-info"], toBytes(lines.join(""))));
    const tree = await storeLine(store, git(["write-tree"]));
    return await storeLine(store, git(["commit-tree", tree, "-p", tip, "-m", message]));
  } finally {
    rmSync(index, { force: true });
  }
}

export async function treeOfCommit(store: SnapshotStore, repo: Repository, commit: string): Promise<string> {
  return storeLine(store, over(repo, { args: ["rev-parse", `${commit}^{tree}`] }));
}

export async function isAncestor(
  store: SnapshotStore,
  repo: Repository,
  older: string,
  newer: string,
): Promise<boolean> {
  const answer = await storeRun(store, over(repo, { args: ["merge-base", "--is-ancestor", older, newer] }));
  return answer.code === 0;
}

/** How many commits of the branch are not in the one it began at. */
export async function commitsSince(store: SnapshotStore, repo: Repository, base: string, tip: string): Promise<number> {
  const said = await storeLine(store, over(repo, { args: ["rev-list", "--count", tip, `^${base}`] }));
  return Number(said);
}
