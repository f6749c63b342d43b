/**
 * Takes a snapshot: what lies in a folder becomes a commit in a store of ours. The folder is only read, its repository
 * asked for nothing but the names of files that it tracks though they are ignored. What could not be taken is named;
 * one file that cannot be read never costs the others. A snapshot is whole under its name, or not there.
 */
import { lstatSync, rmSync } from "node:fs";
import { link, rename } from "node:fs/promises";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { errorCode, errorText } from "../lib/errors.ts";
import type { IndexEntry, Skipped } from "./listing.ts";
import { readEntries, refusedPath, unreadableFolders } from "./listing.ts";
import type { BytePath } from "./paths.ts";
import { below, joinNul, readPath, shownPath, splitNul, toBytes } from "./paths.ts";
import type { Repository } from "./repository.ts";
import { excludeFile, findRepository, trackedButIgnored } from "./repository.ts";
import { measure, notBehindLinks, unreadable } from "./measure.ts";
import type { SnapshotStore, StoreRequest } from "./snapshot-store.ts";
import { forgetIndexes, refOf, storeLine, storeOk, storeRun, sweepHalves } from "./snapshot-store.ts";
import { GitFailed, lacksRoom } from "./git.ts";
import { given } from "../lib/given.ts";

export interface TakeRequest {
  readonly store: SnapshotStore;
  readonly agent: string;
  /** Its name among the agent's snapshots. null: it has none, and goes with the next tidying. */
  readonly name: string | null;
  /** The commit before it, if any. */
  readonly parent: string | null;
  readonly folder: string;
  /** What new and changed files may come to. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
  /** Taken as well, whatever a `.gitignore` says. */
  readonly alsoPaths?: readonly BytePath[];
  readonly signal?: AbortSignal;
  /** Tells names of indexes apart. */
  readonly nonce: string;
}

export interface Taken {
  readonly commit: string;
  readonly tree: string;
  readonly skipped: readonly Skipped[];
  /** Folders with a repository of their own; their files are in it as plain files. */
  readonly nested: readonly BytePath[];
  /** Of new and changed files. */
  readonly bytes: number;
}

/** More new files than this go into a pack instead of a file each. */
const PACK_FROM = 50;
/** Of files in one such pack: git looks through all that it wrote into it for each further one. */
const PACK_FILES = 10_000;
const MAX_NESTED = 100;
const MAX_DEPTH = 4;
const RETRIES = 20;

interface Pass {
  readonly request: TakeRequest;
  /** Of each folder the index to begin the next snapshot with, once this one has its name. */
  readonly indexes: { readonly made: string; readonly kept: string }[];
  readonly skipped: Skipped[];
  readonly nested: BytePath[];
  bytes: number;
}

/** Throws `GitFailed` where nothing could be taken at all; then nothing is left of it. */
export function takeSnapshot(request: TakeRequest): Promise<Taken> {
  return request.store.turnstile.together(() => takeInside(request));
}

/** For those who are inside the turnstile, and use it before they leave. */
export async function takeInside(request: TakeRequest): Promise<Taken> {
  for (;;)
    try {
      return await attempt(request);
    } catch (error) {
      sweepHalves(request.store);
      // A death of the box may have left an index that nothing can be made of: once more without.
      const broken = error instanceof GitFailed && error.answer.stopped === null && !lacksRoom(error.answer.stderr);
      if (!broken || !forgetIndexes(request.store, request.agent)) throw error;
    }
}

async function attempt(request: TakeRequest): Promise<Taken> {
  const { store, agent, name, parent, folder } = request;
  const pass: Pass = { request, indexes: [], skipped: [], nested: [], bytes: 0 };
  try {
    const there = lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
    // A folder that is gone holds nothing: that, too, is a state to come back from.
    const tree = there
      ? await treeOf(pass, folder, "", 0)
      : await storeLine(store, { args: ["mktree"], stdin: NOTHING });
    const args = ["commit-tree", tree, ...(parent === null ? [] : ["-p", parent]), "-m", `snapshot ${name ?? ""}`];
    const commit = await storeLine(store, { args });
    if (name !== null) {
      await storeOk(store, { args: ["update-ref", refOf(agent, name), commit] });
      // Only now: what no name holds may be tidied away, and an index that goes without it would be good for nothing.
      for (const { made, kept } of pass.indexes) await rename(made, kept);
    }
    return { commit, tree, skipped: pass.skipped, nested: pass.nested, bytes: pass.bytes };
  } finally {
    for (const { made } of pass.indexes) rmSync(made, { force: true });
  }
}

