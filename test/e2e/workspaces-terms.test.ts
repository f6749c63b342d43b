/** On which terms an agent gets a folder of its own: whose words count, what runs in it, what is told, how it ends. */
import { afterEach, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { FAKES } from "../support/binary.ts";
import { storedEvents } from "../support/events.ts";
import { commit, picture, put, user } from "../unit/workspaces/ground.ts";
import type { World } from "./workspaces.world.ts";
import { COMMIT, world } from "./workspaces.world.ts";

const PATH = process.env["PATH"] ?? "";
let w: World;
afterEach(async () => {
  process.env["PATH"] = PATH;
  await w.daemon.close();
});

const notes = async (path: string): Promise<string[]> =>
  (await storedEvents(w.api(), path))
    .filter((each) => String(each["type"]) === "note")
    .map((each) => `${each["data"]?.["code"]}: ${each["data"]?.["message"]}`);
const lastWords = async (path: string): Promise<string> =>
  String((await w.api().get(`${path}/messages/last`))["message"]?.["text"]);

test("the project says it for its agents, each of them may say otherwise, and base and branch are its to choose", async () => {
  const claude = { kind: "claude-code", command: [process.execPath, join(FAKES, "claude.ts")] };
  const providers = { sh: { kind: "command", command: ["/bin/sh"] }, claude };
  w = await world({ providers }, { project: { defaults: { workspace: { kind: "worktree" } } } });
  const first = user(w.cwd, ["rev-parse", "HEAD"]).trim();
  put(w.cwd, { later: "l" });
  commit(w.cwd, "later");
  const made = await w.api().post("/projects/p/agents", { provider: "claude", task: "hello" });
  // At once, whatever the making of it takes.
  expect(made["agent"] as unknown).toMatchObject({ status: "starting", workspace: "worktree" });
  const own = w.worker(String(made["agent"]?.["id"]));
  await own.rested();
  expect((await w.api().get(`${own.path}/changes`))["workspace"] as unknown).toMatchObject({ path: own.folder });
  const shared = await w.agent("pwd", { workspace: "shared" });
  expect((await lastWords(shared.path)).trim()).toBe(w.cwd);
  const older = await w.agent("git rev-parse --abbrev-ref HEAD; ls", {
    workspace: { kind: "worktree", base: first, branch: "mine/older" },
  });
  expect(await lastWords(older.path)).toBe("mine/older\na\nb\n");
});

test.each(["a..b", "-dash"])("a branch cannot be called %p: it is told, and has one that can", async (branch) => {
  w = await world();
  const { status, body } = await w.api().call("POST", "/projects/p/agents", {
    provider: "sh",
    task: "git rev-parse --abbrev-ref HEAD",
    workspace: { kind: "worktree", branch },
  });
  if (status !== 201) return expect([status, String(body["error"])]).toEqual([400, "INVALID_REQUEST"]);
  const worker = w.worker(String(body["agent"]?.["id"]));
  await worker.rested();
  expect(await lastWords(worker.path)).toBe(`agent-${worker.id}\n`);
  expect((await notes(worker.path)).join()).toContain(`workspace_branch: the branch ${branch} cannot be made`);
});

test("filters write the files of a trusted project alone, which is told elsewhere; hooks run in neither", async () => {
  w = await world({}, { files: { ".gitattributes": "*.up filter=loud\n", "a.up": "quiet\n" } });
  const mark = join(w.daemon.dir, "hooked");
  user(w.cwd, ["config", "filter.loud.smudge", "tr a-z A-Z"]);
  user(w.cwd, ["config", "filter.loud.clean", "tr A-Z a-z"]);
  put(w.cwd, { ".git/hooks/post-checkout": `#!/bin/sh\necho ran > '${mark}'\n` });
  chmodSync(join(w.cwd, ".git/hooks/post-checkout"), 0o755);
  const stranger = await w.agent("cat a.up");
  expect(await lastWords(stranger.path)).toBe("quiet\n");
  expect((await notes(stranger.path)).join()).toMatch(/workspace_unfiltered: .*no filter ran \(loud\).*LFS/);
  await w.api().call("PATCH", "/projects/p", { trusted: true });
  const trusted = await w.agent("cat a.up");
  expect(await lastWords(trusted.path)).toBe("QUIET\n");
  expect((await notes(trusted.path)).join()).not.toContain("workspace_unfiltered");
  expect(existsSync(mark)).toBe(false);
});

test("a folder of its own need not lie where projects may", async () => {
  const elsewhere = mkdtempSync("/var/tmp/ah-terms-");
  try {
    w = await world({ projects: { roots: [tmpdir()] }, stateDir: elsewhere });
    const outside = await w.api().call("POST", "/projects", { name: "q", cwd: elsewhere });
    expect([outside.status, String(outside.body["error"])]).toEqual([400, "INVALID_REQUEST"]);
    const worker = await w.agent("pwd");
    expect((await lastWords(worker.path)).trim()).toBe(join(elsewhere, "workspaces/p", worker.id));
  } finally {
    await w.daemon.close();
    rmSync(elsewhere, { recursive: true, force: true });
  }
});

test("a setup runs once, and one that fails is tried again by a resume", async () => {
  w = await world({}, { project: { trusted: true } });
  const log = join(w.daemon.dir, "setups");
  const command = `echo x >> '${log}'; [ -e '${w.daemon.dir}/good' ] || { echo no good; exit 3; }`;
  const worker = await w.agent("ls", { workspace: { kind: "worktree", setup: { command } } });
  expect((await w.api().get(worker.path))["agent"] as unknown).toMatchObject({
    error: { code: "WORKSPACE_FAILED", message: expect.stringContaining("no good") },
  });
  put(w.daemon.dir, { good: "" });
  await w.api().post(`${worker.path}/resume`);
  await worker.does("echo one");
  await worker.does("echo two");
  await w.daemon.restart();
  await worker.does("echo three");
  expect(await lastWords(worker.path)).toBe("three\n");
  expect(readFileSync(log, "utf8")).toBe("x\nx\n");
});

test("what is kept lies where nobody else can look, each turn under a name of its own", async () => {
  w = await world();
  const worker = await w.agent("echo x > x");
  const store = join(w.daemon.dir, "state/snapshots/p.git");
  expect(statSync(store).mode & 0o777).toBe(0o700);
  const names = user(store, ["for-each-ref", "--format=%(refname)"]).trim().split("\n");
  expect(names).toEqual(["0", "1"].map((turn) => `refs/agents/${worker.id}/${turn}`));
  const between = await w.api().get(`${worker.path}/changes?from=1&to=0`);
  expect(between["changes"] as unknown).toMatchObject([{ path: "x", kind: "deleted" }]);
  // The person's own repository has nothing of it.
  expect(Object.keys(picture(join(w.cwd, ".git"))).filter((name) => name.includes("refs/agents"))).toEqual([]);
});

test("a git too old to merge is told so, and what was merged by hand is known all the same", async () => {
  w = await world();
  const [one, two] = [await w.agent(`echo x > x; ${COMMIT} mine`), await w.agent(`echo y > y; ${COMMIT} mine`)];
  const old = join(w.daemon.dir, "old");
  const script = `case "$*" in *\\ version) echo git version 2.37.9; exit;; *--write-tree*) exit 129;; esac`;
  put(old, { git: `#!/bin/sh\n${script}\nexec '${Bun.which("git")}' "$@"\n` });
  chmodSync(join(old, "git"), 0o755);
  process.env["PATH"] = `${old}${delimiter}${PATH}`;
  const refused = await w.api().call("POST", `${one.path}/merge`, { into: "review" });
  expect([refused.status, String(refused.body["error"])]).toEqual([409, "MERGE_NEEDS_GIT_2_38"]);
  expect(String(refused.body["message"])).toContain(`git merge agent/p/${one.id}`);
  expect((await w.api().call("DELETE", one.path)).status).toBe(409);
  user(w.cwd, ["merge", "-q", `agent/p/${one.id}`]);
  expect((await w.api().call("DELETE", one.path)).status).toBe(204);
  expect((await w.api().call("DELETE", two.path)).status).toBe(409);
});

test("a copy leaves out what is no file, says so, and has a bound", async () => {
  w = await world();
  const plain = join(w.daemon.dir, "plain");
  put(plain, { a: "1" });
  Bun.spawnSync(["mkfifo", join(plain, "pipe")]);
  using _server = Bun.listen({ unix: join(plain, "socket"), socket: { data() {} } });
  await w.api().post("/projects", { name: "plain", cwd: plain });
  const made = async (): Promise<Json> => {
    const body = { provider: "sh", task: "ls", workspace: { kind: "copy" } };
    const { agent } = await w.api().post("/projects/plain/agents", body);
    const path = `/projects/plain/agents/${String(agent?.["id"])}`;
    return { path, ...(await w.api().get(`${path}/wait?timeout=30`)) } as unknown as Json;
  };
  const { path } = await made();
  expect(await lastWords(String(path))).toBe("a\n");
  const said = (await notes(String(path))).join("\n");
  expect(said).toContain("workspace_left: 2 did not come along");
  const shares = Bun.spawnSync(["cp", "--reflink=always", join(plain, "a"), join(w.daemon.dir, "b")]).exitCode === 0;
  expect(said.includes("workspace_copied: its file system shares no contents")).toBe(!shares);
  if (shares) return;
  // Holds no room on the disk, but would in a copy of it for all we know.
  Bun.spawnSync(["truncate", "-s", "21G", join(plain, "huge")]);
  expect((await made())["agent"] as unknown).toMatchObject({
    error: { code: "WORKSPACE_FAILED", message: expect.stringContaining("more than a copy may have") },
  });
});

test("the last state is the one that was taken last, also by a clock that was set back", async () => {
  let set = 0;
  w = await world({}, {}, { ...systemClock, now: () => systemClock.now() - set });
  const worker = await w.agent("echo x > x");
  set = 24 * 60 * 60 * 1000;
  await worker.does("echo y > y");
  const paths = async (): Promise<string[]> =>
    [...((await w.api().get(`${worker.path}/changes`))["changes"] ?? [])].map((each) => String(each["path"]));
  await eventually("it to be kept", async () => (await paths()).includes("y"));
  const { snapshots } = await w.api().get(`${worker.path}/snapshots`);
  expect([...(snapshots ?? [])].map((each) => String(each["id"]))).toEqual(["0", "1", "2"]);
  set *= 2;
  await w.api().call("DELETE", `${worker.path}?discard=1`);
  await w.api().post(`/workspaces/${worker.id}/recover`);
  expect(readFileSync(join(worker.folder, "y"), "utf8")).toBe("y\n");
});

test("what was kept of an agent that is gone goes after its days, and not before", async () => {
  let days = 0;
  let set = 0;
  const ms = (count: number): number => count * 24 * 60 * 60 * 1000;
  const clock = {
    ...systemClock,
    now: () => systemClock.now() + ms(days + set),
    monotonic: () => systemClock.monotonic() + ms(days),
  };
  w = await world({ retention: { workspacesDays: 30 } }, {}, clock);
  const [early, late] = [await w.agent("echo x > x"), await w.agent("echo y > y")];
  await w.api().call("DELETE", `${early.path}?discard=1`);
  days = 2;
  await w.api().call("DELETE", `${late.path}?discard=1`);
  const listed = async (): Promise<string[]> =>
    [...((await w.api().get("/workspaces"))["workspaces"] ?? [])].map((each) => String(each["id"]));
  // A clock that somebody sets ahead is not time that passed; the housekeeping comes five seconds after a start.
  set = 400;
  await w.daemon.restart();
  await Bun.sleep(7000);
  expect((await listed()).length).toBe(2);
  set = 0;
  days = 31;
  await w.daemon.restart();
  await eventually("it to be let go of", async () => (await listed()).length < 2);
  expect(await listed()).toEqual([late.id]);
  const names = user(join(w.daemon.dir, "state/snapshots/p.git"), ["for-each-ref", "--format=%(refname)"]);
  expect([names.includes(early.id), names.includes(late.id)]).toEqual([false, true]);
  expect((await w.api().call("POST", `/workspaces/${early.id}/recover`)).status).toBe(404);
  await w.api().post(`/workspaces/${late.id}/recover`);
  expect(readFileSync(join(late.folder, "y"), "utf8")).toBe("y\n");
});
