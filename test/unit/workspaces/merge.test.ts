/** What a merge comes to, and what is no conflict: a merge that git could not even begin. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { canMergeTrees, gitVersion } from "../../../src/workspaces/git.ts";
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

test.each([
  ["git version 2.39.5", true],
  ["git version 2.38.0.windows.1", true],
  ["git version 3.0", true],
  ["git version 2.37.9", false],
  ["git version 1.99", false],
  // It may be able to; what it cannot do is found when it is asked to.
  ["git, somebody's own build", true],
])("%j may merge: %p", (said, may) => expect(canMergeTrees(gitVersion(said))).toBe(may));
