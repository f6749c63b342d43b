/**
 * A store of ours for what lies in the folders of a project's agents: one bare repository, whose config and attributes
 * are ours alone, so that contents stay as they are, byte for byte, and nothing of what is stored is ever run. Owns the
 * store's folder, the indexes in it, its names for snapshots, and its tidying. It never touches a project's own
 * repository.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTurnstile } from "./turnstile.ts";
import type { Turnstile } from "./turnstile.ts";
import type { Git, GitRequest } from "./git.ts";
import { given } from "../lib/given.ts";

export interface SnapshotStore {
  readonly dir: string;
  readonly git: Git;
  /** Those who write go in together, the tidying alone: it would take away what nobody names yet. */
  readonly turnstile: Turnstile;
}

/** A command in the store over a folder, with an index of its own. */
export interface StoreRequest extends Omit<GitRequest, "cwd"> {
  readonly work?: string;
  readonly index?: string;
  /** Objects of another repository, only to be read. */
  readonly also?: Readonly<Record<string, string>>;
}

/** Beats every attribute that a folder brings: no filter, no conversion, no driver. */
const ATTRIBUTES = "* -text -ident -filter !eol !working-tree-encoding !diff !merge\n";
const CONFIG: readonly string[] = [
  "core.bare=false",
  "core.autocrlf=false",
  "core.symlinks=true",
  "core.fileMode=true",
  "core.ignoreCase=false",
  // Names that other systems cannot have are no reason not to keep a file.
  "core.protectNTFS=false",
  "core.protectHFS=false",
  "core.logAllRefUpdates=false",
  "core.quotePath=true",
];

/**
 * Makes the store where there is none; `format`: of the project's repository, whose objects have to fit. Once in a
 * daemon's life: nobody else writes into it yet.
 */
export async function openStore(git: Git, dir: string, format = "sha1"): Promise<SnapshotStore> {
  if (existsSync(join(dir, "info", "attributes"))) sweepLocks(dir);
  else if (holdsNames(dir)) writeAttributes(dir);
  else await makeStore(git, dir, format);
  return { dir, git, turnstile: createTurnstile() };
}

/** Made beside its place and moved there whole: of what a death left of an earlier attempt git goes on from nothing. */
async function makeStore(git: Git, dir: string, format: string): Promise<void> {
  const half = `${dir}.new`;
  for (const each of [half, dir]) rmSync(each, { recursive: true, force: true });
  mkdirSync(half, { recursive: true, mode: 0o700 });
  await git.ok({ args: ["init", "-q", "--bare", "--template=", `--object-format=${format}`, half], cwd: "/" });
  writeAttributes(half);
  renameSync(half, dir);
}

const holdsNames = (dir: string): boolean => ["packed-refs", "refs/agents"].some((name) => existsSync(join(dir, name)));

function writeAttributes(dir: string): void {
  mkdirSync(join(dir, "info"), { recursive: true, mode: 0o700 });
  writeFileSync(join(dir, "info", "attributes"), ATTRIBUTES, { mode: 0o600 });
}

/** Of a git that was killed. Whoever comes to such a lock waits for nobody, and fails. */
function sweepLocks(dir: string): void {
  for (const [folder, recursive] of [
    [dir, false],
    [join(dir, "refs"), true],
  ] as const)
    for (const name of readdirSync(folder, { recursive, encoding: "utf8" }))
      if (name.endsWith(".lock")) rmSync(join(folder, name), { force: true });
}

function inStore({ dir }: SnapshotStore, { work, index, also, env, config = [], ...rest }: StoreRequest): GitRequest {
  return {
    ...rest,
    cwd: work ?? dir,
    config: [...CONFIG, ...config],
    env: {
      GIT_DIR: dir,
      // Without a folder of its own a command gets the store's: it must not find one by itself.
      GIT_WORK_TREE: work ?? dir,
      ...given({ GIT_INDEX_FILE: index }),
      ...also,
      ...env,
    },
  };
}

export const storeRun = (store: SnapshotStore, request: StoreRequest) => store.git.run(inStore(store, request));
export const storeOk = (store: SnapshotStore, request: StoreRequest) => store.git.ok(inStore(store, request));
export const storeLine = (store: SnapshotStore, request: StoreRequest) => store.git.line(inStore(store, request));

export const refOf = (agent: string, snapshot: string): string => `refs/agents/${agent}/${snapshot}`;

/** By name; what a daemon that died had stored and not yet told is among them. */
export async function snapshotRefs(store: SnapshotStore, agent: string): Promise<Map<string, string>> {
  const prefix = `refs/agents/${agent}/`;
  const listed = await storeLine(store, { args: ["for-each-ref", "--format=%(refname) %(objectname)", prefix] });
  return new Map(
    listed
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [name = "", id = ""] = line.split(" ");
        return [name.slice(prefix.length), id] as const;
      }),
  );
}

export async function dropSnapshots(store: SnapshotStore, agent: string): Promise<void> {
  const names = [...(await snapshotRefs(store, agent)).keys()];
  if (names.length === 0) return;
  const stdin = Buffer.from(names.map((name) => `delete ${refOf(agent, name)}\n`).join(""));
  await storeOk(store, { args: ["update-ref", "--stdin"], stdin });
  for (const name of readdirSync(store.dir))
    if (name.startsWith(`index-${agent}`)) rmSync(join(store.dir, name), { force: true });
}

/** Where each snapshot of an agent begins; the next is made without. False: there was none. */
export function forgetIndexes(store: SnapshotStore, agent: string): boolean {
  const kept = readdirSync(store.dir).filter((name) => name.startsWith(`index-${agent}`) && !name.includes(".new-"));
  for (const name of kept) rmSync(join(store.dir, name), { force: true });
  return kept.length > 0;
}

/** What a writer that failed has left of objects goes as soon as nobody else can be writing. */
export function sweepHalves({ dir, turnstile }: SnapshotStore): void {
  const objects = join(dir, "objects");
  turnstile.whenLeft(() => {
    for (const folder of [objects, join(objects, "pack")])
      for (const name of readdirSync(folder))
        if (name.startsWith("tmp_")) rmSync(join(folder, name), { recursive: true, force: true });
  });
}

const HOUR_MS = 60 * 60 * 1000;
const TIDY_MS = 10 * 60 * 1000;

/** Packs what is named, drops what nobody names any more, and takes away what deaths in the middle of writing left. */
export async function tidyStore(store: SnapshotStore, nowMs: number): Promise<void> {
  await store.turnstile.alone(async () => {
    sweep(join(store.dir, "objects"), nowMs);
    sweep(store.dir, nowMs);
    await storeOk(store, { args: ["pack-refs", "--all"], timeoutMs: TIDY_MS });
    await storeOk(store, { args: ["repack", "-a", "-d", "-q", "--window=0"], timeoutMs: TIDY_MS });
    await storeOk(store, { args: ["prune", "--expire=now"], timeoutMs: TIDY_MS });
  });
}

/** Old enough that nobody alive can be writing it. */
function sweep(dir: string, nowMs: number): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory() && dir.endsWith("objects")) sweep(path, nowMs);
    else if (/^tmp_|\.lock$|^index-.*\.new\b/.test(entry.name) && nowMs - statSync(path).mtimeMs > HOUR_MS)
      rmSync(path, { force: true });
  }
}
