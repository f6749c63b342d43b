/**
 * Attack table: links that lead out, and secrets where somebody may look for them. What is tried: a project's folder
 * that is a link or becomes one, links planted in an agent's folder while it lives and before it starts, in place of
 * files and of every folder that something is written into (runs, attachments, a provider's own, the agent's), secrets
 * of ours and of an agent in answers, logs, the store's files (its write-ahead log is one), the modes of all of them,
 * and the arguments and the environment under /proc: of the daemon, of each agent, its wrapper and its shell.
 */
import { afterEach, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { eventually } from "../../support/api.ts";
import type { Box } from "../../support/binary.ts";
import { FAKES, makeBox } from "../../support/binary.ts";
import { PNG } from "../../support/pictures.ts";

const boxes: Box[] = [];
afterEach(async () => {
  for (const box of boxes.splice(0)) await box.close();
});

const COMMAND = {
  sh: { kind: "command", command: ["/bin/sh", "-c", "cat >/dev/null; echo done"] },
  sleeper: { kind: "command", command: ["/bin/sh", "-c", "cat >/dev/null; sleep 300; echo done"] },
};

async function newBox(config: Record<string, unknown> = {}, env: Record<string, string> = {}, token?: string) {
  const box = await makeBox({ providers: COMMAND, ...config }, env, token);
  boxes.push(box);
  return box;
}

test("a project's folder is judged after its links: none leads out of projects.roots, by any spelling", async () => {
  const box = await newBox();
  const inside = join(box.dir, "inside");
  mkdirSync(join(inside, "real"), { recursive: true });
  mkdirSync(join(box.dir, "inside-not"));
  symlinkSync("/etc", join(inside, "link"));
  symlinkSync(join(inside, "real"), join(box.dir, "inward"));
  writeFileSync(box.configFile, JSON.stringify({ port: 0, stateDir: box.stateDir, projects: { roots: [inside] } }));
  const api = await box.start();
  const make = async (cwd: string) => (await api.call("POST", "/projects", { name: `p${++n}`, cwd })).status;
  let n = 0;
  const out = ["link", "..", "../inside-not", "real/../../inside-not", "/../etc", "link/ssh", "./../"];
  for (const way of out) expect([way, await make(`${inside}/${way}`)]).toEqual([way, 400]);
  for (const cwd of ["/etc", "/", "relative", `${inside}\0/x`, "~", "$HOME"])
    expect([cwd, await make(cwd)]).toEqual([cwd, 400]);
  expect(await make(join(box.dir, "inward"))).toBe(201);
  expect(await make(`${inside}/real`)).toBe(201);
  expect(await make(`${inside}/link/..`)).toBe(201); // read as text, so it is the root itself
  const { projects } = await api.get("/projects");
  for (const { cwd } of [...(projects ?? [])]) expect(`${String(cwd)}/`).toStartWith(`${inside}/`);
});

test("a project whose folder became a link out of the trusted roots is not trusted any more", async () => {
  const box = await newBox();
  const root = join(box.dir, "trusted");
  mkdirSync(join(root, "repo"), { recursive: true });
  mkdirSync(join(box.dir, "elsewhere"));
  writeFileSync(
    box.configFile,
    JSON.stringify({ port: 0, stateDir: box.stateDir, projects: { trustedRoots: [root] } }),
  );
  const api = await box.start();
  const { project } = await api.post("/projects", { name: "p", cwd: join(root, "repo") });
  expect(project?.["trusted"] as unknown).toBe(true);
  renameSync(join(root, "repo"), join(box.dir, "moved"));
  symlinkSync(join(box.dir, "elsewhere"), join(root, "repo"));
  expect((await api.get("/projects/p"))["project"]?.["trusted"] as unknown).toBe(false);
});

test("links planted in an agent's folder lead nowhere: nothing is read, written or deleted through them", async () => {
  const box = await newBox();
  const api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
  const { agent } = await api.post("/projects/p/agents", { provider: "sh" });
  const id = String(agent?.["id"]);
  const path = `/projects/p/agents/${id}`;
  const outside = join(box.dir, "outside");
  mkdirSync(outside);
  const precious = join(outside, "precious");
  writeFileSync(precious, "precious");
  const folder = join(box.stateDir, "agents", id);
  mkdirSync(folder, { recursive: true });
  symlinkSync(precious, join(folder, "prompt-1")); // where the next prompt is written
  const say = async (text: string): Promise<void> => {
    await api.post(`${path}/input`, { text });
    await api.get(`${path}/wait?timeout=20`);
  };
  await say("one");
  for (const file of ["out.jsonl", "err.log"]) {
    rmSync(join(folder, "run", "1", file));
    symlinkSync(precious, join(folder, "run", "1", file));
  }
  for (const stream of ["stdout", "stderr"])
    expect(await (await fetch(`${api.url}/api/v1${path}/output?stream=${stream}`)).text()).toBe("");
  rmSync(join(folder, "run"), { recursive: true });
  symlinkSync(outside, join(folder, "run")); // whose old entries are removed before the next start
  await api.post(`${path}/input`, { text: "two" });
  await api.get(`${path}/wait?timeout=20`);
  expect((await api.call("DELETE", path)).status).toBe(204);
  expect(readFileSync(precious, "utf8")).toBe("precious");
});

test("links in place of folders are taken out of the way: nothing is made behind them", async () => {
  const box = await newBox({ providers: { pi: { command: [process.execPath, join(FAKES, "pi.ts")] } } });
  const api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
  const { agent } = await api.post("/projects/p/agents", { provider: "pi", task: "one" });
  const id = String(agent?.["id"]);
  const path = `/projects/p/agents/${id}`;
  const folder = join(box.stateDir, "agents", id);
  const outside = join(box.dir, "outside");
  mkdirSync(outside);
  const completes = async (text: string): Promise<void> => {
    const attachments = [{ dataBase64: PNG.toString("base64"), mediaType: "image/png", name: "a.png" }];
    await api.post(`${path}/input`, { text, attachments });
    const { agent: done } = await api.get(`${path}/wait?until=idle,error,exited&timeout=30`);
    expect([text, String(done?.["status"])]).toEqual([text, "idle"]);
  };
  await api.get(`${path}/wait?until=idle&timeout=30`);
  await completes("two");
  const inner = ["run", "attachments", "pi"];
  for (const name of inner) expect([name, lstatSync(join(folder, name)).isDirectory()]).toEqual([name, true]);
  await api.post(`${path}/stop`);
  for (const name of inner) {
    rmSync(join(folder, name), { recursive: true });
    symlinkSync(outside, join(folder, name));
  }
  await completes("three");
  await api.post(`${path}/stop`);
  renameSync(folder, `${folder}-away`);
  symlinkSync(outside, folder); // all of it
  await completes("four");
  expect(readdirSync(outside)).toEqual([]);
});

/** Every file under a folder that holds the bytes. What is removed while it looks holds nothing any more. */
function holding(dir: string, text: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && bytesOf(join(entry.parentPath, entry.name)).includes(Buffer.from(text)))
    .map((entry) => entry.name);
}

