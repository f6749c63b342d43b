/**
 * A snapshot that takes long: who waits for the turn hears of its end in two seconds, and nothing new is begun in the
 * folder before it is kept, also by the next daemon. Git is held up by a program of its name. Needs `make build`.
 */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Api, Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { put, repository } from "../unit/workspaces/ground.ts";
import { cliOf } from "../support/cli.ts";
import { kept } from "./workspaces.world.ts";

setDefaultTimeout(120_000);

let box: Box;
let hold: string;
afterEach(() => {
  rmSync(hold, { force: true });
  return box.close();
});

const PATH = process.env["PATH"] ?? "";

/** An agent that has done one thing; from then on git takes new files only while nobody holds it. */
async function worker() {
  box = await makeBox(
    { webhook: { url: "http://127.0.0.1:9/" }, providers: { sh: { kind: "command", command: ["/bin/sh"] } } },
    {},
  );
  hold = join(box.dir, "hold");
  const git = join(box.dir, "bin/git");
  const script = `case "$*" in *update-index*) while [ -e '${hold}' ]; do sleep 0.1; done;; esac`;
  put(box.dir, { "bin/git": `#!/bin/sh\n${script}\nexec '${Bun.which("git")}' "$@"\n` });
  chmodSync(git, 0o755);
  await start();
  repository(box.cwd, { a: "1\n" });
  await box.api().post("/projects", { name: "p", cwd: box.cwd });
  const body = { provider: "sh", task: "echo one > one", workspace: { kind: "worktree" } };
  const { agent } = await box.api().post("/projects/p/agents", body);
  const path = `/projects/p/agents/${String(agent?.["id"])}`;
  await rested(path);
  await kept(box.api(), path);
  return { path, folder: join(box.stateDir, "workspaces/p", String(agent?.["id"])) };
}

const start = (): Promise<Api> => box.start({ PATH: `${join(box.dir, "bin")}${delimiter}${PATH}` });

const rested = (path: string): Promise<Json> =>
  eventually(
    "it to rest",
    async () => {
      const { agent } = await box.api().get(path);
      return agent !== undefined && String(agent["status"]) === "idle" ? agent : null;
    },
    60_000,
  );

const names = async (path: string): Promise<string[]> =>
  [...((await box.api().get(`${path}/snapshots`))["snapshots"] ?? [])].map((each) => String(each["id"]));

test("a turn's end is told while its changes are still pending, and the next turn waits for them", async () => {
  const { path, folder } = await worker();
  writeFileSync(hold, "");
  await box.api().post(`${path}/input`, { text: "echo two > two" });
  await rested(path);
  const { deliveries } = await box.api().get("/deliveries");
  const [newest] = [...(deliveries ?? [])];
  const { delivery } = await box.api().get(`/deliveries/${String(newest?.["id"])}`);
  expect(delivery?.["body"] as unknown).toMatchObject({ event: "agent_completed", changes: null, pending: true });
  expect((await box.api().get(`${path}/changes`)) as unknown).toMatchObject({ to: "1", files: 1, pending: true });
  // On the command line who asks for the work gets it whole.
  const id = path.slice(path.lastIndexOf("/") + 1);
  const asked = [[], ["--turn", "2"]].flatMap((range) =>
    ["changes", "diff"].map((name) => cliOf(box)(name, id, ...range)),
  );
  await box.api().post(`${path}/input`, { text: "echo three > three; rm two" });
  const { agent } = await box.api().get(path);
  expect(agent as unknown).toMatchObject({
    status: "processing",
    cause: { detail: "saving what the turn before it left" },
  });
  expect(existsSync(join(folder, "three"))).toBe(false);
  rmSync(hold);
  await rested(path);
  await kept(box.api(), path);
  for (const { code, out, err } of await Promise.all(asked)) {
    expect({ code, err }).toMatchObject({ code: 0, err: expect.not.stringContaining("still being saved") });
    expect(out).toMatch(/two|three/);
  }
  expect(await names(path)).toEqual(["0", "1", "2", "3"]);
  const { changes } = await box.api().get(`${path}/changes?turn=2`);
  expect([...(changes ?? [])].map((each) => String(each["path"]))).toEqual(["two"]);
  const after = await box.api().get(`${path}/changes`);
  expect([String(after["to"]), after["pending"]]).toEqual(["3", undefined]);
});

test("a daemon that dies while the changes are pending leaves them to the next, which keeps them first", async () => {
  const { path, folder } = await worker();
  writeFileSync(hold, "");
  await box.api().post(`${path}/input`, { text: "echo two > two" });
  await rested(path);
  await box.api().post(`${path}/input`, { text: "rm two" });
  await box.kill();
  await start();
  expect(existsSync(join(folder, "two"))).toBe(true);
  rmSync(hold);
  await eventually("the next turn to be kept", async () => (await names(path)).includes("3"), 60_000);
  const { changes } = await box.api().get(`${path}/changes?turn=2`);
  expect([...(changes ?? [])].map((each) => String(each["path"]))).toEqual(["two"]);
  expect(existsSync(join(folder, "two"))).toBe(false);
});
