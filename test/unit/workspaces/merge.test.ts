/** What a merge comes to, and what is no conflict: a merge that git could not even begin. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { mergeTrees } from "../../../src/workspaces/merge.ts";
import { findRepository } from "../../../src/workspaces/repository.ts";
import { commit, ground, put, repository, storeIn, user } from "./ground.ts";

async function two() {
  const dir = ground();
  const work = repository(join(dir, "work"), { a: "1\n" });
  const base = user(work, ["rev-parse", "HEAD"]).trim();
  put(work, { a: "ours\n" });
  const into = commit(work, "ours");
  user(work, ["checkout", "-q", base]);
  put(work, { a: "theirs\n" });
  const theirs = commit(work, "theirs");
  const repo = findRepository(work);
  if (repo === null) throw new Error("there is a repository");
  return { store: await storeIn(dir), repo, into, work: theirs, message: "m" };
}

test("lines that both have changed are a conflict with its stages", async () => {
  expect(await mergeTrees(await two())).toEqual({
    is: "conflict",
    conflicts: [{ path: "a", stages: [1, 2, 3] }],
  });
});

test("a commit that is not there is no conflict: nobody knows what would come of it", async () => {
  const request = { ...(await two()), work: "1".repeat(40) };
  await expect(mergeTrees(request)).rejects.toThrow(/git merge-tree: /);
});
