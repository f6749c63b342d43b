/**
 * What a killed git of ours leaves in a person's repository is taken away, and nothing else is. The locks are those of
 * the box's own git, killed between taking them and writing.
 */
import { expect, test } from "bun:test";
import { chownSync, existsSync, readFileSync, readdirSync, readlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { branchLocks, createLockKeeper } from "../../../src/workspaces/locks.ts";
import type { LockKeeper } from "../../../src/workspaces/locks.ts";
import { findRepository } from "../../../src/workspaces/repository.ts";
import { listProcesses } from "../../../src/process/proc.ts";
import { eventually } from "../../support/api.ts";
import { commit, ground, put, repository, user } from "./ground.ts";

const LIMIT_MS = 30_000;

const cwdOf = (pid: number): string | null => {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
};

function world() {
  const dir = ground();
  const work = repository(join(dir, "work"));
  const first = user(work, ["rev-parse", "HEAD"]).trim();
  put(work, { a: "2\n" });
  const second = commit(work, "second");
  user(work, ["branch", "review", first]);
  const repo = findRepository(work);
  if (repo === null) throw new Error("there is a repository");
  const notes = join(dir, "notes");
  const locks = (): string[] =>
    ["refs/heads/review.lock", "packed-refs.lock", "packed-refs.new"].filter((name) =>
      existsSync(join(repo.gitDir, name)),
    );
  return { work, first, second, repo, notes, locks, keeper: createLockKeeper(notes) };
}

/** A git that has taken the locks of this change and is killed. */
async function dies(cwd: string, change: string): Promise<void> {
  const git = Bun.spawn(["git", "update-ref", "--stdin"], { cwd, stdin: "pipe", stdout: "pipe" });
  git.stdin.write(`start\n${change}\nprepare\n`);
  git.stdin.flush();
  let said = "";
  for await (const bytes of git.stdout) {
    said += new TextDecoder().decode(bytes);
    if (said.includes("prepare: ok")) break;
  }
  git.kill("SIGKILL");
  await git.exited;
}

const noteOf = (notes: string): string => join(notes, readdirSync(notes)[0] ?? "");

test.each(["the daemon goes on", "the daemon died with it"])(
  "a git that moves a branch is killed, and %s",
  async (how) => {
    const { work, first, second, repo, notes, locks, keeper } = world();
    const over = keeper.begin(branchLocks(repo, "refs/heads/review", second), LIMIT_MS);
    await dies(work, `update refs/heads/review ${second} ${first}`);
    expect(locks()).toEqual(["refs/heads/review.lock"]);
    if (how === "the daemon goes on") over();
    else expect(createLockKeeper(notes).sweep()).toEqual([]);
    expect([locks(), readdirSync(notes)]).toEqual([[], []]);
    user(work, ["branch", "-f", "review", second]);
  },
);

test("a git that deletes a packed branch is killed: the list of packed ones can be written again", async () => {
  const { work, first, repo, notes, locks, keeper } = world();
  user(work, ["pack-refs", "--all"]);
  keeper.begin(branchLocks(repo, "refs/heads/review", null), LIMIT_MS);
  await dies(work, `delete refs/heads/review ${first}`);
  // A death in the very writing.
  if (!locks().includes("packed-refs.new"))
    writeFileSync(join(repo.gitDir, "packed-refs.new"), "# pack-refs with: x\n");
  expect(locks()).toEqual(["refs/heads/review.lock", "packed-refs.lock", "packed-refs.new"]);
  expect(createLockKeeper(notes).sweep()).toEqual([]);
  expect(locks()).toEqual([]);
  expect(user(work, ["rev-parse", "review"]).trim()).toBe(first);
  user(work, ["branch", "-D", "review"]);
  user(work, ["pack-refs", "--all"]);
});

type Case = [string, (w: ReturnType<typeof world>) => void];
const OTHERS: readonly Case[] = [
  ["that was there before", ({ repo }) => writeFileSync(join(repo.gitDir, "refs/heads/review.lock"), "")],
];
const LATER: readonly Case[] = [
  [
    "that holds what we did not write",
    ({ repo }) => writeFileSync(join(repo.gitDir, "refs/heads/review.lock"), `${"1".repeat(40)}\n`),
  ],
  [
    "that came behind the time of our git",
    ({ repo, notes }) => {
      writeFileSync(join(repo.gitDir, "refs/heads/review.lock"), "");
      const long = Date.now() / 1000 - LIMIT_MS / 1000 - 60;
      utimesSync(noteOf(notes), long, long);
    },
  ],
  [
    "of another user",
    ({ repo }) => {
      const path = join(repo.gitDir, "refs/heads/review.lock");
      writeFileSync(path, "");
      if (process.geteuid?.() === 0) chownSync(path, 65_534, 65_534);
      else writeFileSync(path, "not ours either");
    },
  ],
];

test.each([...OTHERS.map((each) => [...each, true] as const), ...LATER.map((each) => [...each, false] as const)])(
  "a lock %s is left alone",
  (_, make, before) => {
    const w = world();
    if (before) make(w);
    w.keeper.begin(branchLocks(w.repo, "refs/heads/review", w.second), LIMIT_MS);
    if (!before) make(w);
    const path = join(w.repo.gitDir, "refs/heads/review.lock");
    const held = readFileSync(path, "utf8");
    expect(createLockKeeper(w.notes).sweep()).toEqual(before ? [] : [path]);
    expect(readFileSync(path, "utf8")).toBe(held);
    expect(readdirSync(w.notes)).toEqual([]);
  },
);

test("while any git works in the repository nothing is taken away, and it is looked at again", async () => {
  const { work, first, second, repo, notes, locks, keeper } = world();
  keeper.begin(branchLocks(repo, "refs/heads/review", second), LIMIT_MS);
  await dies(work, `update refs/heads/review ${second} ${first}`);
  // None of ours: its parent is gone.
  const gate = join(work, "..", "gate");
  Bun.spawnSync(["mkfifo", gate]);
  Bun.spawnSync(["sh", "-c", `git cat-file --batch < '${gate}' > /dev/null 2>&1 &`], {
    cwd: work,
    stdio: ["ignore", "ignore", "ignore"],
  });
  const writer = Bun.spawn(["sh", "-c", `exec 3> '${gate}'; echo open; read line`], { stdin: "pipe", stdout: "pipe" });
  for await (const _ of writer.stdout) break;
  // The gate is opened by a shell, which becomes git a moment later.
  await eventually("git to work", () => listProcesses().some(({ pid, name }) => name === "git" && cwdOf(pid) === work));
  const later: LockKeeper = createLockKeeper(notes);
  expect(later.sweep()).toEqual([]);
  expect(locks()).toEqual(["refs/heads/review.lock"]);
  writer.stdin.end();
  await writer.exited;
  const until = Date.now() + 20_000;
  while (locks().length > 0 && Date.now() < until) {
    later.sweep();
    await Bun.sleep(20);
  }
  expect([locks(), readdirSync(notes)]).toEqual([[], []]);
});
