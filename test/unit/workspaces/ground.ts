/** Folders and repositories for the tests of workspaces, made with the box's git and nothing of the box's config. */
import { afterAll } from "bun:test";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { errorCode } from "../../../src/lib/errors.ts";
import { createGit } from "../../../src/workspaces/git.ts";
import type { SnapshotStore } from "../../../src/workspaces/snapshot-store.ts";
import { openStore } from "../../../src/workspaces/snapshot-store.ts";
import type { Taken, TakeRequest } from "../../../src/workspaces/take.ts";
import { takeSnapshot } from "../../../src/workspaces/take.ts";

export const git = createGit();

const made: string[] = [];
afterAll(() => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

export function ground(): string {
  const dir = mkdtempSync(join(tmpdir(), "workspaces-"));
  made.push(dir);
  return dir;
}

const USER = {
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "user",
  GIT_AUTHOR_EMAIL: "user@localhost",
  GIT_COMMITTER_NAME: "user",
  GIT_COMMITTER_EMAIL: "user@localhost",
};

/** Git as a person uses it: hooks, filters and all. Throws when it fails, unless told not to. */
export function user(cwd: string, args: readonly string[], { mayFail = false, env = {}, input = "" } = {}): string {
  const done = Bun.spawnSync(["git", ...args], { cwd, env: { ...USER, ...env }, stdin: Buffer.from(input) });
  if (done.exitCode !== 0 && !mayFail) throw new Error(`git ${args.join(" ")}: ${done.stderr.toString()}`);
  return done.stdout.toString();
}

export function put(dir: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
}

/** A repository on branch `main` with one commit of these files. */
export function repository(dir: string, files: Readonly<Record<string, string | Uint8Array>> = { a: "1\n" }): string {
  mkdirSync(dir, { recursive: true });
  user(dir, ["init", "-q", "-b", "main"]);
  put(dir, files);
  commit(dir, "first");
  return dir;
}

export function commit(dir: string, message: string): string {
  user(dir, ["add", "-A"]);
  user(dir, ["commit", "-q", "-m", message]);
  return user(dir, ["rev-parse", "HEAD"]).trim();
}

/** Everything below a folder: what it is, its mode and its bytes; names as one character a byte. */
export function picture(dir: string, { without = [] as readonly string[] } = {}): Record<string, string> {
  const seen: Record<string, string> = {};
  const see = (path: Buffer, shown: string): void => {
    const stats = lstatSync(path);
    if (stats.isDirectory()) walk(path, shown);
    else if (stats.isSymbolicLink()) seen[shown] = `link ${readlinkSync(path)}`;
    else if (stats.isFile())
      seen[shown] = `${(stats.mode & 0o111) === 0 ? "file" : "program"} ${readFileSync(path).toString("latin1")}`;
    else seen[shown] = "special";
  };
  const walk = (at: Buffer, name: string): void => {
    for (const each of readdirSync(at, { encoding: "buffer" })) {
      const bytes = Buffer.from(each);
      const path = Buffer.concat([at, Buffer.from("/"), bytes]);
      const shown = name === "" ? bytes.toString("latin1") : `${name}/${bytes.toString("latin1")}`;
      if (without.includes(shown)) continue;
      try {
        see(path, shown);
      } catch (error) {
        if (errorCode(error) !== "ENOENT") throw error; // somebody works here, and has taken it away meanwhile
      }
    }
  };
  walk(Buffer.from(dir), "");
  return seen;
}

let nonce = 0;

export const storeIn = (dir: string): Promise<SnapshotStore> => openStore(git, join(dir, "store.git"));

export const take = (
  store: SnapshotStore,
  folder: string,
  name: string | null,
  more: Partial<TakeRequest> = {},
): Promise<Taken> =>
  takeSnapshot({
    store,
    agent: "a3f2b1c0",
    name,
    parent: null,
    folder,
    maxBytes: 1024 * 1024 * 1024,
    timeoutMs: 120_000,
    nonce: String(nonce++),
    ...more,
  });

/** What the store gives back of a snapshot, by way of git's own archive. */
export function unpacked(store: SnapshotStore, commit: string, dir: string): Record<string, string> {
  mkdirSync(dir, { recursive: true });
  const tar = Bun.spawnSync(["git", "--git-dir", store.dir, "-c", "core.protectNTFS=false", "archive", commit], {
    env: USER,
  });
  if (tar.exitCode !== 0) throw new Error(tar.stderr.toString());
  const out = Bun.spawnSync(["tar", "-xf", "-", "-C", dir], { stdin: tar.stdout });
  if (out.exitCode !== 0) throw new Error(out.stderr.toString());
  return picture(dir);
}
