/**
 * The daemon dies the hard way at each step of making a folder, keeping a state, bringing it back and merging it: the
 * next one goes on, and nothing is lost, doubled, or left in the way. Needs `make build`.
 * file-timeout: 900 s
 */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { picture, repository, user } from "../unit/workspaces/ground.ts";
import { kept } from "./workspaces.world.ts";

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
  await kept(box.api(), path);
  const folder = join(box.stateDir, "workspaces", "p", id);
  expect(readFileSync(join(folder, "a"), "utf8")).toBe("1\nmore\n");
  const { changes } = await box.api().get(`${path}/changes`);
  expect([...(changes ?? [])].map((each) => String(each["path"]))).toEqual(["a", "x"]);
  const { turns } = await box.api().get(`${path}/turns`);
  expect([...(turns ?? [])]).toHaveLength(1);
  return path;
}

/** An agent whose first turn is over, and what lies in its folder. */
async function worked() {
  const api = await world("");
  const { agent } = await api.post("/projects/p/agents", BODY);
  const id = String(agent?.["id"]);
  const path = await made(id);
  const folder = join(box.stateDir, "workspaces", "p", id);
  return { api, id, path, folder, there: picture(folder, { without: [".git"] }) };
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

test("killed in the middle of a recover, what the agent left comes back by the next", async () => {
  const { api, id, path, folder, there } = await worked();
  await api.call("DELETE", `${path}?discard=1`);
  await box.kill();
  const next = await box.start({ AH_TEST_SEAM: "restore_kept" });
  await next.call("POST", `/workspaces/${id}/recover`).catch(() => undefined);
  await box.exited();
  await box.start();
  for (let n = 0; n < 2; n++) {
    await box.api().post(`/workspaces/${id}/recover`);
    expect(picture(folder, { without: [".git"] })).toEqual(there);
    rmSync(join(folder, "x"));
  }
});

// The half that was still there was kept as all that there was, over what had been kept before.
test.each(["worktree", "copy"])("killed while it removes the folder of a %s: all of it comes back", async (kind) => {
  const api = await world("");
  const task = "mkdir many; cd many; for i in $(seq 2000); do echo $i > $i; done";
  const { agent } = await api.post("/projects/p/agents", { ...BODY, workspace: { kind }, task });
  const id = String(agent?.["id"]);
  const path = `/projects/p/agents/${id}`;
  await eventually(
    "the turn to end",
    async () => String((await box.api().get(path))["agent"]?.["turn"]?.["outcome"]) === "completed",
    60_000,
  );
  await kept(box.api(), path);
  const folder = join(box.stateDir, "workspaces", "p", id);
  const there = picture(folder, { without: [".git"] });
  const answer = box
    .api()
    .call("DELETE", `${path}?discard=1`)
    .catch(() => null);
  const many = (): number => {
    try {
      return readdirSync(join(folder, "many")).length;
    } catch {
      return 0;
    }
  };
  while (many() === 2000) await Bun.sleep(1);
  await box.kill();
  await answer;
  await box.start();
  const back = async (): Promise<boolean> => (await box.api().call("POST", `/workspaces/${id}/recover`)).status === 200;
  await eventually("it to come back", back, 60_000);
  expect(picture(folder, { without: [".git"] })).toEqual(there);
  await eventually("nothing to lie aside", () => readdirSync(join(folder, "..")).length === 1);
});

const fixed = (on: boolean, path: string): boolean =>
  Bun.which("chattr") !== null && Bun.spawnSync(["chattr", on ? "+i" : "-i", path], { stderr: "ignore" }).success;

test("what cannot be removed hinders nothing: the rest is let go of, and all of it comes back", async () => {
  const { api, id, path, folder, there } = await worked();
  if (!fixed(true, join(folder, "x"))) return console.log("skipped: no file can be made immutable here");
  await api.call("DELETE", `${path}?discard=1`);
  const aside = (): string[] => readdirSync(join(folder, "..")).filter((name) => name !== id);
  try {
    await eventually(
      "it to be let go of",
      async () => (await api.call("POST", `/workspaces/${id}/recover`)).status === 200,
    );
    expect(picture(folder, { without: [".git"] })).toEqual(there);
    expect(aside()).toHaveLength(1);
  } finally {
    for (const each of aside()) fixed(false, join(folder, "..", each, "x"));
  }
});
