/**
 * Two daemons whose agents work on one repository under the same names, while a person prunes and collects garbage:
 * no folder, branch or record of one is the other's, and neither takes away what the other has.
 */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { TestDaemon } from "../support/daemon.ts";
import { testDaemon } from "../support/daemon.ts";
import { repository, user } from "../unit/workspaces/ground.ts";
import { kept } from "./workspaces.world.ts";

setDefaultTimeout(180_000);

const NAMES = ["one", "two", "three"];
let daemons: TestDaemon[] = [];
afterEach(async () => {
  for (const each of daemons) await each.close();
});

interface Made {
  readonly path: string;
  readonly folder: string;
}

test("agents of two daemons work on one repository, and neither removes the other's", async () => {
  const config = { providers: { sh: { kind: "command", command: ["/bin/sh"] } } };
  daemons = [await testDaemon(config), await testDaemon(config)];
  const [ours, theirs] = daemons;
  if (ours === undefined || theirs === undefined) throw new Error("two were started");
  const repo = repository(ours.cwd, { a: "1\n" });
  for (const daemon of daemons) await daemon.api().post("/projects", { name: "p", cwd: repo });
  const worktrees = (): string[] =>
    [...user(repo, ["worktree", "list", "--porcelain"]).matchAll(/^worktree (.*)$/gm)].map(([, path = ""]) => path);
  const branches = (): string[] => user(repo, ["branch", "--format=%(refname:short)"]).trim().split("\n").sort();

  let going = true;
  const person = (async () => {
    for (; going; await Bun.sleep(100)) {
      user(repo, ["worktree", "prune"], { mayFail: true });
      user(repo, ["gc", "-q"], { mayFail: true });
    }
  })();
  const make = async (daemon: TestDaemon, name: string): Promise<Made> => {
    const task = `echo ${name} > mine; git add mine; git -c user.name=x -c user.email=x@x commit -qm ${name}; ls`;
    const body = { provider: "sh", name, task, workspace: { kind: "worktree" } };
    const { agent } = await daemon.api().post("/projects/p/agents", body);
    const path = `/projects/p/agents/${String(agent?.["id"])}`;
    const { agent: rested } = await daemon.api().get(`${path}/wait?timeout=40`);
    expect(rested as unknown).toMatchObject({ status: "idle", turn: { outcome: "completed" } });
    await kept(daemon.api(), path);
    expect(String((await daemon.api().get(`${path}/messages/last`))["message"]?.["text"])).toBe("a\nmine\n");
    return { path, folder: join(realpathSync(daemon.dir), "state/workspaces/p", String(agent?.["id"])) };
  };
  const made = await Promise.all(
    daemons.map((daemon) => Promise.all(NAMES.map(async (name) => ({ daemon, ...(await make(daemon, name)) })))),
  );
  going = false;
  await person;
  const [mine = [], others = []] = made;
  expect(worktrees().sort()).toEqual([realpathSync(repo), ...[...mine, ...others].map((each) => each.folder)].sort());
  expect(branches()).toHaveLength(1 + 2 * NAMES.length);
  for (const { daemon, path } of [...mine, ...others])
    expect((await daemon.api().get(`${path}/changes`)) as unknown).toMatchObject({ files: 1, commits: 1 });

  // One daemon's agents go, it starts anew and looks after what is left: the other's are as they were.
  const before = branches().length;
  for (const { path } of mine) expect((await ours.api().call("DELETE", `${path}?discard=1`)).status).toBe(204);
  await ours.restart();
  user(repo, ["worktree", "prune"]);
  expect(worktrees().sort()).toEqual([realpathSync(repo), ...others.map((each) => each.folder)].sort());
  // A branch with commits of its own is not ours to delete, whoever made it.
  expect(branches()).toHaveLength(before);
  for (const { path, folder } of others) {
    expect(existsSync(join(folder, "mine"))).toBe(true);
    await theirs.api().post(`${path}/input`, { text: "git status --porcelain; git log --oneline | wc -l" });
    await theirs.api().get(`${path}/wait?timeout=40`);
    expect(String((await theirs.api().get(`${path}/messages/last`))["message"]?.["text"]).trim()).toBe("2");
  }
  expect(user(repo, ["status", "--porcelain"])).toBe("");
  expect(user(repo, ["fsck", "--full"], { mayFail: true })).not.toContain("missing");
});