const NOTHING = new Uint8Array();

/** The tree of a folder, with those of the repositories in it as plain folders. */
async function treeOf(pass: Pass, work: string, prefix: BytePath, depth: number): Promise<string> {
  const { store, agent, nonce, timeoutMs, signal } = pass.request;
  const kept = join(store.dir, `index-${agent}${prefix === "" ? "" : `-${hashed(prefix)}`}`);
  const index = `${kept}.new-${nonce}`;
  const repo = findRepository(work);
  const own = repo !== null && (prefix === "" || repo.prefix === "") ? repo : null;
  const config = own === null ? ["core.excludesFile=/dev/null"] : [`core.excludesFile=${excludeFile(own)}`];
  const git = (more: Omit<StoreRequest, "work" | "index">): StoreRequest => ({
    work,
    index,
    timeoutMs,
    ...given({ signal }),
    ...more,
    config: [...config, ...(more.config ?? [])],
  });
  try {
    // Git never changes an index in place, so the kept one stays as it is, with its times, until this one is whole.
    await link(kept, index).catch((error: unknown) => {
      if (errorCode(error) !== "ENOENT") throw error;
    });
    const found = await candidates(pass, own, work, prefix, git);
    await add(pass, work, prefix, found.paths, git);
    // What follows writes the index anew, and leaves this one as it is.
    const made = `${index}-made`;
    await link(index, made).then(
      () => pass.indexes.push({ made, kept }),
      (error: unknown) => {
        if (errorCode(error) !== "ENOENT") throw error; // nothing was ever added: there is no index
      },
    );
    for (const nested of found.nested) await fold(pass, work, prefix, nested, depth, git);
    return await storeLine(store, git({ args: ["write-tree"] }));
  } finally {
    rmSync(index, { force: true });
    rmSync(`${index}.lock`, { force: true });
  }
}

const hashed = (prefix: BytePath): string => createHash("sha1").update(toBytes(prefix)).digest("hex");

type InFolder = (more: Omit<StoreRequest, "work" | "index">) => StoreRequest;

/** What is new, changed or gone since the kept index, and the folders with a repository of their own. */
async function candidates(pass: Pass, repo: Repository | null, work: string, prefix: BytePath, git: InFolder) {
  const { store, alsoPaths = [] } = pass.request;
  const answer = await storeRun(store, git({ args: ["ls-files", "-z", "-o", "-m", "--exclude-standard"] }));
  if (answer.code !== 0 || answer.stopped !== null) throw new GitFailed("ls-files", answer);
  pass.skipped.push(
    ...unreadableFolders(answer.stderr).map(({ path, why }) => ({
      path: prefix + path,
      why: `cannot be read: ${why}`,
    })),
  );
  const paths = new Set<BytePath>();
  const nested: BytePath[] = [];
  for (const path of splitNul(answer.stdout)) {
    if (path.endsWith("/")) nested.push(path.slice(0, -1));
    else paths.add(path);
  }
  const also = repo === null ? [] : await ignoredToo(pass, repo, work, prefix);
  const listed = new Set(await notBehindLinks(work, prefix === "" ? [...also, ...alsoPaths] : also));
  const known = new Set(
    listed.size === 0 ? [] : splitNul(await storeOk(store, git({ args: ["ls-files", "-z", "-c"] }))),
  );
  for (const path of listed) if (!known.has(path)) paths.add(path);
  return { paths: [...paths], nested: nested.sort() };
}

