/** A path of a project leads to a plain file in it, or nowhere. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readProjectFile } from "../../../src/process/project-file.ts";

const dir = realpathSync(mkdtempSync(join(tmpdir(), "project-file-")));
const root = join(dir, "project");
mkdirSync(join(root, "docs"), { recursive: true });
writeFileSync(join(root, "docs", "a.txt"), "inside");
writeFileSync(join(root, "docs", "big"), Buffer.alloc(2000));
writeFileSync(join(dir, "secret"), "outside");
symlinkSync(join(dir, "secret"), join(root, "link"));
symlinkSync(dir, join(root, "up"));
symlinkSync("a.txt", join(root, "docs", "within"));
Bun.spawnSync(["mkfifo", join(root, "fifo")]);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each(["docs/a.txt", join(root, "docs/a.txt")])("%s is read", (path) => {
  expect(readProjectFile(root, path, 1000)).toEqual({ ok: true, bytes: Buffer.from("inside") });
});

test.each([
  ["a link that leads out", "link", "is a link"],
  ["a link on the way", "up/secret", "is a link"],
  ["a link that stays inside", "docs/within", "is a link"],
  ["steps up", "docs/../../secret", 'without "." and ".."'],
  ["an absolute path elsewhere", "/etc/passwd", "expected a file below"],
  ["the project itself", root, "expected a file below"],
  ["a neighbour of the same beginning", `${root}-2/a`, "expected a file below"],
  ["a folder", "docs", "no plain file"],
  ["a FIFO, without waiting for its writer", "fifo", "no plain file"],
  ["what is not there", "docs/none", "there is no"],
  ["what is too large", "docs/big", "2000 bytes, expected at most 1000"],
  ["a file as a folder", "docs/a.txt/b", "no folder"],
])("%s is not", (_, path, problem) => {
  const got = readProjectFile(root, path, 1000);
  expect(got).toEqual({ ok: false, problem: expect.stringContaining(problem) });
});
