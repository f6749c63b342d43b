/** Agents in folders of their own: what they did is kept at each turn's end, shown, brought back and merged. */
import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import { picture, put, user } from "../unit/workspaces/ground.ts";
import type { World } from "./workspaces.world.ts";
import { COMMIT, kept, world } from "./workspaces.world.ts";

let w: World;
afterEach(() => w.daemon.close());

test("an agent works in a work tree of its own, and the project's folder sees nothing of it", async () => {
  w = await world();
  const before = picture(w.cwd, { without: [".git"] });
  const { path, folder } = await w.agent("pwd; echo changed > a; echo new > c; rm b");
  const { message } = await w.api().get(`${path}/messages/last`);
  expect(String(message?.["text"]).trim()).toBe(folder);
  expect(picture(w.cwd, { without: [".git"] })).toEqual(before);
  expect(user(w.cwd, ["status", "--porcelain"])).toBe("");
  const found = await w.api().get(`${path}/changes`);
  expect(found as unknown).toMatchObject({
    from: "0",
    to: "1",
    files: 3,
    insertions: 2,
    deletions: 2,
    commits: 0,
    workspace: { kind: "worktree", path: folder, branch: expect.stringMatching(/^agent\/p\//), target: "main" },
    changes: [
      { path: "a", kind: "modified", insertions: 1, deletions: 1 },
      { path: "b", kind: "deleted", insertions: 0, deletions: 1 },
      { path: "c", kind: "added", insertions: 1, deletions: 0 },
    ],
  });
  const { files } = await w.api().get(`${path}/diff?path=c`);
  expect(files as unknown).toMatchObject([
    { path: "c", patch: expect.stringContaining("@@ -0,0 +1 @@\n+new\n"), truncated: false },
  ]);
});

test("a notice tells what the work comes to and on which branch it is", async () => {
  w = await world({ webhook: { url: "http://127.0.0.1:9/" } });
  const worker = await w.agent(`echo x > x; ${COMMIT} mine; rm b`, { name: "fix", workspace: { kind: "worktree" } });
  /** Of one that had to do without, as it took long to keep it, the next one tells. */
  const notice = await eventually(
    "a notice with changes",
    async () => {
      const { deliveries } = await w.api().get("/deliveries");
      const bodies = [...(deliveries ?? [])].map(
        async ({ id }) => (await w.api().get(`/deliveries/${String(id)}`))["delivery"]?.["body"],
      );
      const told = (await Promise.all(bodies)).find((each) => each?.["pending"] === undefined);
      if (told === undefined) await worker.does("true");
      return told;
    },
    60_000,
  );
  expect(notice as unknown).toMatchObject({
    event: "agent_completed",
    changes: { files: 2, insertions: 1, deletions: 1, branch: "agent/p/fix", commits: 1 },
  });
});

test("the metrics say what workspaces and snapshots take, once there are any", async () => {
  w = await world();
  const gauges = async (): Promise<Record<string, number>> => {
    const text = await (await fetch(`${w.api().url}/metrics`)).text();
    const found = text.matchAll(/^agent_harness_((?:workspaces|snapshots?)[a-z_]*) (\S+)$/gm);
    return Object.fromEntries([...found].map(([, name = "", value]) => [name, Number(value)]));
  };
  expect(await gauges()).toEqual({});
  await w.agent("head -c 300000 /dev/urandom > large");
  const told = await eventually("the disk was looked at", async () => {
    const now = await gauges();
    return now["workspaces_bytes"] === undefined ? null : now;
  });
  const random = 300_000; // nothing makes it smaller, neither in the folder nor in the store
  expect(told["workspaces_bytes"]).toBeGreaterThan(random);
  expect(told["snapshots_bytes"]).toBeGreaterThan(random);
  expect(told["snapshots"]).toBe(2);
  expect(told["snapshot_longest_seconds"]).toBeGreaterThan(0);
  expect(told["snapshots_seconds"]).toBeGreaterThan(Number(told["snapshot_longest_seconds"]));
});

test("ten agents work on one repository at once, and none sees another's files", async () => {
  w = await world();
  const workers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => w.agent(`echo ${i} > mine-${i}; echo ${i} >> a; ls`)),
  );
  for (const [i, { path }] of workers.entries()) {
    const { message } = await w.api().get(`${path}/messages/last`);
    expect(String(message?.["text"])).toBe(`a\nb\nmine-${i}\n`);
    const { changes } = await w.api().get(`${path}/changes`);
    expect([...(changes ?? [])].map((each) => String(each["path"]))).toEqual(["a", `mine-${i}`]);
  }
  expect(user(w.cwd, ["status", "--porcelain"])).toBe("");
}, 120_000);

