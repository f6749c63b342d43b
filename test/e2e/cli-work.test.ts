/** The commands about agents' files, each with what it prints, on one agent's way from its first line to its end. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import type { Cli, Said } from "../support/cli.ts";
import { cliOf } from "../support/cli.ts";
import { commit, put, repository, user } from "../unit/workspaces/ground.ts";
import { COMMIT } from "./workspaces.world.ts";

setDefaultTimeout(120_000);

let box: Box;
let cli: Cli;
const said = (code: number, out: string, err: string): Said => ({ code, out, err });
const lines = (...each: readonly string[]): string => each.map((line) => `${line}\n`).join("");
const idOf = async (name: string): Promise<string> =>
  (JSON.parse((await cli("show", name, "--json")).out) as { agent: { id: string } }).agent.id;
const folderOf = async (name: string): Promise<string> => join(box.stateDir, "workspaces", "shop", await idOf(name));
/** An agent that does this, and is done. */
const does = async (name: string, script: string): Promise<void> => {
  const { code, err } = await cli("run", "--worktree", "--name", name, script);
  expect({ code, err }).toMatchObject({ code: 0 });
};

beforeAll(async () => {
  box = await makeBox({ providers: { sh: { kind: "command", command: ["/bin/sh"] } } });
  repository(box.cwd, { a: "1\n", b: "2\n", "old name": "a line\nand another\nand a third\n" });
  await box.start();
  cli = cliOf(box);
  expect((await cli("projects", "add", "shop", box.cwd, "--provider", "sh")).code).toBe(0);
});
afterAll(() => box.close());

test("changes lists files with figures, of all the work or of one turn", async () => {
  await does("worker", `echo more >> a; ${COMMIT} mine; rm b; mv 'old name' new; printf '\\0' > raw`);
  const all = lines("modified\t1\t0\ta", "deleted\t0\t1\tb", "renamed\t0\t0\told name -> new", "added\tbin\tbin\traw");
  expect(await cli("changes", "shop/worker")).toEqual(said(0, all, "4 files, +1 -1 (agent/shop/worker, 1 commit)\n"));
  expect((await cli("send", "--wait", "worker", "echo late > late")).code).toBe(0);
  expect(await cli("changes", "worker", "--turn", "2")).toMatchObject({ code: 0, out: "added\t1\t0\tlate\n" });
  expect(await cli("changes", "worker", "--to", "1")).toMatchObject({ code: 0, out: all });
  const wrong = await cli("changes", "worker", "--turn", "9");
  expect(wrong).toMatchObject({ code: 1, out: "" });
  expect(wrong.err).toContain('there is no snapshot "9": there are 0, 1, 2');
});

test("diff in a pipe is a patch that git apply takes; of one file it is that file's lines", async () => {
  const { code, out, err } = await cli("diff", "worker");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  user(box.cwd, ["worktree", "add", "-q", "--detach", join(box.dir, "fresh")]);
  await Bun.write(join(box.dir, "work.patch"), out);
  user(join(box.dir, "fresh"), ["apply", join(box.dir, "work.patch")]);
  expect(readFileSync(join(box.dir, "fresh", "a"), "utf8")).toBe("1\nmore\n");
  expect(existsSync(join(box.dir, "fresh", "b"))).toBe(false);
  expect(readFileSync(join(box.dir, "fresh", "raw"), "latin1")).toBe("\0");
  const one = await cli("diff", "worker", "a");
  expect(one.out).toEndWith("@@ -1 +1,2 @@\n 1\n+more\n");
  expect(one.out).not.toContain("late");
});

