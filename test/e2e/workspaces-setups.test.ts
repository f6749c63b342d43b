/**
 * Repositories as people have them: each gives an agent a work tree, takes its merge, and a person's own git shows
 * nothing of us, neither meanwhile nor afterwards.
 */
import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { commit, picture, put, repository, user } from "../unit/workspaces/ground.ts";
import type { World } from "./workspaces.world.ts";
import { COMMIT, kept, world } from "./workspaces.world.ts";

let w: World;
afterEach(() => w.daemon.close());

/** Makes one below a folder; says where the project is, and where the top of its work tree. */
type Setup = (dir: string) => { readonly cwd: string; readonly top: string };

const FILES = { a: "1\n", "part/b": "2\n" };

const SETUPS: Readonly<Record<string, Setup>> = {
  "a repository whose status shows each untracked file": (dir) => {
    const top = repository(join(dir, "repo"), FILES);
    user(top, ["config", "status.showUntrackedFiles", "all"]);
    return { cwd: top, top };
  },
  "a folder within a repository": (dir) => {
    const top = repository(join(dir, "repo"), FILES);
    return { cwd: join(top, "part"), top };
  },
  "a repository whose .git lies elsewhere": (dir) => {
    const top = join(dir, "repo");
    user(dir, ["init", "-q", "-b", "main", `--separate-git-dir=${join(dir, "elsewhere")}`, top]);
    put(top, FILES);
    commit(top, "first");
    return { cwd: top, top };
  },
  "a work tree of a bare repository": (dir) => {
    const source = repository(join(dir, "source"), FILES);
    user(dir, ["clone", "-q", "--bare", source, "bare.git"]);
    const top = join(dir, "tree");
    user(join(dir, "bare.git"), ["worktree", "add", "-q", top, "main"]);
    return { cwd: top, top };
  },
  "a shallow clone with a submodule": (dir) => {
    const source = repository(join(dir, "source"), FILES);
    const sub = repository(join(dir, "sub"), { s: "1\n" });
    user(source, ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub, "module"]);
    commit(source, "with a submodule");
    const top = join(dir, "repo");
    user(dir, ["clone", "-q", "--depth=1", `file://${source}`, top]);
    return { cwd: top, top };
  },
  "a repository with sha256 names": (dir) => {
    const top = join(dir, "repo");
    user(dir, ["init", "-q", "-b", "main", "--object-format=sha256", top]);
    put(top, FILES);
    commit(top, "first");
    return { cwd: top, top };
  },
};

test.each(Object.entries(SETUPS))("%s", async (_, setup) => {
  w = await world();
  const { cwd, top } = setup(join(w.daemon.dir, "home"));
  const shown = (): string[] => [
    user(top, ["status", "--porcelain", "--ignored"]),
    user(top, ["branch", "--format=%(refname:short)"]).replace(/^agent\/.*\n/gm, ""),
    user(top, ["log", "--all", "--format=%an"]).replace(/^agent\n/gm, ""),
    user(top, ["stash", "list"]),
  ];
  const before = shown();
  const lying = picture(top);
  await w.api().post("/projects", { name: "s", cwd });
  const { agent } = await w.api().post("/projects/s/agents", {
    provider: "sh",
    task: `ls; echo mine > mine; ${COMMIT} mine; echo more > more`,
    workspace: { kind: "worktree" },
  });
  const path = `/projects/s/agents/${String(agent?.["id"])}`;
  const { agent: rested } = await w.api().get(`${path}/wait?timeout=30`);
  await kept(w.api(), path);
  expect(rested as unknown).toMatchObject({ status: "idle", turn: { outcome: "completed" } });
  const { message } = await w.api().get(`${path}/messages/last`);
  expect(String(message?.["text"])).toBe(
    cwd === top ? user(top, ["ls-tree", "--name-only", "HEAD"]).replace(".gitmodules\n", "") : "b\n",
  );
  expect((await w.api().get(`${path}/changes`)) as unknown).toMatchObject({ files: 2, insertions: 2, commits: 1 });
  expect(shown()).toEqual(before);
  await w.api().post(`${path}/snapshots/0/restore`, {});
  await w.api().post(`${path}/snapshots/1/restore`, {});
  const refused = await w.api().call("POST", `${path}/merge`, {});
  expect([refused.status, String(refused.body["error"])]).toEqual([409, "BRANCH_IN_USE"]);
  const merged = await w.api().post(`${path}/merge`, { into: "review" });
  expect(merged as unknown).toMatchObject({ merged: true, fastForward: true, created: true, uncommitted: 1 });
  const below = cwd === top ? "" : "part/";
  expect(user(top, ["show", `review:${below}mine`, `review:${below}more`])).toBe("mine\nmore\n");
  const gone = await w.api().call("DELETE", path);
  expect([gone.status, String(gone.body?.["message"] ?? "")]).toEqual([204, ""]);
  user(top, ["update-ref", "-d", "refs/heads/review"]);
  expect(shown()).toEqual(before);
  const names = (all: Record<string, string>): string[] =>
    Object.keys(all).filter((name) => !/(^|\/)objects\/|(^|\/)logs(\/|$)/.test(name));
  expect(names(picture(top))).toEqual(names(lying));
});