test("each turn's state can be shown and brought back, also after the agent cleaned everything up", async () => {
  w = await world();
  const worker = await w.agent("echo one > work; echo deep > d-e-f; mkdir -p d; echo x > d/x");
  const { path, folder } = worker;
  const after1 = picture(folder, { without: [".git"] });
  await worker.does("git reset --hard -q && git clean -fdxq");
  expect(existsSync(join(folder, "work"))).toBe(false);
  const { changes } = await w.api().get(`${path}/changes?turn=1`);
  expect([...(changes ?? [])].map((each) => String(each["path"]))).toEqual(["d-e-f", "d/x", "work"]);
  const { files } = await w.api().get(`${path}/changes?turn=2`);
  expect(Number(files)).toBe(3);
  expect((await w.api().post(`${path}/snapshots/1/restore`, {})) as unknown).toEqual({
    snapshot: "1",
    written: 3,
    deleted: 0,
    kept: [],
    before: "r1",
  });
  expect(picture(folder, { without: [".git"] })).toEqual(after1);
  // It was taken before, so it can be taken back.
  await w.api().post(`${path}/snapshots/r1/restore`, {});
  expect(existsSync(join(folder, "work"))).toBe(false);
  const { snapshots } = await w.api().get(`${path}/snapshots`);
  expect([...(snapshots ?? [])].map((each) => String(each["id"]))).toEqual([
    ...["0", "1", "2", "r1", "r1-after", "r2", "r2-after"],
  ]);
});

test("what a restore made of the folder is what is told from then on, and none of the next turn's doing", async () => {
  w = await world();
  const worker = await w.agent("echo one > work; echo x > x");
  await worker.does("rm work; echo two > y");
  await w.api().post(`${worker.path}/snapshots/1/restore`, {});
  const paths = async (query: string): Promise<string[]> => {
    const { changes } = await w.api().get(`${worker.path}/changes${query}`);
    return [...(changes ?? [])].map((each) => `${String(each["kind"])} ${String(each["path"])}`);
  };
  expect(await paths("")).toEqual(["added work", "added x"]);
  await worker.does("echo three > z");
  expect(await paths("?turn=3")).toEqual(["added z"]);
  // A part of it, likewise; and the agent's own last state is none of these.
  await w.api().post(`${worker.path}/snapshots/2/restore`, { paths: ["work", "z"] });
  expect(await paths("?from=r2&to=r2-after")).toEqual(["deleted work", "deleted z"]);
  expect(await paths("")).toEqual(["added x"]);
});

test("an agent that deletes its folder works on in a new one, and what it had done comes back", async () => {
  w = await world();
  const worker = await w.agent("echo one > work");
  await worker.does('rm -rf "$PWD"');
  expect(existsSync(worker.folder)).toBe(false);
  const { deletions } = await w.api().get(`${worker.path}/changes`);
  expect(Number(deletions)).toBe(2);
  await worker.does("echo two > other");
  await w.api().post(`${worker.path}/snapshots/1/restore`, {});
  expect(readFileSync(join(worker.folder, "work"), "utf8")).toBe("one\n");
  await worker.does("rm .git");
  await worker.does("git status --porcelain");
  const { message } = await w.api().get(`${worker.path}/messages/last`);
  expect(String(message?.["text"])).toContain("?? work");
});

test("a restore writes through no link and takes the place of nothing that was never kept", async () => {
  w = await world();
  const outside = join(w.daemon.dir, "outside");
  mkdirSync(outside);
  const worker = await w.agent("mkdir d e; echo one > d/x; echo one > e/y; echo one > f");
  await worker.does(
    `rm -r d e f; ln -s ${outside} d; printf 'e\\nf\\n' > .gitignore; ln -s ${outside} e; mkdir f; echo secret > f/g`,
  );
  const { kept } = await w.api().post(`${worker.path}/snapshots/1/restore`, {});
  expect([...(kept ?? [])].map((each) => String(each["path"])).sort()).toEqual(["e/y", "f"]);
  expect(picture(outside)).toEqual({});
  expect(readFileSync(join(worker.folder, "d/x"), "utf8")).toBe("one\n");
  expect(readFileSync(join(worker.folder, "f/g"), "utf8")).toBe("secret\n");
});

test("a part of it can be brought back alone", async () => {
  w = await world();
  const worker = await w.agent("mkdir d; echo one > d/x; echo one > d/y; echo one > f");
  await worker.does("echo two > d/x; rm d/y; echo two > f");
  await w.api().post(`${worker.path}/snapshots/1/restore`, { paths: ["d"] });
  const seen = picture(worker.folder, { without: [".git"] });
  expect(seen).toMatchObject({ "d/x": "file one\n", "d/y": "file one\n", f: "file two\n" });
});

