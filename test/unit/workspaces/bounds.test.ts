/** What cannot be taken is named, and costs nobody else; what is left of deaths in the middle is in nobody's way. */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { dropSnapshots, snapshotRefs, tidyStore } from "../../../src/workspaces/snapshot-store.ts";
import { commit, ground, put, repository, storeIn, take, unpacked, user } from "./ground.ts";

describe("a file that is too large", () => {
  test("is named with its size, and the others are taken", async () => {
    const dir = ground();
    put(join(dir, "work"), { a: "1", huge: "", z: "2" });
    truncateSync(join(dir, "work/huge"), 2 * 1024 ** 3); // holds no room on the disk
    const store = await storeIn(dir);
    const taken = await take(store, join(dir, "work"), "0");
    expect(taken.skipped).toEqual([
      { path: "huge", why: "2147483648 bytes, more than limits.snapshotBytes (1073741824) leaves room for" },
    ]);
    expect(Object.keys(unpacked(store, taken.commit, join(dir, "out"))).sort()).toEqual(["a", "z"]);
  });

  test("is not shown as it was when it was small", async () => {
    const dir = ground();
    put(join(dir, "work"), { a: "1", grows: "small" });
    const store = await storeIn(dir);
    const first = await take(store, join(dir, "work"), "0");
    put(join(dir, "work"), { grows: "x".repeat(5000) });
    const second = await take(store, join(dir, "work"), "1", { parent: first.commit, maxBytes: 1000 });
    expect(second.skipped.map(({ path }) => path)).toEqual(["grows"]);
    expect(Object.keys(unpacked(store, second.commit, join(dir, "out")))).toEqual(["a"]);
  });
});

test("a repository that cannot tell what it tracks although it is ignored is named, and the rest is taken", async () => {
  const dir = ground();
  const work = repository(join(dir, "work"), { a: "1\n" });
  const store = await storeIn(dir);
  expect((await take(store, work, "0")).skipped).toEqual([]);
  writeFileSync(join(work, ".git/index"), "no index");
  const taken = await take(store, work, "1");
  expect(taken.skipped.map(({ path }) => path)).toEqual([".git"]);
  expect(taken.skipped[0]?.why).toContain("files that are tracked although they are ignored cannot be listed");
  expect(Object.keys(unpacked(store, taken.commit, join(dir, "out")))).toEqual(["a"]);
});

