/**
 * The daemon dies the hard way at each step of making a folder, keeping a state, bringing it back and merging it: the
 * next one goes on, and nothing is lost, doubled, or left in the way. Needs `make build`.
 * file-timeout: 900 s
 */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { picture, repository, user } from "../unit/workspaces/ground.ts";

setDefaultTimeout(120_000);

let box: Box;
afterEach(() => box.close());

async function world(seam: string) {
  box = await makeBox({ providers: { sh: { kind: "command", command: ["/bin/sh"] } } });
  repository(box.cwd, { a: "1\n", b: "2\n" });
  const api = await box.start(seam === "" ? {} : { AH_TEST_SEAM: seam });
  await api.post("/projects", { name: "p", cwd: box.cwd, trusted: true });
  return api;
}

const BODY = {
  provider: "sh",
  task: "echo x > x; echo more >> a",
  workspace: { kind: "worktree", setup: { command: "echo made > from-setup" } },
};

async function made(id: string): Promise<string> {
  const path = `/projects/p/agents/${id}`;
  await eventually(
    "the turn to end",
    async () => {
      const { agent } = await box.api().get(path);
      return String(agent?.["turn"]?.["outcome"]) === "completed";
    },
    60_000,
  );
  const folder = join(box.stateDir, "workspaces", "p", id);
  expect(readFileSync(join(folder, "a"), "utf8")).toBe("1\nmore\n");
  const { changes } = await box.api().get(`${path}/changes`);
  expect([...(changes ?? [])].map((each) => String(each["path"]))).toEqual(["a", "x"]);
  const { turns } = await box.api().get(`${path}/turns`);
  expect([...(turns ?? [])]).toHaveLength(1);
  return path;
}

/** One branch, one work tree, no lock of anybody's. */
function tidy(): void {
  expect(user(box.cwd, ["worktree", "list"]).trim().split("\n")).toHaveLength(2);
  expect(user(box.cwd, ["branch", "--format=%(refname:short)", "--list", "agent*"]).trim().split("\n")).toHaveLength(1);
  expect(user(box.cwd, ["status", "--porcelain"])).toBe("");
  expect(Object.keys(picture(join(box.cwd, ".git"))).filter((name) => name.endsWith(".lock"))).toEqual([]);
}

test.each(["workspace_row", "workspace_branch", "workspace_made", "workspace_set_up", "snapshot_named"])(
  "killed at %s while the folder is made, the next daemon makes it whole and the agent works once",
  async (seam) => {
    const api = await world(seam);
    const { agent } = await api.post("/projects/p/agents", BODY);
    await box.exited();
    await box.start();
    await made(String(agent?.["id"]));
    tidy();
  },
);

test("killed between the name of a turn's snapshot and its row, the turn is kept and ends once", async () => {
  const api = await world("");
  const { agent } = await api.post("/projects/p/agents", BODY);
  const path = await made(String(agent?.["id"]));
  await box.kill();
  const next = await box.start({ AH_TEST_SEAM: "snapshot_named" });
  await next.post(`${path}/input`, { text: "echo y > y" });
  await box.exited();
  await box.start();
  await eventually(
    "the second turn to end",
    async () => {
      const { turns } = await box.api().get(`${path}/turns`);
      const all = [...(turns ?? [])];
      return all.length === 2 && String(all[1]?.["outcome"]) === "completed";
    },
    60_000,
  );
  const { snapshots } = await box.api().get(`${path}/snapshots`);
  expect([...(snapshots ?? [])].map((each) => String(each["id"]))).toEqual(["0", "1", "2"]);
});

test("killed in the middle of a restore, what lay there is kept, and the restore can be asked for again", async () => {
  const api = await world("");
  const { agent } = await api.post("/projects/p/agents", BODY);
  const path = await made(String(agent?.["id"]));
  await box.kill();
  const next = await box.start({ AH_TEST_SEAM: "restore_kept" });
  await next.call("POST", `${path}/snapshots/0/restore`, {}).catch(() => undefined);
  await box.exited();
  await box.start();
  const folder = join(box.stateDir, "workspaces", "p", String(agent?.["id"]));
  expect(existsSync(join(folder, "x"))).toBe(true);
  await box.api().post(`${path}/snapshots/0/restore`, {});
  expect(existsSync(join(folder, "x"))).toBe(false);
  await box.api().post(`${path}/snapshots/r1/restore`, {});
  expect(readFileSync(join(folder, "x"), "utf8")).toBe("x\n");
});

test("killed between handing over a merge and moving the branch, the branch is where it was", async () => {
  const api = await world("");
  const { agent } = await api.post("/projects/p/agents", BODY);
  const path = await made(String(agent?.["id"]));
  user(box.cwd, ["checkout", "-q", "-b", "elsewhere"]);
  const before = user(box.cwd, ["rev-parse", "main"]);
  await box.kill();
  const next = await box.start({ AH_TEST_SEAM: "merge_handed_over" });
  await next.call("POST", `${path}/merge`, {}).catch(() => undefined);
  await box.exited();
  expect(user(box.cwd, ["rev-parse", "main"])).toBe(before);
  await box.start();
  expect((await box.api().post(`${path}/merge`, {})) as unknown).toMatchObject({ merged: true, fastForward: true });
  expect(user(box.cwd, ["show", "main:x"])).toBe("x\n");
  expect((await box.api().call("DELETE", path)).status).toBe(204);
});
