/** What is brought back lands in the folder, whatever becomes of it between the look and the writing. */
import { expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Git } from "../../../src/workspaces/git.ts";
import { restoreFolder } from "../../../src/workspaces/restore.ts";
import { openStore } from "../../../src/workspaces/snapshot-store.ts";
import { git, ground, picture, put, take } from "./ground.ts";

/** Two snapshots of a folder; `between` is done when all was looked at, right before git writes. */
async function bringBack(between: (work: string, outside: string) => void) {
  const dir = ground();
  const [work, outside] = [join(dir, "work"), join(dir, "outside")];
  put(work, { "d/changed": "1", "d/gone": "2", "deep/in/e": "3", kept: "4" });
  put(outside, { made: "theirs", changed: "theirs", e: "theirs", "in/e": "theirs" });
  const run: Git["run"] = (request) => {
    if (request.args[0] === "read-tree" && request.args.includes("-u")) between(work, outside);
    return git.run(request);
  };
  const ok: Git["ok"] = async (request) => {
    const answer = await run(request);
    if (answer.code !== 0) throw new Error(answer.stderr);
    return answer.stdout;
  };
  const line: Git["line"] = async (request) => (await ok(request)).toString("utf8").trim();
  const store = await openStore({ run, ok, line }, join(dir, "store.git"));
  const first = await take(store, work, "0");
  const before = picture(work);
  put(work, { "d/changed": "later", "d/made": "later", "deep/in/e": "later" });
  rmSync(join(work, "d/gone"));
  const second = await take(store, work, "1", { parent: first.commit });
  const theirs = picture(outside);
  const request = { store, folder: work, now: second.commit, untaken: [], to: first.commit, nonce: "r" };
  const done = await restoreFolder(request).then(
    () => "done",
    () => "failed",
  );
  return { done, before, after: picture(work), theirs, outside: picture(outside) };
}

test("without that, it is as it was", async () => {
  const { done, before, after } = await bringBack(() => undefined);
  expect([done, after]).toEqual(["done", before]);
});

test.each([
  ["a folder", "d"],
  ["a folder further up", "deep"],
  ["a folder right above", "deep/in"],
])(
  "%s that turns into a link at the last moment leads nowhere: nothing is written or deleted behind it",
  async (_, at) => {
    const { theirs, outside, after } = await bringBack((work, elsewhere) => {
      renameSync(join(work, at), join(work, "..", "aside"));
      symlinkSync(elsewhere, join(work, at));
    });
    expect(outside).toEqual(theirs);
    expect(after["kept"]).toBe("file 4");
  },
);

test("a file that turns into a link at the last moment is replaced, and not written through", async () => {
  const { theirs, outside, after } = await bringBack((work, elsewhere) => {
    rmSync(join(work, "d/changed"));
    symlinkSync(join(elsewhere, "changed"), join(work, "d/changed"));
  });
  expect(outside).toEqual(theirs);
  expect(after["d/changed"]).toBe("file 1");
});

test("a folder that stands in the place of a file at the last moment costs nobody else anything", async () => {
  const { theirs, outside, after } = await bringBack((work) => {
    rmSync(join(work, "d/changed"));
    mkdirSync(join(work, "d/changed"));
  });
  expect(outside).toEqual(theirs);
  expect(after["kept"]).toBe("file 4");
});