test("a copy is made of a folder without git, and of what lies in it now", async () => {
  w = await world();
  const plain = join(w.daemon.dir, "plain");
  put(plain, { a: "1", "deep/b": "2" });
  symlinkSync("a", join(plain, "link"));
  await w.api().post("/projects", { name: "plain", cwd: plain });
  const { agent } = await w.api().post("/projects/plain/agents", {
    provider: "sh",
    task: "ls; echo more >> a",
    workspace: { kind: "copy" },
  });
  const path = `/projects/plain/agents/${String(agent?.["id"])}`;
  await w.api().get(`${path}/wait?timeout=30`);
  await kept(w.api(), path);
  const { message } = await w.api().get(`${path}/messages/last`);
  expect(String(message?.["text"])).toBe("a\ndeep\nlink\n");
  const { changes } = await w.api().get(`${path}/changes`);
  expect([...(changes ?? [])].map((each) => String(each["path"]))).toEqual(["a"]);
  expect(readFileSync(join(plain, "a"), "utf8")).toBe("1");
  const refused = await w.api().call("POST", `${path}/merge`, {});
  expect([refused.status, String(refused.body["error"])]).toEqual([409, "NO_WORKSPACE"]);
});

test("in the project's own folder what lies there is kept where that is asked for, and said to be shared", async () => {
  w = await world();
  const worker = await w.agent("echo one > a; git stash list", { snapshots: true });
  const found = await w.api().get(`${worker.path}/changes`);
  expect(found as unknown).toMatchObject({ shared: true, files: 1, workspace: { kind: "shared", path: w.cwd } });
  await w.api().post(`${worker.path}/snapshots/0/restore`, {});
  expect(readFileSync(join(w.cwd, "a"), "utf8")).toBe("1\n");
  // Nothing of it would be lost with the agent: it lies in the project's folder.
  expect((await w.api().call("DELETE", worker.path)).status).toBe(204);
});

test("ignored files come along, a trusted setup runs before the agent, and one that fails says why", async () => {
  w = await world({}, { project: { trusted: true }, files: { ".gitignore": ".env\ncache/\n", a: "1\n" } });
  put(w.cwd, { ".env": "KEY=1\n", "cache/deep/x": "y", other: "o" });
  const setup = { command: "echo made > from-setup; cat .env" };
  const worker = await w.agent("cat .env cache/deep/x from-setup; ls", {
    workspace: { kind: "worktree", copy: [".env", "cache"], setup },
  });
  const { message } = await w.api().get(`${worker.path}/messages/last`);
  expect(String(message?.["text"])).toBe("KEY=1\nymade\na\ncache\nfrom-setup\n");
  // What the setup made is no work of the agent's.
  expect(Number((await w.api().get(`${worker.path}/changes`))["files"])).toBe(0);
  const broken = await w.agent("true", { workspace: { kind: "worktree", setup: { command: "echo oh no; exit 3" } } });
  const { agent } = await w.api().get(broken.path);
  expect(agent as unknown).toMatchObject({
    status: "error",
    error: { code: "WORKSPACE_FAILED", message: expect.stringContaining("ended with code 3: oh no") },
  });
});

test("a setup in a project that nobody trusts is refused before anything is made", async () => {
  w = await world();
  const setup = { command: "true" };
  const body = { provider: "sh", task: "true", workspace: { kind: "worktree", setup } };
  const refused = await w.api().call("POST", "/projects/p/agents", body);
  expect([refused.status, String(refused.body["error"])]).toEqual([422, "PROJECT_UNTRUSTED"]);
  expect((await w.api().get("/agents"))["agents"] as unknown).toEqual([]);
});

test("a folder that cannot be a work tree is an end with its reason, and the next attempt may go well", async () => {
  w = await world();
  const plain = join(w.daemon.dir, "plain");
  put(plain, { a: "1" });
  await w.api().post("/projects", { name: "plain", cwd: plain });
  const body = { provider: "sh", task: "ls", workspace: { kind: "worktree" } };
  const { agent } = await w.api().post("/projects/plain/agents", body);
  const path = `/projects/plain/agents/${String(agent?.["id"])}`;
  const ended = await w.api().get(`${path}/wait?timeout=30`);
  expect(ended["agent"] as unknown).toMatchObject({ status: "error", error: { code: "WORKSPACE_FAILED" } });
  user(plain, ["init", "-q", "-b", "main"]);
  writeFileSync(join(plain, "c"), "3");
  user(plain, ["add", "-A"]);
  user(plain, ["commit", "-qm", "first"]);
  await w.api().post(`${path}/input`, { text: "ls" });
  await w.api().get(`${path}/wait?timeout=30`);
  const { message } = await w.api().get(`${path}/messages/last`);
  expect(String(message?.["text"])).toBe("a\nc\n");
});

test("a branch that cannot be made gives way to one that can, and the agent is told of it", async () => {
  w = await world();
  user(w.cwd, ["branch", "agent"]); // makes agent/… impossible
  const worker = await w.agent(`echo x > x; ${COMMIT} mine; git rev-parse --abbrev-ref HEAD`);
  const { message } = await w.api().get(`${worker.path}/messages/last`);
  expect(String(message?.["text"])).toBe(`agent-${worker.id}\n`);
  const { commits } = await w.api().get(`${worker.path}/changes`);
  expect(Number(commits)).toBe(1);
});
