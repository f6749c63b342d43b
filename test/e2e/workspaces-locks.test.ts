/**
 * A git of ours dies the hard way, with the daemon, while it holds a lock in a person's repository: the next daemon
 * takes that away, and none that is not ours; the answer says what to do with such a one. Needs `make build`.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { picture, put, repository, user } from "../unit/workspaces/ground.ts";

setDefaultTimeout(120_000);

let box: Box;
let path = "";
afterAll(() => box.close());

/**
 * Where a file `die` is, a change of a branch is the last: the real git has taken its locks, then it is killed, and the
 * daemon that started it.
 */
const DYING = (real: string, dir: string): string => `#!/bin/sh
case "$*" in
*update-ref*refs/heads/*) if [ -e '${dir}/die' ]; then
  rm -f '${dir}/die' '${dir}/said' # of the time before
  mkfifo '${dir}/in'
  exec 3<> '${dir}/in'
  '${real}' update-ref --stdin <&3 > '${dir}/said' & git=$!
  while [ "$1" != update-ref ]; do shift; done
  if [ "$2" = -d ]; then change="delete $3 $4"; else change="update $4 $5 $6"; fi
  printf 'start\\n%s\\nprepare\\n' "$change" >&3
  until grep -qs 'prepare: ok' '${dir}/said'; do sleep 0.02; done
  kill -9 $git $PPID
  rm '${dir}/in'
  exit 1
fi ;;
esac
exec '${real}' "$@"
`;

beforeAll(async () => {
  box = await makeBox({ providers: { sh: { kind: "command", command: ["/bin/sh"] } } });
  const git = join(box.dir, "bin/git");
  put(box.dir, { "bin/git": DYING(Bun.which("git") ?? "", box.dir) });
  chmodSync(git, 0o755);
  repository(box.cwd, { a: "1\n" });
  await start();
  await box.api().post("/projects", { name: "p", cwd: box.cwd });
  const body = { provider: "sh", task: "echo x > x", workspace: { kind: "worktree" } };
  const { agent } = await box.api().post("/projects/p/agents", body);
  path = `/projects/p/agents/${String(agent?.["id"])}`;
  expect(String((await box.api().get(`${path}/wait?until=idle&timeout=60`))["reached"])).toBe("true");
  user(box.cwd, ["branch", "review"]);
});

const start = () => box.start({ PATH: `${join(box.dir, "bin")}${delimiter}${process.env["PATH"]}` });
const locks = (): string[] =>
  Object.keys(picture(join(box.cwd, ".git"), { without: ["worktrees"] })).filter((name) => name.endsWith(".lock"));

test("a lock that is none of ours is left alone, and the answer names it and how it goes away", async () => {
  const lock = join(box.cwd, ".git/refs/heads/review.lock");
  writeFileSync(lock, "");
  const { status, body } = await box.api().call("POST", `${path}/merge`, { into: "review" });
  expect([status, String(body["error"])]).toEqual([409, "BRANCH_IN_USE"]);
  expect(String(body["message"])).toContain(`${lock} is there`);
  expect(String(body["message"])).toContain("delete that file");
  expect(readFileSync(lock, "utf8")).toBe("");
  rmSync(lock);
});

test("killed while it moves a branch: the next merge goes through", async () => {
  writeFileSync(join(box.dir, "die"), "");
  await box
    .api()
    .call("POST", `${path}/merge`, { into: "review" })
    .catch(() => undefined);
  await box.exited();
  expect(locks()).toEqual(["refs/heads/review.lock"]);
  await start();
  expect((await box.api().post(`${path}/merge`, { into: "review" })) as unknown).toMatchObject({ merged: true });
  expect(user(box.cwd, ["show", "review:x"])).toBe("x\n");
  expect(locks()).toEqual([]);
});

test("killed while it deletes a branch: the next daemon takes its locks away by itself", async () => {
  await box.api().post(`${path}/snapshots/0/restore`, {});
  writeFileSync(join(box.dir, "die"), "");
  await box
    .api()
    .call("DELETE", path)
    .catch(() => undefined);
  await box.exited();
  expect(locks()).toContain("packed-refs.lock");
  await start();
  await eventually("the locks to go", () => locks().length === 0, 60_000);
  user(box.cwd, ["pack-refs", "--all"]);
});