/** Everything below a folder of ours that its group or anybody may read, write or enter; links have no mode. */
function openToOthers(dir: string): string[] {
  const names = [".", ...readdirSync(dir, { recursive: true, encoding: "utf8" })];
  return names.filter((name) => {
    const stats = lstatSync(join(dir, name), { throwIfNoEntry: false });
    return stats !== undefined && !stats.isSymbolicLink() && (stats.mode & 0o077) !== 0;
  });
}

function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if (existsSync(file)) throw error;
    return Buffer.alloc(0);
  }
}

test("secrets are where they must be and nowhere else, and an agent's go with it", async () => {
  const ours = "our-own-api-token-4711";
  const hook = "our-own-webhook-token-4712";
  const theirs = "the-agents-secret-4713";
  const box = await newBox(
    { logLevel: "debug" },
    { AH_AUTH_TOKEN: ours, AH_WEBHOOK_TOKEN: hook, AH_WEBHOOK_URL: "http://127.0.0.1:9/x" },
    ours,
  );
  const api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
  const { agent } = await api.post("/projects/p/agents", { provider: "sh", task: "go", env: { KEY: theirs } });
  const path = `/projects/p/agents/${String(agent?.["id"])}`;
  await api.get(`${path}/wait?timeout=20`);
  const answers: string[] = [];
  for (const each of [
    "/status",
    "/agents",
    "/providers",
    "/deliveries",
    path,
    `${path}/debug`,
    `${path}/messages`,
    "/openapi.json",
    "/metrics",
  ])
    answers.push(
      await (await fetch(`${api.url}/api/v1${each}`, { headers: { authorization: `Bearer ${ours}` } })).text(),
    );
  const { agent: awake } = await api.post("/projects/p/agents", {
    provider: "sleeper",
    task: "x",
    env: { KEY: theirs },
  });
  const all = await eventually("a tree of processes", () => {
    const found = box.agentProcesses();
    return found.length >= 3 && found;
  });
  /** Empty of one that has ended since. */
  const ofProcess = (pid: number, file: "environ" | "cmdline"): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "latin1");
    } catch {
      return "";
    }
  };
  for (const pid of all) {
    const environment = ofProcess(pid, "environ");
    expect([environment.includes(ours), environment.includes(hook)]).toEqual([false, false]);
    expect(ofProcess(pid, "cmdline")).not.toContain(theirs);
  }
  expect(all.some((pid) => ofProcess(pid, "environ").includes(theirs))).toBe(true);
  expect(openToOthers(box.stateDir)).toEqual([]);
  expect(holding(box.stateDir, "sleeper")).toContain("harness.db-wal"); // so what is said below is said of it as well
  await api.call("DELETE", `/projects/p/agents/${String(awake?.["id"])}`);
  for (const secret of [ours, hook, theirs]) {
    expect(answers.filter((text) => text.includes(secret))).toEqual([]);
    expect(box.stderr()).not.toContain(secret);
    expect(readFileSync(`/proc/${box.pid()}/cmdline`, "latin1")).not.toContain(secret);
  }
  for (const secret of [ours, hook]) expect(holding(box.stateDir, secret)).toEqual([]);
  expect(holding(box.stateDir, theirs)).not.toEqual([]);
  await api.call("DELETE", path);
  await eventually("every file to be free of it", () => holding(box.stateDir, theirs).length === 0);
}, 60_000);
