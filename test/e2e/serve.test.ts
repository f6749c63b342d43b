/** The compiled daemon as a service: how it refuses to start, what it says while it starts, and how it goes. */
import { Database } from "bun:sqlite";
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";
import { openStream, take } from "../support/sse.ts";
import { quietPort } from "../support/hook.ts";

setDefaultTimeout(30_000);

const CLAUDE = { "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] } };
const boxes: Box[] = [];
afterEach(async () => {
  await Promise.all(boxes.splice(0).map((each) => each.close()));
});

async function newBox(config: Record<string, unknown> = {}): Promise<Box> {
  const box = await makeBox({ providers: CLAUDE, ...config });
  boxes.push(box);
  return box;
}

/** Runs `serve` to its end: it must not come up. */
async function refused(box: Box, ...args: string[]): Promise<{ code: number; said: string; stdout: string }> {
  const child = Bun.spawn([BINARY, "serve", ...(args.length > 0 ? args : ["--config", box.configFile])], {
    cwd: box.dir,
    env: box.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, said, stdout] = await Promise.all([child.exited, child.stderr.text(), child.stdout.text()]);
  return { code, said, stdout };
}

describe("serve does not start, says why in one line, and with its own exit code", () => {
  test("on a port that another program uses: 69", async () => {
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
    const { port } = server;
    const { code, said, stdout } = await refused(await newBox({ port }));
    await server.stop(true);
    expect(said).toBe(
      `agent-harness: cannot listen on 127.0.0.1:${port}: another program uses it; stop that one or choose another port\n`,
    );
    expect([code, stdout]).toEqual([69, ""]);
  });

  test("on an address that is not of this machine: 69", async () => {
    const { code, said } = await refused(
      await newBox({ host: "203.0.113.7", port: 7070, auth: { token: "x".repeat(32) } }),
    );
    expect(said).toBe("agent-harness: cannot listen on 203.0.113.7:7070: this machine has no such address\n");
    expect(code).toBe(69);
  });

  test("on a state directory that another daemon holds, naming it: 75; and the other one goes on", async () => {
    const box = await newBox();
    const api = await box.start();
    const { code, said } = await refused(box);
    expect(said).toBe(
      `agent-harness: the state directory ${box.stateDir} is in use by another daemon (pid ${box.pid()}, ${api.url}): stop that one, or set another stateDir\n`,
    );
    expect(code).toBe(75);
    expect((await api.call("GET", "/health")).status).toBe(200);
  });

  test("but at once after kill -9 of the one that held it", async () => {
    const box = await newBox();
    await box.start();
    await box.kill("SIGKILL");
    expect((await (await box.start()).call("GET", "/health")).status).toBe(200);
  });

  test("on a state directory that cannot be made: 73", async () => {
    const box = await newBox();
    writeFileSync(join(box.dir, "file"), "");
    writeFileSync(box.configFile, JSON.stringify({ stateDir: join(box.dir, "file/state"), port: 0 }));
    const { code, said } = await refused(box);
    expect(said).toStartWith(`agent-harness: cannot use the state directory ${box.dir}/file/state: `);
    expect(said).toEndWith("; make it writable, or set stateDir\n");
    expect([code, said.split("\n").length]).toEqual([73, 2]);
  });

  // Root may write everywhere.
  test.skipIf(process.getuid?.() === 0)("on a state directory that is not writable: 73", async () => {
    const box = await newBox();
    mkdirSync(box.stateDir);
    chmodSync(box.stateDir, 0o500);
    expect((await refused(box)).code).toBe(73);
  });

  test("on a store that is none: 73, naming the file", async () => {
    const box = await newBox();
    mkdirSync(box.stateDir, { mode: 0o700 });
    const text = "this is no database, but it is long enough to look".repeat(100);
    writeFileSync(join(box.stateDir, "harness.db"), text, { mode: 0o600 });
    const { code, said } = await refused(box);
    expect(said).toStartWith(`agent-harness: cannot use the store ${box.stateDir}/harness.db: `);
    expect([code, said.split("\n").length]).toEqual([73, 2]);
  });

  test("on a store of a newer program: 73, saying so", async () => {
    const box = await newBox();
    await box.start();
    await box.kill("SIGTERM");
    const db = new Database(join(box.stateDir, "harness.db"));
    db.run("PRAGMA user_version = 999");
    db.close();
    const { code, said } = await refused(box);
    expect(said).toMatch(
      /^agent-harness: cannot use the store .*harness\.db: the store has schema 999, this program knows \d+: start the newer program\n$/,
    );
    expect(code).toBe(73);
  });

  test("with a config that is wrong, missing or asked for without a name: 2", async () => {
    const box = await newBox();
    writeFileSync(box.configFile, '{"prot": 1, "logLevel": "loud"}');
    const wrong = await refused(box);
    expect(wrong.said).toContain('prot: unknown key, did you mean "port"?');
    expect(wrong.said).toContain("logLevel: ");
    const missing = await refused(box, "--config", join(box.dir, "nowhere.json"));
    expect(missing.said).toContain(`${box.dir}/nowhere.json`);
    const unnamed = await refused(box, "--config");
    expect(unnamed.said).toBe("agent-harness serve: --config needs a value (FILE)\n");
    expect([wrong.code, missing.code, unnamed.code]).toEqual([2, 2, 2]);
    expect(existsSync(box.stateDir)).toBe(false);
  });
});

test("the state directory and what is in it is the user's alone", async () => {
  const box = await newBox();
  await box.start();
  expect(statSync(box.stateDir).mode & 0o777).toBe(0o700);
  expect(statSync(join(box.stateDir, "owner.json")).mode & 0o777).toBe(0o600);
});

describe("on a unix socket", () => {
  const overSocket = (path: string, route: string): Promise<Response> =>
    fetch(`http://localhost${route}`, { unix: path });
  const up = (path: string) =>
    eventually("the socket to answer", () =>
      overSocket(path, "/healthz")
        .then((response) => response.ok)
        .catch(() => false),
    );

  test("only its owner may connect, a stale socket is replaced after kill -9, and SIGTERM removes it", async () => {
    const box = await newBox();
    const path = join(box.dir, "harness.sock");
    writeFileSync(box.configFile, JSON.stringify({ listen: `unix:${path}`, stateDir: box.stateDir }));
    box.launch();
    await up(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await (await overSocket(path, "/api/v1/health")).json()).toMatchObject({ status: "ok" });
    const seen = Bun.spawnSync([BINARY, "status", "--config", box.configFile], { env: box.env });
    expect(seen.stdout.toString()).toContain(`at unix:${path}, up `);

    await box.kill("SIGKILL");
    expect(existsSync(path)).toBe(true);
    box.launch();
    await up(path);
    expect(await box.kill("SIGTERM")).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  test("a socket for a group beside a port: both answer, the command takes the socket, and a page has its address", async () => {
    const box = await newBox();
    const path = join(box.dir, "shared.sock");
    const gid = process.getgid?.() ?? 0;
    const [socket, address] = [`unix:${path}`, `127.0.0.1:${await quietPort()}`];
    const listen = [socket, address];
    const config = { listen, listenMode: "0660", listenGroup: String(gid), stateDir: box.stateDir };
    writeFileSync(box.configFile, JSON.stringify(config));
    const child = box.launch();
    await up(path);
    const stat = statSync(path);
    expect([stat.mode & 0o777, stat.gid]).toEqual([0o660, gid]);
    expect((await fetch(`http://${address}/healthz`)).status).toBe(200);
    const ask = (...args: string[]): string =>
      Bun.spawnSync([BINARY, ...args, "--config", box.configFile], { env: box.env }).stdout.toString();
    expect(ask("status")).toContain(`at ${socket}, up `);
    expect(ask("open")).toBe(`http://${address}/inspect\n`);
    expect(await box.kill("SIGTERM")).toBe(0);
    expect(existsSync(path)).toBe(false);
    expect(await fetch(`http://${address}/healthz`).catch(() => "refused")).toBe("refused");
    const lines = [socket, `http://${address}`].map((where) => `agent-harness listens on ${where}\n`);
    expect(await child.stdout.text()).toBe(lines.join(""));
  });

  test("a group that is not there: 69, no socket is left, and no port", async () => {
    const box = await newBox();
    const path = join(box.dir, "shared.sock");
    const listen = [`unix:${path}`, "127.0.0.1:0"];
    const config = { listen, listenMode: "0660", listenGroup: "no-such-group", stateDir: box.stateDir };
    writeFileSync(box.configFile, JSON.stringify(config));
    const { code, said } = await refused(box);
    expect([code, said]).toEqual([
      69,
      'agent-harness: listenGroup: there is no group "no-such-group" on this machine\n',
    ]);
    expect(existsSync(path)).toBe(false);
  });

  test("a file that is no socket is never removed: 69", async () => {
    const box = await newBox();
    const path = join(box.dir, "precious");
    writeFileSync(path, "keep me");
    writeFileSync(box.configFile, JSON.stringify({ listen: `unix:${path}`, stateDir: box.stateDir }));
    const { code, said } = await refused(box);
    expect(said).toBe(
      `agent-harness: cannot listen on unix:${path}: a file that is no socket is in the way; move it or choose another path\n`,
    );
    expect([code, readFileSync(path, "utf8")]).toEqual([69, "keep me"]);
  });
});

describe.each(["SIGTERM", "SIGINT"] as const)("%s", (signal) => {
  test("ends streams and long polls, exits 0 and waits for none of them, leaves agents running, the store checkpointed", async () => {
    const box = await newBox();
    const api = await box.start();
    await api.post("/projects", { name: "p", cwd: box.cwd });
    const gate = join(box.dir, "gate");
    const { agent } = await api.post("/projects/p/agents", {
      provider: "claude-code",
      task: `SCRIPT ${JSON.stringify([{ mark: `${gate}-on` }, { gate }, { say: "done" }])}`,
    });
    await eventually("the turn to run", () => existsSync(`${gate}-on`));
    const streams = await Promise.all(Array.from({ length: 20 }, () => openStream(api, "/events")));
    const ends = Promise.all(streams.map((stream) => take(stream, Infinity)));
    const polls = Promise.all(
      Array.from({ length: 20 }, () =>
        api.call("GET", `/projects/p/agents/${agent?.["id"]}/wait?until=idle&timeout=60`).catch(() => null),
      ),
    );
    const slow = connect(Number(new URL(api.url).port), "127.0.0.1");
    slow.on("error", () => undefined);
    slow.write(
      "POST /api/v1/projects HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
    );
    const [working] = box.agentProcesses();

    const startedAt = performance.now();
    expect(await box.kill(signal)).toBe(0);
    // A body has 10 s, a poll 60 s.
    expect(performance.now() - startedAt).toBeLessThan(5000);
    await Promise.all([ends, polls]);
    slow.destroy();
    expect(box.agentProcesses()).toContain(Number(working));
    expect(statSync(join(box.stateDir, "harness.db-wal"), { throwIfNoEntry: false })?.size ?? 0).toBe(0);

    writeFileSync(gate, "");
    const again = await box.start();
    await again.get(`/projects/p/agents/${agent?.["id"]}/wait?until=idle`);
    expect(String((await again.get(`/projects/p/agents/${agent?.["id"]}/messages/last`))["message"]?.["text"])).toBe(
      "done",
    );
  });
});

/** A box that was killed between storing a run and spawning it: its next daemon looks for that process for a second. */
async function bootsSlowly(port: number): Promise<{ box: Box; path: string }> {
  const box = await newBox({ port });
  const api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
  const { agent } = await api.post("/projects/p/agents", { provider: "claude-code", task: "hello" });
  const id = String(agent?.["id"]);
  await api.get(`/projects/p/agents/${id}/wait?until=idle`);
  await box.kill("SIGKILL");
  for (const pid of box.agentProcesses()) process.kill(pid, "SIGKILL");
  const db = new Database(join(box.stateDir, "harness.db"));
  db.run("UPDATE runs SET state = 'spawning'");
  db.close();
  rmSync(join(box.stateDir, "agents", id, "run/1/pid"));
  return { box, path: `/projects/p/agents/${id}` };
}

describe("while the daemon still looks at what survived", () => {
  const look = async () => {
    const port = await quietPort();
    const { box, path } = await bootsSlowly(port);
    const ask = (route: string, method = "GET"): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}${route}`, { method });
    box.launch();
    const health = await eventually("health", () => ask("/api/v1/health").catch(() => null));
    const answers = await Promise.all([
      ask("/readyz"),
      ask(`/api/v1${path}`),
      ask("/api/v1/agents"),
      ask("/api/v1/projects/p", "DELETE"),
      ask("/healthz"),
      ask("/api/v1/projects"),
    ]);
    return { ask, path, health, answers };
  };

  test("health answers at once; agents are shown and changed only after it", async () => {
    let seen = await look();
    // Asked when its second was over already: once more.
    for (let tries = 0; tries < 3 && seen.answers.some(({ status }, i) => i < 4 && status !== 503); tries++)
      seen = await look();
    const { ask, path, health, answers } = seen;
    expect(await health.json()).toMatchObject({ status: "ok", ready: false, projects: 1, agents: 1 });
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503, 200, 200]);
    expect(await answers[1]?.json()).toMatchObject({ error: "NOT_READY" });
    await eventually("ready", async () => (await ask("/readyz")).ok);
    expect((await ask(`/api/v1${path}`)).status).toBe(200);
  });

  test("SIGTERM is followed in order as soon as that is over", async () => {
    const port = await quietPort();
    const { box } = await bootsSlowly(port);
    box.launch();
    await eventually("health", () => fetch(`http://127.0.0.1:${port}/healthz`).catch(() => null));
    expect(await box.kill("SIGTERM")).toBe(0);
    expect(box.stderr()).toContain("stopping; agents are left running");
  });
});
