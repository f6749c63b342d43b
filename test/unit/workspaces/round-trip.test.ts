/** What a snapshot holds is what lay in the folder, byte for byte, whatever its repository makes of contents. */
import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commit, ground, picture, put, repository, storeIn, take, unpacked, user } from "./ground.ts";

/** Fills a folder; says what of it a snapshot leaves out. */
type Fill = (dir: string) => readonly string[] | undefined;

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const ROWS: Readonly<Record<string, Fill>> = {
  "line ends and encodings that attributes would change": (dir) => {
    put(dir, {
      ".gitattributes":
        "*.txt text eol=crlf\n*.u16 working-tree-encoding=UTF-16LE text\n*.id ident\n*.bin filter=lfs -text\n",
      "crlf.txt": "a\r\nb\r\n",
      "mixed.txt": "a\r\nb\nc\r",
      "wide.u16": bytes(0xff, 0xfe, 0x61, 0, 0x0a, 0),
      "k.id": "$Id$ $Id: 0000 $\n",
      "big.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
      zeros: bytes(0, 0, 0, 1),
      empty: "",
    });
    return undefined;
  },
  "links, dangling ones and links to folders among them, and the bit of programs": (dir) => {
    put(dir, { "bin/run": "#!/bin/sh\n", plain: "x" });
    chmodSync(join(dir, "bin/run"), 0o755);
    symlinkSync("plain", join(dir, "link"));
    symlinkSync("nowhere", join(dir, "dangling"));
    symlinkSync("bin", join(dir, "folder-link"));
    symlinkSync("/etc", join(dir, "outside"));
    return undefined;
  },
  "names in no encoding, with quotes, breaks and tabs, and names of other systems": (dir) => {
    for (const name of ['q"uote', "tab\there", "new\nline", "back\\slash", "git~1", "-dash", ":colon", " blank "])
      put(dir, { [name]: name });
    writeFileSync(Buffer.concat([Buffer.from(`${dir}/caf`), bytes(0xe9)]), "latin");
    return undefined;
  },
  "files that are tracked though they are ignored, but none that are only ignored": (dir) => {
    put(dir, { ".gitignore": "*.log\nbuild/\n", "kept.log": "1", "build/made": "2" });
    user(dir, ["add", "-f", "kept.log", "build/made"]);
    commit(dir, "forced");
    put(dir, { "kept.log": "changed", "build/made": "changed too", "other.log": "no", "build/other": "no" });
    return ["other.log", "build/other"];
  },
  "what a person excludes without a .gitignore is left out": (dir) => {
    put(dir, { ".git/info/exclude": "secret\n", secret: "s", open: "o" });
    return ["secret"];
  },
  "repositories within: with commits, without, and a submodule with its changes": (dir) => {
    const source = repository(`${dir}-source`, { s: "sub\n" });
    user(dir, ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", source, "sub"]);
    commit(dir, "with a submodule");
    put(dir, { "sub/s": "changed in it\n", "sub/t": "new in it\n" });
    repository(join(dir, "with"), { f: "1\n", "deep/g": "2\n" });
    put(dir, { "with/deep/g": "changed\n", "with/new": "new\n" });
    user(dir, ["init", "-q", "without"]);
    put(dir, { "without/h": "3\n" });
    return ["with/.git", "without/.git", "sub/.git"];
  },
  "a repository within a repository within": (dir) => {
    repository(join(dir, "one"));
    repository(join(dir, "one/two"), { deep: "down\n" });
    return ["one/.git", "one/two/.git"];
  },
  "an index with conflicts in the middle of a merge": (dir) => {
    put(dir, { f: "base\n" });
    commit(dir, "base");
    user(dir, ["checkout", "-q", "-b", "other"]);
    put(dir, { f: "theirs\n" });
    commit(dir, "theirs");
    user(dir, ["checkout", "-q", "main"]);
    put(dir, { f: "ours\n" });
    commit(dir, "ours");
    user(dir, ["merge", "other"], { mayFail: true });
    return undefined;
  },
  "a rebase in progress": (dir) => {
    put(dir, { f: "base\n" });
    commit(dir, "base");
    user(dir, ["checkout", "-q", "-b", "other"]);
    put(dir, { f: "theirs\n" });
    commit(dir, "theirs");
    user(dir, ["checkout", "-q", "main"]);
    put(dir, { f: "ours\n" });
    commit(dir, "ours");
    user(dir, ["rebase", "other"], { mayFail: true });
    put(dir, { untracked: "u" });
    return undefined;
  },
  "a detached head": (dir) => {
    user(dir, ["checkout", "-q", "--detach"]);
    put(dir, { b: "2" });
    return undefined;
  },
  "a split index, as a person may have switched it on": (dir) => {
    user(dir, ["update-index", "--split-index"]);
    put(dir, { ".gitignore": "*.log\n", "kept.log": "k", more: "m" });
    user(dir, ["add", "-f", "kept.log"]);
    return undefined;
  },
  "a .git of which nothing can be made": (dir) => {
    rmSync(join(dir, ".git"), { recursive: true });
    put(dir, { ".git": "gitdir: /nowhere/at/all\n", left: "over" });
    return undefined;
  },
};

const inRepository = (files: string) => (dir: string) => repository(dir, { [files]: "1\n" });

test.each(Object.entries(ROWS))("a snapshot gives back: %s", async (_, fill) => {
  const dir = ground();
  const work = join(dir, "work");
  inRepository("a")(work);
  const without = [".git", ...(fill(work) ?? [])];
  const store = await storeIn(dir);
  const { commit: id, skipped } = await take(store, work, "0");
  expect(skipped).toEqual([]);
  expect(unpacked(store, id, join(dir, "out"))).toEqual(picture(work, { without }));
});

test("a folder without any repository, and an empty repository, can be kept", async () => {
  const dir = ground();
  put(dir, { "plain/a": "1", "plain/b/c": "2" });
  user(dir, ["init", "-q", "empty"]);
  const store = await storeIn(dir);
  const plain = await take(store, join(dir, "plain"), "0");
  expect(unpacked(store, plain.commit, join(dir, "out"))).toEqual({ a: "file 1", "b/c": "file 2" });
  const empty = await take(store, join(dir, "empty"), "1", { agent: "00000001" });
  expect(unpacked(store, empty.commit, join(dir, "out2"))).toEqual({});
});

test("the next snapshot follows what was changed, moved, deleted and made something else", async () => {
  const dir = ground();
  const work = repository(join(dir, "work"), { a: "1", b: "2", c: "3", "d/e": "4", f: "5", "g/h": "6" });
  const store = await storeIn(dir);
  const first = await take(store, work, "0");
  put(work, { a: "changed" });
  renameSync(join(work, "b"), join(work, "moved"));
  rmSync(join(work, "c"));
  rmSync(join(work, "d"), { recursive: true });
  put(work, { d: "a file where a folder was" });
  rmSync(join(work, "f"));
  mkdirSync(join(work, "f"));
  put(work, { "f/in": "a folder where a file was" });
  rmSync(join(work, "g"), { recursive: true });
  symlinkSync("/etc", join(work, "g"));
  const second = await take(store, work, "1", { parent: first.commit });
  expect(unpacked(store, second.commit, join(dir, "out"))).toEqual(picture(work, { without: [".git"] }));
  expect(unpacked(store, first.commit, join(dir, "out0"))["a"]).toBe("file 1");
});

test("a folder that is gone is a snapshot of nothing", async () => {
  const dir = ground();
  const work = repository(join(dir, "work"));
  const store = await storeIn(dir);
  const first = await take(store, work, "0");
  rmSync(work, { recursive: true });
  const second = await take(store, work, "1", { parent: first.commit });
  expect(unpacked(store, second.commit, join(dir, "out"))).toEqual({});
});
