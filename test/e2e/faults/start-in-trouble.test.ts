/**
 * A start, and a life, in trouble: others can read the state directory, the disk is full, somebody holds the store, the
 * lock is taken away, the container has no init. Looked for in every step of the start, in every request, in the sweep;
 * the receiver shares the private folder, the lock and the store. Found: modes were believed, a full disk was a dead
 * start and a 500, a foreign lock froze the loop, two daemons could run on one store.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../../src/store/database.ts";
import { accountSalt } from "../../../src/store/limits.ts";
import { createApi, eventually } from "../../support/api.ts";
import type { Box } from "../../support/binary.ts";
import { BINARY, makeBox } from "../../support/binary.ts";
import { asOwnRoot, isRoot } from "../../support/own-root.ts";
import { receiverBinary } from "../receiver-helpers.ts";
import { quietPort } from "../../support/hook.ts";

asOwnRoot(import.meta.path, "a full disk|cannot be removed|as process 1", 120_000);
const RECEIVER = await receiverBinary();
const boxes: Box[] = [];
const mounts: string[] = [];
afterEach(async () => {
  for (const mount of mounts.splice(0)) Bun.spawnSync(["umount", "-l", mount]);
  for (const box of boxes.splice(0)) await box.close();
});

async function newBox(config: Record<string, unknown> = {}): Promise<Box> {
  const providers = { sh: { kind: "command", command: ["/bin/sh", "-c", "touch made; mkdir made.d; echo done"] } };
  const box = await makeBox({ providers, ...config });
  boxes.push(box);
  return box;
}

function tried(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe("a state directory that others can read", () => {
  test("is closed and said, and what agents make keeps the modes it would have without us", async () => {
    const box = await newBox();
    mkdirSync(join(box.stateDir, "agents"), { recursive: true });
    writeFileSync(join(box.stateDir, "owner.json"), "{}");
    for (const [name, mode] of [
      ["", 0o755],
      ["agents", 0o755],
      ["owner.json", 0o644],
    ] as const)
      chmodSync(join(box.stateDir, name), mode);
    const noted = process.umask(0o022);
    const api = await box.start();
    process.umask(noted);
    for (const name of ["", "agents"]) expect(modeOf(join(box.stateDir, name))).toBe("700");
    for (const name of ["owner.json", "harness.db", "harness.db-wal", "harness.db-shm", "lock.db"])
      expect(`${name} ${modeOf(join(box.stateDir, name))}`).toBe(`${name} 600`);
    expect(box.stderr()).toContain("its modes were mended");
    await api.post("/projects", { name: "p", cwd: box.cwd });
    const { agent } = await api.post("/projects/p/agents", { provider: "sh", task: "go" });
    await api.get(`/projects/p/agents/${String(agent?.["id"])}/wait`);
    expect([modeOf(join(box.cwd, "made")), modeOf(join(box.cwd, "made.d"))]).toEqual(["644", "755"]);
  });
});

// Agents run as the daemon's user: any of them may have made it.
test("a FIFO where the daemon notes who it is holds up neither its start nor that of a second one", async () => {
  const box = await newBox();
  mkdirSync(box.stateDir, { recursive: true });
  const note = join(box.stateDir, "owner.json");
  const plant = () => (rmSync(note, { force: true }), Bun.spawnSync(["mkfifo", note]).exitCode);
  expect(plant()).toBe(0);
  await box.start();
  expect(statSync(note).isFile()).toBe(true);
  expect(plant()).toBe(0);
  const second = Bun.spawnSync([BINARY, "serve", "--config", box.configFile], { timeout: 20_000, env: box.env });
  expect([second.exitCode, second.stderr.toString()]).toEqual([
    75,
    expect.stringContaining("in use by another daemon"),
  ]);
});

describe("a full disk", () => {
  test.skipIf(!isRoot)(
    "is waited for at the start, readiness says why; later it is 507 until there is room",
    async () => {
      const port = await quietPort();
      const box = await newBox({ port });
      mkdirSync(box.stateDir);
      expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", box.stateDir]).exitCode).toBe(0);
      mounts.push(box.stateDir);
      const filler = join(box.stateDir, "filler");
      const fill = () => Bun.spawnSync(["dd", "if=/dev/zero", `of=${filler}`, "bs=1024"], { stderr: "ignore" });
      fill();
      box.launch();
      const url = `http://127.0.0.1:${port}`;
      const ready = await eventually("an answer", () => fetch(`${url}/readyz`).catch(() => null));
      expect(ready.status).toBe(507);
      expect(await ready.text()).toContain("DISK_FULL");
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      expect((await fetch(`${url}/api/v1/projects`)).status).toBe(507);
      rmSync(filler);
      await eventually("readiness", async () => (await fetch(`${url}/readyz`)).status === 200);

      const api = createApi(url);
      fill();
      const systemPrompt = "x".repeat(131_000);
      const body = { name: "p", cwd: box.cwd, defaults: { systemPrompt } };
      expect(await api.call("POST", "/projects", body)).toMatchObject({ status: 507, body: { error: "DISK_FULL" } });
      rmSync(filler);
      expect((await api.call("POST", "/projects", body)).status).toBe(201);
    },
  );
});

describe("what an earlier run has left", () => {
  test.skipIf(!isRoot)("and cannot be removed keeps the next process from nothing", async () => {
    const box = await newBox();
    const api = await box.start();
    await api.post("/projects", { name: "p", cwd: box.cwd });
    const { agent } = await api.post("/projects/p/agents", { provider: "sh", task: "go" });
    const path = `/projects/p/agents/${String(agent?.["id"])}`;
    await api.get(`${path}/wait`);
    const held = join(box.stateDir, "agents", String(agent?.["id"]), "run", "1", "held");
    mkdirSync(held);
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", held]).exitCode).toBe(0);
    mounts.push(held, held.replace("/1/", "/1.gone/"));
    await api.post(`${path}/input`, { text: "again" });
    const { agent: done } = await api.get(`${path}/wait?until=idle,error,exited&timeout=30`);
    expect(done).toMatchObject({ turn: { id: `${String(agent?.["id"])}-2`, outcome: "completed" } });
  });
});

describe("a lock of somebody else on the store", () => {
  test("does not end a start that finds all it needs", async () => {
    const box = await newBox();
    mkdirSync(box.stateDir);
    const store = openStore(join(box.stateDir, "harness.db"));
    const other = new Database(join(box.stateDir, "harness.db"));
    const salt = accountSalt(store, () => "made");
    other.exec("BEGIN IMMEDIATE");
    expect(accountSalt(store, () => "another")).toBe(salt);
    other.close();
    store.close();
  });

  test("is waited for in the loop: others are answered meanwhile, and the request when it is gone, or 503", async () => {
    const box = await newBox();
    const api = await box.start();
    const other = new Database(join(box.stateDir, "harness.db"));
    const lock = () => eventually("the lock", () => tried(() => other.exec("BEGIN IMMEDIATE")));
    await lock();
    const waiting = api.call("POST", "/projects", { name: "p", cwd: box.cwd });
    const begun = performance.now();
    expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(4000);
    await Bun.sleep(500); // how long the other one works, no wait for luck
    other.exec("COMMIT");
    expect((await waiting).status).toBe(201);
    await lock();
    const refused = await api.call("POST", "/projects", { name: "q", cwd: box.cwd });
    expect(refused).toMatchObject({ status: 503, body: { error: "STORE_BUSY" } });
    expect(refused.headers.get("retry-after")).toBe("1");
    other.close();
    expect((await api.call("POST", "/projects", { name: "q", cwd: box.cwd })).status).toBe(201);
  });
});

describe("the lock", () => {
  test("whose file is removed is taken anew by the one who has it", async () => {
    const box = await newBox();
    await box.start();
    rmSync(join(box.stateDir, "lock.db"));
    await eventually("a new lock file", () => statSync(join(box.stateDir, "lock.db"), { throwIfNoEntry: false }));
    const second = Bun.spawnSync([BINARY, "serve", "--config", box.configFile], { env: box.env });
    expect([second.exitCode, second.stderr.toString()]).toEqual([75, expect.stringContaining("in use by another")]);
  });

  test("that another daemon took ends the one who lost it, with its own exit code", async () => {
    const box = await newBox();
    await box.start();
    const first = box.exited();
    rmSync(join(box.stateDir, "lock.db"));
    const second = Bun.spawn([BINARY, "serve", "--config", box.configFile], {
      env: box.env,
      stdio: ["ignore", "pipe", "ignore"],
    });
    await first;
    expect(new TextDecoder().decode((await second.stdout.getReader().read()).value)).toContain("listens on");
    expect(box.stderr()).toContain("stopping; agents are left running");
    second.kill("SIGTERM");
    expect(await second.exited).toBe(0);
  });
});

test.skipIf(!isRoot).each([
  ["the daemon", BINARY],
  ["the receiver", RECEIVER],
])("as process 1 of a container %s says that it needs an init", async (_name, binary) => {
  const box = await newBox();
  if (binary === RECEIVER) await Bun.write(box.configFile, JSON.stringify({ port: 0, stateDir: box.stateDir }));
  const inside = Bun.spawn(
    ["unshare", "-fp", "--mount-proc", "--kill-child", binary, "serve", "--config", box.configFile],
    {
      env: box.env,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let said = "";
  for await (const chunk of inside.stderr) {
    said += new TextDecoder().decode(chunk);
    if (said.includes("init")) break;
  }
  inside.kill("SIGKILL");
  await inside.exited;
  expect(said).toContain("start the container with an init");
});