const asNobody = process.getuid?.() === 0;
test.skipIf(!asNobody)("what this user cannot read is named, and the others are taken", async () => {
  const dir = ground();
  const work = join(dir, "work");
  put(work, { a: "1", closed: "2", "folder/in": "3", z: "4" });
  chmodSync(join(work, "closed"), 0);
  chmodSync(join(work, "folder"), 0);
  // Root reads everything: it is taken as nobody, by a process of its own.
  const nobody = 65534;
  for (const path of [dir, work, join(work, "closed"), join(work, "folder")]) chownSync(path, nobody, nobody);
  const script = join(dir, "take.ts");
  const source = join(import.meta.dir, "..", "..", "..", "src", "workspaces");
  writeFileSync(
    script,
    `import { createGit } from "${source}/git.ts"; import { openStore } from "${source}/snapshot-store.ts";
import { takeSnapshot } from "${source}/take.ts"; import { entriesOf } from "${source}/take.ts";
const store = await openStore(createGit(), "${dir}/store.git");
const taken = await takeSnapshot({ store, agent: "a3f2b1c0", name: "0", parent: null, folder: "${work}", maxBytes: 1e9, timeoutMs: 60000, nonce: "n" });
console.log(JSON.stringify({ skipped: taken.skipped, paths: (await entriesOf(store, taken.commit)).map(({ path }) => path) }));\n`,
  );
  const identity = [`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
  const done = Bun.spawnSync(["setpriv", ...identity, process.execPath, script], {
    env: { PATH: process.env["PATH"] ?? "", HOME: dir, BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" },
  });
  if (done.exitCode !== 0 && /permission denied|EACCES/i.test(done.stderr.toString())) {
    console.log("skipped: this checkout cannot be read by another user");
    return;
  }
  expect(done.stderr.toString()).toBe("");
  expect(JSON.parse(done.stdout.toString())).toEqual({
    skipped: [
      { path: "folder", why: "cannot be read: permission denied" },
      { path: "closed", why: "cannot be read: EACCES" },
    ],
    paths: ["a", "z"],
  });
});

test("what was killed in the middle leaves nothing that stands in the way of the next", async () => {
  const dir = ground();
  const work = repository(join(dir, "work"));
  const store = await storeIn(dir);
  const first = await take(store, work, "0");
  // What a death leaves: a lock, a half index, half an object.
  put(store.dir, {
    "index-a3f2b1c0.lock": "",
    "index-a3f2b1c0.new-dead": "half",
    "index-a3f2b1c0.new-dead.lock": "",
    "objects/aa/tmp_obj_dead": "half",
    "objects/pack/tmp_pack_dead": "half",
  });
  put(work, { b: "2" });
  const second = await take(store, work, "1", { parent: first.commit });
  expect(Object.keys(unpacked(store, second.commit, join(dir, "out"))).sort()).toEqual(["a", "b"]);
  const old = new Date(Date.now() - 2 * 60 * 60 * 1000);
  for (const name of ["objects/aa/tmp_obj_dead", "objects/pack/tmp_pack_dead", "index-a3f2b1c0.new-dead"])
    utimesSync(join(store.dir, name), old, old);
  await tidyStore(store, Date.now());
  expect(existsSync(join(store.dir, "objects/aa/tmp_obj_dead"))).toBe(false);
  expect(existsSync(join(store.dir, "objects/pack/tmp_pack_dead"))).toBe(false);
  expect(existsSync(join(store.dir, "index-a3f2b1c0.new-dead"))).toBe(false);
  expect(Object.keys(unpacked(store, first.commit, join(dir, "out0")))).toEqual(["a"]);
});

test("a store of which a death left half, and one with locks of a git that was killed, are gone on with", async () => {
  const dir = ground();
  const work = repository(join(dir, "work"));
  put(join(dir, "store.git"), { "config.lock": "", HEAD: "ref: refs/heads/main\n" });
  put(join(dir, "store.git.new"), { config: "half" });
  const store = await storeIn(dir);
  const first = await take(store, work, "0");
  put(store.dir, { "refs/agents/a3f2b1c0/1.lock": "", "packed-refs.lock": "", "config.lock": "" });
  const again = await storeIn(dir);
  const second = await take(again, work, "1", { parent: first.commit });
  await tidyStore(again, Date.now());
  expect([...(await snapshotRefs(again, "a3f2b1c0")).values()]).toEqual([first.commit, second.commit]);
});

test("what was looked at without a name goes with the tidying, and stands in the way of nothing", async () => {
  const dir = ground();
  const work = repository(join(dir, "work"));
  const store = await storeIn(dir);
  const first = await take(store, work, "0");
  put(work, { b: crypto.randomUUID() });
  const looked = await take(store, work, null, { parent: first.commit });
  expect([...(await snapshotRefs(store, "a3f2b1c0")).keys()]).toEqual(["0"]);
  await tidyStore(store, Date.now());
  expect(user(store.dir, ["cat-file", "-t", looked.commit], { mayFail: true })).toBe("");
  const second = await take(store, work, "1", { parent: first.commit });
  expect(Object.keys(unpacked(store, second.commit, join(dir, "out"))).sort()).toEqual(["a", "b"]);
});

test("an index that a death of the box has spoiled is made anew", async () => {
  const dir = ground();
  const work = repository(join(dir, "work"), { a: "1", "deep/b": "2" });
  repository(join(work, "within"), { c: "3" });
  const store = await storeIn(dir);
  const first = await take(store, work, "0");
  const indexes = readdirSync(store.dir).filter((name) => name.startsWith("index-a3f2b1c0"));
  expect(indexes).toHaveLength(2);
  for (const name of indexes) writeFileSync(join(store.dir, name), "DIRC of which nothing can be made");
  const second = await take(store, work, "1", { parent: first.commit });
  expect([second.tree, second.skipped]).toEqual([first.tree, []]);
});

test("a store that is tidied keeps what is named, and lets go of an agent's when its names go", async () => {
  const dir = ground();
  const work = join(dir, "work");
  put(work, { a: crypto.randomUUID() });
  const store = await storeIn(dir);
  await take(store, work, "0");
  put(work, { a: crypto.randomUUID() });
  const other = await take(store, work, "0", { agent: "00000002" });
  expect([...(await snapshotRefs(store, "a3f2b1c0")).keys()]).toEqual(["0"]);
  await dropSnapshots(store, "a3f2b1c0");
  await tidyStore(store, Date.now());
  expect((await snapshotRefs(store, "a3f2b1c0")).size).toBe(0);
  expect(unpacked(store, other.commit, join(dir, "out"))).toHaveProperty("a");
  const objects = user(store.dir, ["count-objects", "-v"]);
  expect(objects).toContain("count: 0\n");
  expect(objects).toContain("in-pack: 3\n");
  expect(readdirSync(store.dir).filter((name) => name.startsWith("index-a3f2b1c0"))).toEqual([]);
});

test("many new files go into one pack, and the same files again into none", async () => {
  const dir = ground();
  const work = join(dir, "work");
  for (let i = 0; i < 300; i++) put(work, { [`d${i % 7}/f${i}`]: `file ${i}\n` });
  const store = await storeIn(dir);
  const first = await take(store, work, "0");
  const packs = (): number =>
    readdirSync(join(store.dir, "objects/pack")).filter((name) => name.endsWith(".pack")).length;
  expect(packs()).toBe(1);
  const second = await take(store, work, "1", { parent: first.commit });
  expect(second.tree).toBe(first.tree);
  expect(second.bytes).toBe(0);
  expect(packs()).toBe(1);
});

test("ten at once into one store, while a person commits, switches and collects garbage, are all whole", async () => {
  const dir = ground();
  const work = repository(join(dir, "work"), { a: "0" });
  const store = await storeIn(dir);
  let going = true;
  const person = (async () => {
    for (let i = 0; going; i++) {
      put(work, { [`p${i % 5}`]: String(i) });
      commit(work, `c${i}`);
      user(work, ["checkout", "-q", "-B", `b${i % 3}`]);
      user(work, ["gc", "-q", "--prune=now"], { mayFail: true });
      await Bun.sleep(1);
    }
  })();
  mkdirSync(join(dir, "own"));
  const rounds = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const agent = `0000000${i}`;
      put(join(dir, `own/${i}`), { mine: String(i) });
      const own = await take(store, join(dir, `own/${i}`), "0", { agent });
      const shared = await take(store, work, "1", { agent: `1000000${i}` });
      return { i, own, shared };
    }),
  );
  going = false;
  await person;
  for (const { i, own, shared } of rounds) {
    expect(unpacked(store, own.commit, join(dir, `out${i}`))).toEqual({ mine: `file ${i}` });
    expect(unpacked(store, shared.commit, join(dir, `shared${i}`))).toHaveProperty("a");
  }
  expect(user(store.dir, ["fsck", "--full"])).not.toContain("missing");
  expect(user(work, ["fsck", "--full"])).not.toContain("missing");
}, 120_000);