test("restore lists what was kept, asks before it brings it back, and says how to take that back", async () => {
  const { code, out } = await cli("restore", "worker");
  expect([code, out.replaceAll(/\t\d{4}-\S+Z\t/g, "\tAT\t")]).toEqual([
    0,
    lines("0\tAT\t0\t0\t0", "1\tAT\t4\t1\t1", "2\tAT\t5\t2\t1"),
  ]);
  const folder = await folderOf("worker");
  const refused = await cli("restore", "worker", "0");
  expect(refused).toMatchObject({ code: 2, out: "" });
  expect(refused.err).toContain("worker: its folder goes back to snapshot 0, what lies there now is kept");
  expect(readFileSync(join(folder, "a"), "utf8")).toBe("1\nmore\n");
  const back = "1 file written, 0 deleted; agent-harness restore shop/worker r1 takes it back\n";
  expect(await cli("restore", "worker", "0", "--path", "a", "--yes")).toEqual(said(0, "", back));
  expect(readFileSync(join(folder, "a"), "utf8")).toBe("1\n");
  expect(existsSync(join(folder, "b"))).toBe(false); // it was not asked for
  expect((await cli("restore", "worker", "r1", "--yes")).code).toBe(0);
  expect(readFileSync(join(folder, "a"), "utf8")).toBe("1\nmore\n");
});

test("merge says what it would do and what it did; a branch under a person's feet is refused", async () => {
  const refused = await cli("merge", "worker");
  expect(refused).toMatchObject({ code: 1, out: "" });
  expect(refused.err).toContain(box.cwd);
  const dry = await cli("merge", "worker", "--into", "review", "--dry-run");
  const loose = "the work of shop/worker, 5 files that it had not committed among it";
  expect(dry).toEqual(said(0, "", `review would be made with ${loose}\n`));
  expect(user(box.cwd, ["branch", "--list", "review"])).toBe("");
  const done = await cli("merge", "worker", "--into", "review");
  const tip = user(box.cwd, ["rev-parse", "review"]).slice(0, 12);
  expect(done).toEqual(said(0, "", `review is made with ${loose} (${tip})\n`));
  expect(await cli("merge", "worker", "--into", "review")).toMatchObject({
    code: 0,
    err: "review has all of shop/worker already\n",
  });
});

test("a merge with conflicts names them and whose they are, changes nothing and exits with 1", async () => {
  await does("other", "echo mine > a");
  user(box.cwd, ["checkout", "-q", "-b", "theirs"]);
  put(box.cwd, { a: "theirs\n" });
  const tip = commit(box.cwd, "theirs");
  user(box.cwd, ["checkout", "-q", "main"]);
  const done = await cli("merge", "other", "--into", "theirs");
  expect(done).toEqual(
    said(1, "a\tbase branch agent\n", "agent-harness: 1 conflict with theirs: nothing was changed\n"),
  );
  expect(user(box.cwd, ["rev-parse", "theirs"]).trim()).toBe(tip);
});

test("rm ends nothing whose work is merged nowhere without --discard; workspaces lists and recovers it", async () => {
  const [id, folder] = [await idOf("other"), await folderOf("other")];
  const refused = await cli("rm", "--yes", "other");
  expect(refused).toMatchObject({ code: 1, out: "" });
  expect(refused.err).toContain("1 file(s) not committed");
  expect((await cli("show", "other")).code).toBe(0);
  expect(await cli("rm", "--yes", "worker")).toEqual(said(0, "", "removed shop/worker\n"));
  expect(await cli("rm", "--yes", "--discard", "other")).toEqual(said(0, "", "removed shop/other\n"));
  expect(existsSync(folder)).toBe(false);
  const listed = await cli("workspaces");
  expect(listed.code).toBe(0);
  expect(listed.out).toContain(`shop/other\t${id}\tworktree\tkept\t\t${folder}\n`);
  expect(listed.err).toMatch(/^snapshots: \d\S* ?\w+\n$/);
  expect(await cli("workspaces", "recover", id)).toEqual(said(0, `${folder}\n`, "1 file written\n"));
  expect(readFileSync(join(folder, "a"), "utf8")).toBe("mine\n");
  expect((await cli("workspaces")).out).toMatch(
    new RegExp(`^shop/other\\t${id}\\tworktree\\trecovered\\t\\d+\\t${folder}$`, "m"),
  );
});

test("run --rm keeps an agent whose work is merged nowhere, and says so", async () => {
  const { code, err } = await cli("run", "--worktree", "--rm", "--name", "kept", "echo x > only-here");
  expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining("shop/kept stays: ") });
  expect(readFileSync(join(await folderOf("kept"), "only-here"), "utf8")).toBe("x\n");
  expect((await cli("run", "--worktree", "--rm", "--name", "gone", "ls")).code).toBe(0);
  expect((await cli("show", "gone")).code).toBe(1);
});
