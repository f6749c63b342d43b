/** A snapshot of a folder runs nothing that its repository brings, and changes nothing in it. */
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { findRepository, commitOf, headBranch, objectFormat } from "../../../src/workspaces/repository.ts";
import { git, ground, picture, put, repository, storeIn, take, unpacked, user } from "./ground.ts";
import { plantTraps, springTraps } from "./traps.ts";

test("with every trap planted no mark appears, and the repository is the same byte for byte", async () => {
  const dir = ground();
  const trapped = plantTraps(dir);
  const { work, marks } = trapped;
  const before = picture(work);
  const store = await storeIn(dir);
  const first = await take(store, work, "0");
  put(work, { a: "changed again\n" });
  const second = await take(store, work, "1", { parent: first.commit });
  const repo = findRepository(work);
  if (repo === null) throw new Error("there is a repository");
  expect(await headBranch(git, repo)).toBe("refs/heads/main");
  expect(await commitOf(git, repo, "HEAD")).toMatch(/^[0-9a-f]{40}$/);
  expect(await objectFormat(git, repo)).toBe("sha1");
  expect(marks()).toEqual([]);
  expect(picture(work)).toEqual({ ...before, a: "file changed again\n" });
  expect(unpacked(store, second.commit, join(dir, "out"))).toEqual(
    picture(work, { without: [".git", "module/.git", "nested/.git"] }),
  );
  expect(springTraps(trapped).length).toBeGreaterThan(3);
});

test("a .git that an agent has pointed at a planted repository runs nothing either", async () => {
  const dir = ground();
  const { work, marks } = plantTraps(dir);
  const victim = repository(join(dir, "victim"), { v: "1\n" });
  rmSync(join(victim, ".git"), { recursive: true });
  put(victim, { ".git": `gitdir: ${join(work, ".git")}\n` });
  const before = picture(work);
  const store = await storeIn(dir);
  const { commit } = await take(store, victim, "0");
  expect(unpacked(store, commit, join(dir, "out"))).toEqual({ v: "file 1\n" });
  expect(marks()).toEqual([]);
  expect(picture(work)).toEqual(before);
});

test("a repository that lacks objects is not made to fetch them", async () => {
  const dir = ground();
  const { work, marks } = plantTraps(dir, (at) => {
    user(at, ["config", "extensions.partialClone", "lazy"]);
    user(at, ["config", "core.repositoryFormatVersion", "1"]);
  });
  // As after a clone that left contents out: the tree is known, its files are not.
  const blob = user(work, ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "rev-parse", "HEAD:m.dat"]);
  const id = blob.trim();
  rmSync(join(work, ".git/objects", id.slice(0, 2), id.slice(2)));
  const store = await storeIn(dir);
  const before = marks();
  const { commit } = await take(store, work, "0");
  expect(marks()).toEqual(before);
  expect(unpacked(store, commit, join(dir, "out"))["m.dat"]).toBe("file one\n");
});
