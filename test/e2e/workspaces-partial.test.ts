/**
 * Work trees of a clone that left contents out: git would fetch what is missing the moment it is asked for, by whatever
 * program the clone's own config names. Nothing is fetched, and who asked is told what is missing and how to have it.
 */
import { afterEach, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { commit, picture, put, repository, user } from "../unit/workspaces/ground.ts";
import type { World } from "./workspaces.world.ts";
import { kept, world } from "./workspaces.world.ts";

let w: World;
afterEach(() => w.daemon.close());

/** Of two commits; only the contents of the second are there. Fetching leaves a mark, and fails. */
async function clone() {
  w = await world();
  const { dir } = w.daemon;
  const source = repository(join(dir, "source"), { a: "1\n", kept: "k\n" });
  user(source, ["config", "uploadpack.allowFilter", "true"]);
  put(source, { a: "2\n" });
  commit(source, "second");
  const cwd = join(dir, "clone");
  user(dir, ["clone", "-q", "--filter=blob:none", `file://${source}`, cwd]);
  put(dir, { "trap/fetch": `#!/bin/sh\n: > '${dir}/fetched'\nexit 1\n` });
  chmodSync(join(dir, "trap/fetch"), 0o755);
  for (const [key, value] of [
    ["remote.origin.url", `ext::${dir}/trap/fetch`],
    ["protocol.ext.allow", "always"],
    ["core.sshCommand", `${dir}/trap/fetch`],
    ["remote.origin.uploadpack", `${dir}/trap/fetch`],
  ] as const)
    user(cwd, ["config", key, value]);
  await w.api().post("/projects", { name: "clone", cwd });
  const agent = async (task: string, workspace: Record<string, unknown>) => {
    const body = { provider: "sh", task, workspace: { kind: "worktree", ...workspace } };
    const { agent: made } = await w.api().post("/projects/clone/agents", body);
    const path = `/projects/clone/agents/${String(made?.["id"])}`;
    const { agent: rested } = await w.api().get(`${path}/wait?timeout=30`);
    await kept(w.api(), path);
    return { path, rested };
  };
  return { cwd, agent, fetched: () => existsSync(join(dir, "fetched")) };
}

test("what is there makes a work tree, is kept and merged, and nothing is fetched", async () => {
  const { cwd, agent, fetched } = await clone();
  const { path } = await agent("cat a; echo mine > mine; rm kept", {});
  const { message } = await w.api().get(`${path}/messages/last`);
  expect(String(message?.["text"])).toBe("2\n");
  expect((await w.api().get(`${path}/changes`)) as unknown).toMatchObject({ files: 2, insertions: 1, deletions: 1 });
  expect((await w.api().post(`${path}/merge`, { into: "review" })) as unknown).toMatchObject({ merged: true });
  expect(user(cwd, ["show", "review:mine"])).toBe("mine\n");
  expect((await w.api().call("DELETE", path)).status).toBe(204);
  expect(fetched()).toBe(false);
});

test("a work tree of what was left out is told to lack it, and not left behind in part", async () => {
  const { cwd, agent, fetched } = await clone();
  const before = picture(join(cwd, ".git"), { without: ["refs/heads", "logs"] });
  const { path, rested } = await agent("cat a", { base: "HEAD~1", branch: "older" });
  expect(rested as unknown).toMatchObject({
    status: "error",
    error: {
      code: "WORKSPACE_FAILED",
      message: expect.stringContaining("is a partial clone without the contents that this needs"),
    },
  });
  expect(fetched()).toBe(false);
  expect(readdirSync(join(w.daemon.dir, "state/workspaces/clone"))).toEqual([]);
  const names = Object.keys(picture(join(cwd, ".git"), { without: ["refs/heads", "logs"] }));
  expect(names.filter((name) => !(name in before))).toEqual([]);
  // A person fetches it once; then it goes well.
  user(cwd, ["config", "remote.origin.url", `file://${join(w.daemon.dir, "source")}`]);
  user(cwd, ["config", "--unset", "remote.origin.uploadpack"]);
  user(cwd, ["archive", "-o", "/dev/null", "older"]);
  await w.api().post(`${path}/input`, { text: "cat a" });
  await w.api().get(`${path}/wait?timeout=30`);
  const { message } = await w.api().get(`${path}/messages/last`);
  expect(String(message?.["text"])).toBe("1\n");
});

test("a merge that would need what was left out moves nothing and says so", async () => {
  const { cwd, agent, fetched } = await clone();
  const { path } = await agent("echo mine > a", {});
  // Another branch that changed the same file from its first state, whose contents are not here.
  const tree = user(cwd, ["mktree"], { input: `100644 blob ${user(cwd, ["rev-parse", "HEAD:kept"]).trim()}\ta\n` });
  const first = user(cwd, ["rev-parse", "HEAD~1"]).trim();
  const other = user(cwd, ["commit-tree", tree.trim(), "-p", first, "-m", "other"]).trim();
  user(cwd, ["branch", "other", other]);
  const refused = await w.api().call("POST", `${path}/merge`, { into: "other" });
  expect([refused.status, String(refused.body["error"])]).toEqual([500, "WORKSPACE_FAILED"]);
  expect(String(refused.body["message"])).toContain("is a partial clone");
  expect(user(cwd, ["rev-parse", "other"]).trim()).toBe(other);
  expect(fetched()).toBe(false);
});
