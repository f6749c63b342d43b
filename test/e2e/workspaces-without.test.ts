/** What workspaces do without what they are made of: a box without git, and an agent that deletes its own branch. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { repository, user } from "../unit/workspaces/ground.ts";
import type { World } from "./workspaces.world.ts";
import { COMMIT, world } from "./workspaces.world.ts";

setDefaultTimeout(60_000);

let close: () => Promise<void>;
afterEach(() => close());

/** A daemon that finds all programs but git. */
async function boxWithoutGit(): Promise<Box> {
  const box = await makeBox({ providers: { sh: { kind: "command", command: ["/bin/sh"] } } });
  close = () => box.close();
  const bin = join(box.dir, "bin");
  mkdirSync(bin);
  for (const from of ["/usr/bin", "/bin"])
    for (const name of readdirSync(from))
      if (!name.startsWith("git") && !readdirSync(bin).includes(name)) symlinkSync(join(from, name), join(bin, name));
  await box.start({ PATH: bin });
  return box;
}

test("without git a folder of its own is told to need it, and in the project's an agent works all the same", async () => {
  const box = await boxWithoutGit();
  repository(box.cwd, { a: "1\n" });
  await box.api().post("/projects", { name: "p", cwd: box.cwd });
  const end = async (more: Record<string, unknown>) => {
    const { agent } = await box.api().post("/projects/p/agents", { provider: "sh", task: "echo x > x", ...more });
    const path = `/projects/p/agents/${String(agent?.["id"])}`;
    const rested = await eventually("it to rest", async () => {
      const { agent: now } = await box.api().get(path);
      return ["idle", "error", "exited"].includes(String(now?.["status"])) ? now : null;
    });
    return { path, rested };
  };
  const shared = await end({ snapshots: true });
  expect(shared.rested as unknown).toMatchObject({ status: "idle", turn: { outcome: "completed" } });
  expect(readFileSync(join(box.cwd, "x"), "utf8")).toBe("x\n");
  for (const kind of ["worktree", "copy"]) {
    const { rested } = await end({ workspace: { kind } });
    expect(rested as unknown).toMatchObject({
      status: "error",
      error: { code: "WORKSPACE_FAILED", message: expect.stringContaining("install git") },
    });
  }
  const asked = await box.api().call("GET", `${shared.path}/changes`);
  expect([asked.status, String(asked.body["error"])]).toEqual([404, "SNAPSHOT_NOT_FOUND"]);
});

test("an agent that deletes its branch loses nothing, and goes on where it stands", async () => {
  const w: World = await world();
  close = () => w.daemon.close();
  const worker = await w.agent(`echo x > x; ${COMMIT} mine; echo y > y`);
  const branch = user(worker.folder, ["symbolic-ref", "--short", "HEAD"]).trim();
  await worker.does(`git checkout -q --detach && git branch -qD ${branch} && git log --oneline | wc -l`);
  expect(user(w.cwd, ["branch", "--list", branch])).toBe("");
  expect((await w.api().get(`${worker.path}/changes`)) as unknown).toMatchObject({ files: 2, commits: null });
  await worker.does("echo z > z; cat x y");
  const { message } = await w.api().get(`${worker.path}/messages/last`);
  expect(String(message?.["text"])).toBe("x\ny\n");
  const refused = await w.api().call("DELETE", worker.path);
  expect([refused.status, String(refused.body["error"])]).toEqual([409, "WORK_NOT_MERGED"]);
  const merged = await w.api().post(`${worker.path}/merge`, { into: "review" });
  expect(merged as unknown).toMatchObject({ merged: true, uncommitted: 3 });
  expect(user(w.cwd, ["show", "review:x", "review:y", "review:z"])).toBe("x\ny\nz\n");
  expect((await w.api().call("DELETE", `${worker.path}?discard=1`)).status).toBe(204);
  expect(user(w.cwd, ["worktree", "list"]).trim().split("\n")).toHaveLength(1);
  const back = await w.api().post(`/workspaces/${worker.id}/recover`);
  expect(back["workspace"] as unknown).toMatchObject({ path: worker.folder });
  expect(readFileSync(join(worker.folder, "z"), "utf8")).toBe("z\n");
});