/** What the repository tracks though it is ignored. Where that cannot be told, the snapshot says so. */
async function ignoredToo(pass: Pass, repo: Repository, work: string, prefix: BytePath): Promise<readonly BytePath[]> {
  try {
    return await trackedButIgnored(pass.request.store.git, repo, work);
  } catch (error) {
    const why = `files that are tracked although they are ignored cannot be listed: ${errorText(error)}`;
    pass.skipped.push({ path: `${prefix}.git`, why });
    return [];
  }
}

/** Puts them into the index, each with its contents in the store. */
async function add(pass: Pass, work: string, prefix: BytePath, paths: readonly BytePath[], git: InFolder) {
  if (paths.length === 0) return;
  const { store, maxBytes } = pass.request;
  const named = (skipped: readonly Skipped[]): void =>
    void pass.skipped.push(...skipped.map(({ path, why }) => ({ path: prefix + path, why })));
  const measured = await measure(work, paths, maxBytes, pass.bytes);
  named(measured.skipped);
  pass.bytes = measured.bytes;
  let wanted = measured.paths;
  const out = new Set(measured.skipped.map(({ path }) => path));
  // One that is not taken now must not be there as it was before.
  const forget = (): Promise<Buffer> =>
    storeOk(store, git({ args: ["update-index", "--force-remove", "-z", "--stdin"], stdin: joinNul(out) }));
  const config = wanted.length > PACK_FROM ? ["core.bigFileThreshold=1"] : [];
  const args = ["update-index", "--add", "--remove", "--replace", "-z", "--stdin"];
  for (let tries = 0, done = 0; done < wanted.length;) {
    const part = wanted.slice(done, done + PACK_FILES);
    const answer = await storeRun(store, git({ args, stdin: joinNul(part), config }));
    if (answer.code === 0 && answer.stopped === null) {
      // Names that no tree can hold (`.GIT`).
      for (const [, path = ""] of answer.stderr.matchAll(/^Ignoring path (.*)$/gm))
        named([{ path: readPath(path), why: "git cannot keep a file of this name" }]);
      done += part.length;
      continue;
    }
    const refused = answer.stopped === null && !lacksRoom(answer.stderr) ? refusedPath(answer.stderr) : null;
    if (refused === null || tries++ === RETRIES) throw new GitFailed("update-index", answer);
    // All that cannot be read go at once; one that can be and is refused all the same goes by itself.
    const closed = await unreadable(work, part);
    if (!closed.some(({ path }) => path === refused)) closed.push({ path: refused, why: firstLine(answer.stderr) });
    named(closed);
    for (const { path } of closed) out.add(path);
    wanted = wanted.filter((path, i) => i < done || !out.has(path));
  }
  if (out.size > 0) await forget();
}

const firstLine = (text: string): string => text.split("\n", 1)[0] ?? "";

/** A repository within the folder: its files become plain ones below its path. */
async function fold(pass: Pass, work: string, prefix: BytePath, nested: BytePath, depth: number, git: InFolder) {
  const { store } = pass.request;
  const whole = prefix + nested;
  if (depth === MAX_DEPTH || pass.nested.length === MAX_NESTED)
    return void pass.skipped.push({ path: whole, why: "too many repositories within each other" });
  const folder = below(work, nested);
  const text = folder.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(folder))
    return void pass.skipped.push({ path: whole, why: "a repository whose name is no text" });
  pass.nested.push(whole);
  try {
    const tree = await treeOf(pass, text, `${whole}/`, depth + 1);
    await storeOk(store, git({ args: ["read-tree", `--prefix=${nested}/`, tree] }));
  } catch (error) {
    if (!(error instanceof GitFailed) || error.answer.stopped !== null) throw error;
    pass.skipped.push({ path: whole, why: `a repository that could not be taken: ${shownPath(error.message)}` });
  }
}

/** The files of a snapshot. */
export async function entriesOf(store: SnapshotStore, commit: string): Promise<IndexEntry[]> {
  return readEntries(await storeOk(store, { args: ["ls-tree", "-r", "-z", "--full-tree", commit] }));
}
