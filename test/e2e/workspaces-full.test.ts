/**
 * A disk becomes full while a folder is made, a state is kept, brought back or merged: it is told, nothing half-made
 * stays, the person's repository is as it was, and all goes well again when there is room.
 */
import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { picture, put, repository, user } from "../unit/workspaces/ground.ts";
import type { Worker, World } from "./workspaces.world.ts";
import { kept, world } from "./workspaces.world.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log("skipped: a small disk of its own needs root");

let w: World;
const disks: string[] = [];
afterEach(async () => {
  for (const disk of disks.splice(0)) Bun.spawnSync(["umount", "--lazy", disk]);
  await w.daemon.close();
});

const state = (name: string): string => join(w.daemon.dir, "state", name);

function mounted(folder: string, size: string, how = "rw"): string {
  mkdirSync(folder, { recursive: true });
  const args = ["mount", "-t", "tmpfs", "-o", `${how},size=${size}`, "tmpfs", folder];
  expect(Bun.spawnSync(args).exitCode).toBe(0);
  if (how === "rw") disks.push(folder);
  return folder;
}

const roomier = (folder: string): string => mounted(folder, "64m", "remount");

/** Takes what is left of a disk, but for so much. */
function fill(disk: string, freeBytes: number): () => void {
  const filler = join(disk, "filler");
  Bun.spawnSync(["dd", "if=/dev/zero", `of=${filler}`, "bs=64k"], { stderr: "ignore" });
  Bun.spawnSync(["truncate", "-s", `-${freeBytes}`, filler]);
  return () => rmSync(filler);
}

const notes = async ({ path }: Worker): Promise<string[]> => {
  const { headers, body } = await fetch(`${w.api().url}/api/v1${path}/events?since=0&types=note`);
  expect(headers.get("content-type")).toContain("event-stream");
  const reader = body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes("event: note")) text += decoder.decode((await reader?.read())?.value, { stream: true });
  await reader?.cancel();
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => data);
};

const names = async ({ path }: Worker): Promise<string[]> =>
  [...((await w.api().get(`${path}/snapshots`))["snapshots"] ?? [])].map((each) => String(each["id"]));

const outcome = (agent: Json): unknown => agent["turn"]?.["outcome"];
const halves = (folder: string): string[] =>
  Object.keys(picture(folder)).filter((name) => /tmp_|\.new-|\.lock$/.test(name));

test.skipIf(!isRoot).each([
  ["large ones", "for i in 1 2 3; do head -c 2000000 /dev/urandom > f$i; done"],
  ["many", "i=0; while [ $i -lt 90 ]; do i=$((i+1)); head -c 60000 /dev/urandom > f$i; done"],
])("of files that do not fit, %s, the turn's end says so, and the next one keeps them all", async (_, script) => {
  w = await world();
  const disk = mounted(state("snapshots"), "3m");
  const worker = await w.agent("echo first");
  const before = picture(w.cwd);
  expect(outcome(await worker.does(script))).toBe("completed");
  expect((await notes(worker)).join()).toMatch(/snapshot_skipped.*(No space left on device|Out of diskspace)/);
  expect(await names(worker)).toEqual(["0", "1"]);
  expect(halves(disk)).toEqual([]);
  expect(picture(w.cwd)).toEqual(before);
  roomier(disk);
  await worker.does("echo last > last");
  expect(await names(worker)).toEqual(["0", "1", "3"]);
  const made = picture(worker.folder, { without: [".git"] });
  await worker.does("rm -f f* last");
  await w.api().post(`${worker.path}/snapshots/3/restore`, {});
  expect(picture(worker.folder, { without: [".git"] })).toEqual(made);
});

test.skipIf(!isRoot).each(["worktree", "copy"])(
  "a %s that does not fit is told and not left behind in part, and made when there is room",
  async (kind) => {
    w = await world({}, { files: { a: "1\n", large: "x".repeat(3_000_000) } });
    const disk = mounted(state("workspaces"), "1m");
    const worker = await w.agent("echo mine > mine", { workspace: { kind } });
    const { agent } = await w.api().get(worker.path);
    expect(agent as unknown).toMatchObject({
      status: "error",
      error: { code: "WORKSPACE_FAILED", message: expect.stringMatching(/no space left|unable to write/i) },
    });
    expect(readdirSync(disk).flatMap((name) => readdirSync(join(disk, name)))).toEqual([]);
    expect(user(w.cwd, ["worktree", "list"]).trim().split("\n")).toHaveLength(1);
    expect(user(w.cwd, ["status", "--porcelain"])).toBe("");
    roomier(disk);
    expect(outcome(await worker.does("echo more > more"))).toBe("completed");
    expect(existsSync(join(worker.folder, "mine"))).toBe(false); // its task was told as failed, and is not done later
    expect(existsSync(join(worker.folder, "more"))).toBe(true);
    expect(await names(worker)).toEqual(["0", "2"]);
  },
);

test.skipIf(!isRoot)("a folder that cannot be brought back for want of room can be with room", async () => {
  w = await world();
  const disk = mounted(state("workspaces"), "16m");
  const worker = await w.agent("head -c 3000000 /dev/urandom > large");
  const made = picture(worker.folder, { without: [".git"] });
  await worker.does("rm large; echo second > small");
  const free = fill(disk, 100_000);
  const refused = await w.api().call("POST", `${worker.path}/snapshots/1/restore`, {});
  expect([refused.status, String(refused.body["error"])]).toEqual([507, "DISK_FULL"]);
  expect(String(refused.body["message"])).toContain("restore r1: that is what lay there");
  free();
  await w.api().post(`${worker.path}/snapshots/r1/restore`, {});
  expect(Object.keys(picture(worker.folder, { without: [".git"] })).sort()).toEqual(["a", "b", "small"]);
  await w.api().post(`${worker.path}/snapshots/1/restore`, {});
  expect(picture(worker.folder, { without: [".git"] })).toEqual(made);
});

test.skipIf(!isRoot)("a merge for which a repository has no room moves no branch, and does with room", async () => {
  w = await world();
  const disk = mounted(join(w.daemon.dir, "other"), "8m");
  const cwd = repository(join(disk, "repo"));
  put(cwd, { b: "2\n" });
  await w.api().post("/projects", { name: "other", cwd });
  const { agent } = await w.api().post("/projects/other/agents", {
    provider: "sh",
    task: "head -c 3000000 /dev/urandom > large",
    workspace: { kind: "worktree" },
  });
  const path = `/projects/other/agents/${String(agent?.["id"])}`;
  await w.api().get(`${path}/wait?timeout=30`);
  await kept(w.api(), path);
  const refs = user(cwd, ["for-each-ref"]);
  const free = fill(disk, 200_000);
  const refused = await w.api().call("POST", `${path}/merge`, { into: "review" });
  expect([refused.status, String(refused.body["error"])]).toEqual([507, "DISK_FULL"]);
  expect(user(cwd, ["for-each-ref"])).toBe(refs);
  expect(halves(join(cwd, ".git"))).toEqual([]);
  free();
  expect((await w.api().post(`${path}/merge`, { into: "review" })) as unknown).toMatchObject({ merged: true });
  expect(user(cwd, ["show", "review:large"], { mayFail: true }).length).toBeGreaterThan(1_000_000);
  expect(user(cwd, ["fsck", "--full"])).not.toContain("missing");
  writeFileSync(join(cwd, "c"), "3\n");
  expect(user(cwd, ["status", "--porcelain"])).toBe("?? b\n?? c\n");
});
