/** Merging what agents did, and what stands before letting go of it. */
import { afterEach, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { commit, picture, put, user } from "../unit/workspaces/ground.ts";
import { plantTraps } from "../unit/workspaces/traps.ts";
import type { World } from "./workspaces.world.ts";
import { COMMIT, kept, world } from "./workspaces.world.ts";

let w: World;
afterEach(() => w.daemon.close());

const at = (ref: string): string => user(w.cwd, ["rev-parse", ref]).trim();
const shown = (ref: string): string => user(w.cwd, ["show", ref]);
const gone = async (path: string, query = ""): Promise<readonly [number, string]> => {
  const { status, body } = await w.api().call("DELETE", `${path}${query}`);
  return [status, status === 204 ? "" : String(body["error"])];
};
/** The person is on another branch than the one that is merged into. */
const stepAside = (): string => user(w.cwd, ["checkout", "-q", "-b", "elsewhere"]);

test("what was committed and what was not go into a branch together, forward where that can be", async () => {
  w = await world();
  const worker = await w.agent(`echo x > x; ${COMMIT} mine; echo y > y; echo more >> a`);
  stepAside();
  const kept = (): Promise<unknown> => w.api().get(`${worker.path}/snapshots`);
  const names = (): string => user(join(w.daemon.dir, "state/snapshots/p.git"), ["for-each-ref"]);
  const before = [at("main"), await kept(), names(), picture(join(w.cwd, ".git"))];
  const dry = await w.api().post(`${worker.path}/merge`, { dryRun: true });
  expect(dry as unknown).toMatchObject({ merged: true, into: "main", commit: null, fastForward: true, uncommitted: 2 });
  expect([at("main"), await kept(), names(), picture(join(w.cwd, ".git"))]).toEqual(before);
  const done = await w.api().post(`${worker.path}/merge`, {});
  expect(done as unknown).toMatchObject({ merged: true, fastForward: true, created: false, already: false });
  expect(at("main")).toBe(String(done["commit"]));
  expect(shown("main:a")).toBe("1\nmore\n");
  expect(shown("main:x") + shown("main:y")).toBe("x\ny\n");
  expect(user(w.cwd, ["fsck", "--full"])).not.toContain("missing");
  expect(await gone(worker.path)).toEqual([204, ""]);
});

test("a branch that went on is merged with, and one more time changes nothing", async () => {
  w = await world();
  const worker = await w.agent(`echo x > x; ${COMMIT} mine`);
  put(w.cwd, { other: "o\n" });
  const theirs = commit(w.cwd, "theirs");
  stepAside();
  const done = await w.api().post(`${worker.path}/merge`, { message: "as I say" });
  expect(done as unknown).toMatchObject({ merged: true, fastForward: false });
  expect(user(w.cwd, ["log", "-1", "--format=%s%n%P", "main"])).toStartWith(`as I say\n${theirs} `);
  expect((await w.api().post(`${worker.path}/merge`, {})) as unknown).toMatchObject({ merged: true, already: true });
});

test("conflicts are data, and nothing is changed by them", async () => {
  w = await world();
  const worker = await w.agent("echo mine > a; rm b");
  put(w.cwd, { a: "theirs\n", b: "changed\n" });
  const theirs = commit(w.cwd, "theirs");
  stepAside();
  const done = await w.api().post(`${worker.path}/merge`, {});
  expect(done as unknown).toMatchObject({
    merged: false,
    commit: null,
    conflicts: [
      { path: "a", stages: [1, 2, 3] },
      { path: "b", stages: [1, 2] },
    ],
  });
  expect(at("main")).toBe(theirs);
  expect(await gone(worker.path)).toEqual([409, "WORK_NOT_MERGED"]);
});

test("a branch under a person's feet is not moved; a new one is made", async () => {
  w = await world();
  const worker = await w.agent("echo x > x");
  const refused = await w.api().call("POST", `${worker.path}/merge`, {});
  expect([refused.status, String(refused.body["error"])]).toEqual([409, "BRANCH_IN_USE"]);
  expect(String(refused.body["message"])).toContain(w.cwd);
  const dry = await w.api().post(`${worker.path}/merge`, { into: "review/x", dryRun: true });
  expect(dry as unknown).toMatchObject({ merged: true, created: true, already: false, commit: null });
  const done = await w.api().post(`${worker.path}/merge`, { into: "review/x" });
  expect(done as unknown).toMatchObject({ merged: true, created: true, into: "review/x" });
  expect(shown("review/x:x")).toBe("x\n");
  expect(user(w.cwd, ["status", "--porcelain"])).toBe("");
  // A branch in the middle of a rebase is under somebody's feet, too.
  user(w.cwd, ["checkout", "-q", "review/x"]);
  put(w.cwd, { a: "conflict\n" });
  commit(w.cwd, "one");
  user(w.cwd, ["checkout", "-q", "main"]);
  put(w.cwd, { a: "other\n" });
  commit(w.cwd, "two");
  user(w.cwd, ["checkout", "-q", "review/x"]);
  user(w.cwd, ["rebase", "main"], { mayFail: true });
  await worker.does("echo z > z");
  const again = await w.api().call("POST", `${worker.path}/merge`, { into: "review/x" });
  expect(String(again.body["error"])).toBe("BRANCH_IN_USE");
});

test("work that is merged nowhere is not let go of, and nothing is ended for having been asked", async () => {
  w = await world();
  const worker = await w.agent(`echo x > x; ${COMMIT} mine; echo y > y`);
  const refused = await w.api().call("DELETE", worker.path);
  expect([refused.status, String(refused.body["error"])]).toEqual([409, "WORK_NOT_MERGED"]);
  expect(String(refused.body["message"])).toContain("1 commit(s) on agent/p/");
  expect(String(refused.body["message"])).toContain("1 file(s) not committed");
  await worker.does("cat x y");
  const wholeProject = await w.api().call("DELETE", "/projects/p");
  expect([wholeProject.status, String(wholeProject.body["error"])]).toEqual([409, "WORK_NOT_MERGED"]);
  expect(await gone("/projects/p", "?force=1")).toEqual([409, "WORK_NOT_MERGED"]);
  expect(await gone(worker.path, "?discard=1")).toEqual([204, ""]);
  expect(existsSync(worker.folder)).toBe(false);
  expect(user(w.cwd, ["worktree", "list"]).trim().split("\n")).toHaveLength(1);
});

test("work that a person merged by hand is merged, also squashed and with more on top", async () => {
  w = await world();
  const worker = await w.agent(`echo x > x; ${COMMIT} mine; echo more >> x; ${COMMIT} more`);
  const branch = String((await w.api().get(`${worker.path}/changes`))["workspace"]?.["branch"]);
  user(w.cwd, ["merge", "-q", "--squash", branch]);
  commit(w.cwd, "squashed");
  put(w.cwd, { later: "l" });
  commit(w.cwd, "later");
  expect(await gone(worker.path)).toEqual([204, ""]);
});

test("an agent that did nothing leaves nothing behind, not even its branch", async () => {
  w = await world();
  const worker = await w.agent("ls");
  expect(await gone(worker.path)).toEqual([204, ""]);
  expect(user(w.cwd, ["branch", "--format=%(refname:short)"])).toBe("main\n");
  expect(user(w.cwd, ["worktree", "list"]).trim().split("\n")).toHaveLength(1);
});

test("the work of a deleted agent is kept for its time, and comes back to its old place", async () => {
  w = await world();
  const worker = await w.agent(`mkdir d; echo x > d/x; ${COMMIT} mine; echo y > y`);
  const before = picture(worker.folder, { without: [".git"] });
  await gone(worker.path, "?discard=1");
  const listed = await w.api().get("/workspaces");
  expect(listed["workspaces"] as unknown).toMatchObject([
    { id: worker.id, state: "kept", kind: "worktree", bytes: null, goneAt: expect.any(String) },
  ]);
  const back = await w.api().post(`/workspaces/${worker.id}/recover`);
  expect(back["workspace"] as unknown).toMatchObject({ path: worker.folder });
  expect(picture(worker.folder, { without: [".git"] })).toEqual(before);
  expect(user(worker.folder, ["log", "-1", "--format=%s"])).toBe("mine\n");
  const unknown = await w.api().call("POST", "/workspaces/00000000/recover");
  expect([unknown.status, String(unknown.body["error"])]).toEqual([404, "WORKSPACE_NOT_FOUND"]);
});

test("what could not be kept stays where it is, also when the rest is brought back", async () => {
  w = await world({ limits: { snapshotBytes: 1024 * 1024 } });
  const worker = await w.agent(`echo x > x; ${COMMIT} mine; echo y > y; head -c 2000000 /dev/zero > large`);
  const before = picture(worker.folder, { without: [".git"] });
  await gone(worker.path, "?discard=1");
  expect(picture(worker.folder, { without: [".git"] })).toEqual(before);
  user(worker.folder, ["rm", "-q", "--cached", "a"]);
  rmSync(join(worker.folder, "y"));
  await w.api().post(`/workspaces/${worker.id}/recover`);
  expect(picture(worker.folder, { without: [".git"] })).toEqual(before);
  expect(user(worker.folder, ["log", "-1", "--format=%s"])).toBe("mine\n");
});

test("nothing that a repository brings runs in all of this, and only its branches and objects are new", async () => {
  w = await world();
  const trapped = plantTraps(join(w.daemon.dir, "trapped"));
  const { work, marks } = trapped;
  const quiet = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"];
  user(work, [...quiet, "branch", "aside"]);
  const own = (): Record<string, string> =>
    Object.fromEntries(
      Object.entries(picture(join(work, ".git"))).filter(
        ([name]) => !/^(objects|worktrees|refs\/heads|logs\/refs\/heads)(\/|$)/.test(name),
      ),
    );
  const before = own();
  const lying = picture(work, { without: [".git"] });
  await w.api().post("/projects", { name: "t", cwd: work });
  const { agent } = await w.api().post("/projects/t/agents", {
    provider: "sh",
    task: "echo mine > mine; rm a; cat b.txt",
    workspace: { kind: "worktree" },
  });
  const path = `/projects/t/agents/${String(agent?.["id"])}`;
  await w.api().get(`${path}/wait?timeout=30`);
  await kept(w.api(), path);
  // As it is stored: no line end was converted.
  const { message } = await w.api().get(`${path}/messages/last`);
  expect(String(message?.["text"])).toBe("x\r\ny\n");
  await w.api().get(`${path}/changes`);
  await w.api().get(`${path}/diff`);
  await w.api().post(`${path}/snapshots/0/restore`, {});
  await w.api().post(`${path}/snapshots/1/restore`, {});
  expect((await w.api().post(`${path}/merge`, { into: "aside" })) as unknown).toMatchObject({ merged: true });
  expect((await w.api().call("DELETE", path)).status).toBe(204);
  expect(marks()).toEqual([]);
  expect(own()).toEqual(before);
  expect(picture(work, { without: [".git"] })).toEqual(lying);
  expect(user(work, [...quiet, "show", "--no-ext-diff", "--no-textconv", "aside:mine"])).toBe("mine\n");
});

test("a target that is moved while a merge is computed is not moved back", async () => {
  w = await world();
  const worker = await w.agent("echo x > x");
  stepAside();
  let going = true;
  const person = (async () => {
    for (let i = 0; going; i++) {
      const tree = at("main^{tree}");
      const next = user(w.cwd, ["commit-tree", tree, "-p", at("main"), "-m", `c${i}`]).trim();
      user(w.cwd, ["update-ref", "refs/heads/main", next], { mayFail: true });
      await Bun.sleep(1);
    }
    return Number(user(w.cwd, ["rev-list", "--count", "--grep=^c", "main"]));
  })();
  for (let i = 0; i < 3; i++) {
    const { status, body } = await w.api().call("POST", `${worker.path}/merge`, {});
    if (status !== 200) expect([status, String(body["error"])]).toEqual([409, "BRANCH_IN_USE"]);
  }
  going = false;
  // Each commit of the person's that stood at the tip once is still in it.
  const count = await person;
  const subjects = user(w.cwd, ["log", "--format=%s", "main"])
    .split("\n")
    .filter((line) => /^c\d+$/.test(line));
  expect(new Set(subjects).size).toBe(count);
  expect(count).toBeGreaterThan(0);
});
