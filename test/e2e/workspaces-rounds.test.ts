/**
 * Round after round something is done with agents' folders, and the daemon and the git that works for it die the hard
 * way in the middle: what was answered is there, what was cut can be asked for again, each kept state comes back as it
 * was, and neither repository is hurt. `make test-work` plays a hundred rounds. Needs `make build`.
 * file-timeout: 2400 s
 */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Answer } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { seeded } from "../support/random.ts";
import { picture, repository, user } from "../unit/workspaces/ground.ts";

const ROUNDS = Number(process.env["AH_TEST_ROUNDS"] ?? 6);
const SEED = Number(process.env["AH_TEST_SEED"] ?? 20_261_126);
const PATIENCE_MS = 90_000;
setDefaultTimeout(ROUNDS * 60_000);

let box: Box;
afterEach(() => box.close());

interface Worker {
  readonly id: string;
  readonly path: string;
  readonly folder: string;
  readonly kind: string;
  /** What lay there when a snapshot was taken. */
  readonly states: Map<string, Record<string, string>>;
}

const lies = (folder: string): Record<string, string> => picture(folder, { without: [".git"] });

/** The daemon's death, and that of every git that it has begun. */
async function killAll(): Promise<void> {
  const parent = box.pid();
  const gits = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [, comm = "", rest = ""] = /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "latin1")) ?? [];
        return comm === "git" && Number(rest.split(" ")[1]) === parent;
      } catch {
        return false;
      }
    });
  await box.kill();
  for (const pid of gits)
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // it was done meanwhile
    }
}

test(`${ROUNDS} deaths at any moment of making, keeping, bringing back, merging and letting go lose nothing`, async () => {
  const random = seeded(SEED);
  const next = (below: number): number => random.between(0, Math.max(0, below - 1));
  box = await makeBox({ providers: { sh: { kind: "command", command: ["/bin/sh"] } } });
  repository(box.cwd, { a: "1\n", "deep/b": "2\n" });
  const before = picture(box.cwd, { without: [".git"] });
  await box.start();
  await box.api().post("/projects", { name: "p", cwd: box.cwd });
  const workers: Worker[] = [];
  let made = 0;

  /** Asks, dies, and asks again under the same key; an act of which nobody knows whether it was done is done anew. */
  const through = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const key = { "Idempotency-Key": `round-${made++}` };
    const first = box
      .api()
      .call(method, path, body, key)
      .catch(() => null);
    await Bun.sleep(next(4) === 0 ? next(900) : next(120)); // no wait for luck: the moment at which it dies
    await killAll();
    await first;
    await box.start();
    let tries = 0;
    let last: Answer | null = null;
    return eventually(
      `${method} ${path}`,
      async () => {
        const more = { "Idempotency-Key": `${key["Idempotency-Key"]}${tries === 0 ? "" : `-${tries}`}` };
        const again = (last = await box.api().call(method, path, body, more));
        if (again.status < 400 || (method === "DELETE" && again.status === 404)) return again;
        tries += 1;
        return null;
      },
      PATIENCE_MS,
    ).catch((error: unknown) => {
      throw new Error(`it is refused still: ${JSON.stringify(last?.body)}`, { cause: error });
    });
  };
  /** It has come to rest, and what lies there was kept under the name that is asked for. */
  const rested = async (worker: Worker): Promise<void> => {
    const { path, folder, states } = worker;
    await eventually(
      "it to rest",
      async () => {
        const { agent } = await box.api().get(path);
        if (["processing", "starting"].includes(String(agent?.["status"]))) return null;
        expect(agent as unknown).toMatchObject({ status: "idle", turn: { outcome: "completed" } });
        return agent;
      },
      PATIENCE_MS,
    );
    const { agent } = await box.api().get(path);
    const turn = String(agent?.["turn"]?.["id"]).split("-")[1] ?? "";
    await eventually("it to be kept", async () => (await names(worker)).includes(turn), PATIENCE_MS);
    states.set(turn, lies(folder));
  };
  const names = async ({ path }: Worker): Promise<string[]> =>
    [...((await box.api().get(`${path}/snapshots`))["snapshots"] ?? [])].map((each) => String(each["id"]));
  const script = (): string => `echo ${made} > t-${made}; echo ${made} >> a; rm -f t-${made - 3}`;

  const acts: Record<string, (worker: Worker) => Promise<void>> = {
    async turn(worker) {
      await through("POST", `${worker.path}/input`, { text: script() });
      await rested(worker);
    },
    async restore(worker) {
      const all = [...worker.states.keys()];
      const name = all[next(all.length)] ?? "";
      await through("POST", `${worker.path}/snapshots/${name}/restore`, {});
      expect(lies(worker.folder)).toEqual(worker.states.get(name) ?? {});
      // And that is what is told: nothing has changed since.
      expect(Number((await box.api().get(`${worker.path}/changes?from=${name}`))["files"])).toBe(0);
    },
    async merge(worker) {
      const into = `review-${made}`;
      await through("POST", `${worker.path}/merge`, { into });
      const listed = user(box.cwd, ["ls-tree", "-r", "--name-only", into]).trim().split("\n");
      expect(listed.sort()).toEqual(Object.keys(lies(worker.folder)).sort());
    },
    async remove(worker) {
      const there = lies(worker.folder);
      await through("DELETE", `${worker.path}?discard=1`);
      workers.splice(workers.indexOf(worker), 1);
      const recover = `/workspaces/${worker.id}/recover`;
      const back = async (): Promise<boolean> => (await box.api().call("POST", recover)).status === 200;
      await eventually("it to come back", back, PATIENCE_MS);
      expect(lies(worker.folder)).toEqual(there);
    },
  };
  const make = async (): Promise<void> => {
    const kind = next(4) === 0 ? "copy" : "worktree";
    const body = { provider: "sh", task: script(), workspace: { kind } };
    const { body: answer } = await through("POST", "/projects/p/agents", body);
    const id = String(answer["agent"]?.["id"]);
    const folder = join(box.stateDir, "workspaces/p", id);
    const worker: Worker = { id, folder, kind, path: `/projects/p/agents/${id}`, states: new Map([["0", before]]) };
    workers.push(worker);
    await rested(worker);
  };

  for (let round = 0; round < ROUNDS; round++) {
    const worker = workers[next(workers.length || 1)];
    const roll = next(10);
    const act = roll < 3 ? "turn" : roll < 6 ? "restore" : roll < 8 ? "merge" : "remove";
    if (worker === undefined || (workers.length < 3 && roll === 0)) await make();
    else if (act === "merge" && worker.kind === "copy") await acts["turn"]?.(worker);
    else await acts[act]?.(worker);
    expect(picture(box.cwd, { without: [".git"] })).toEqual(before);
    expect(user(box.cwd, ["status", "--porcelain"])).toBe("");
  }
  // What was kept at any time comes back, after all of that.
  for (const worker of workers)
    for (const [name, state] of worker.states) {
      await box.api().post(`${worker.path}/snapshots/${name}/restore`, {});
      expect(lies(worker.folder)).toEqual(state);
    }
  for (const dir of [join(box.cwd, ".git"), join(box.stateDir, "snapshots/p.git")]) {
    expect(user(dir, ["fsck", "--full"])).not.toMatch(/missing|broken/);
    const locks = Object.keys(picture(dir)).filter((name) => /\.lock$/.test(name) && !name.startsWith("index-"));
    expect(locks).toEqual([]);
  }
});
