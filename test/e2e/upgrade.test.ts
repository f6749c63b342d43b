/**
 * An agent outlives an upgrade: what a daemon of each earlier version left behind when it was killed is taken over by
 * this one, with the programs still alive. Every version that has a folder in test/fixtures/state is tried.
 */
import { Database } from "bun:sqlite";
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runPaths, spawnRun } from "../../src/process/spawn.ts";
import type { Fixture, FixtureAgent } from "../fixtures/state/read.ts";
import { PLACE, fixtures } from "../fixtures/state/read.ts";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { flawsIn } from "../support/story.ts";

setDefaultTimeout(120_000);

const fake = (name: string): string[] => [process.execPath, join(FAKES, `${name}.ts`)];
const PROVIDERS = {
  "claude-code": { command: fake("claude") },
  codex: { command: fake("codex") },
  opencode: { command: fake("opencode") },
  pi: { command: fake("pi") },
  acp: { kind: "acp", command: fake("acp") },
  command: { kind: "command", command: fake("command") },
};

/** The state directory as that daemon left it, at the place of the box. */
function unpack(box: Box, { dir }: Fixture): Database {
  for (const name of ["project", "home"])
    if (existsSync(join(dir, name))) cpSync(join(dir, name), join(box.dir, name), { recursive: true });
  mkdirSync(box.stateDir, { mode: 0o700 });
  for (const name of ["harness.db", "agents"]) cpSync(join(dir, name), join(box.stateDir, name), { recursive: true });
  // Programs keep what they remember of a folder under its name.
  const flat = (path: string): string => path.replaceAll("/", "-");
  for (const path of [...new Bun.Glob(`**/*${flat(PLACE)}*`).scanSync({ cwd: box.home, dot: true, onlyFiles: false })])
    if (existsSync(join(box.home, path)))
      renameSync(join(box.home, path), join(box.home, path.replace(flat(PLACE), flat(box.dir))));
  const db = new Database(join(box.stateDir, "harness.db"));
  db.run("UPDATE projects SET cwd = replace(cwd, ?1, ?2)", [PLACE, box.dir]);
  db.run("UPDATE runs SET codec = replace(codec, ?1, ?2)", [PLACE, box.dir]);
  return db;
}

/** The agent's program, as if it had never ended: in its folder, with its nonce, recorded in its row. */
async function revive(box: Box, db: Database, { id, provider, read, rest }: FixtureAgent): Promise<string> {
  const { n, nonce } = db
    .query<{ n: number; nonce: string }, [string]>("SELECT n, nonce FROM runs WHERE agent = ? ORDER BY n DESC LIMIT 1")
    .get(id) ?? { n: 0, nonce: "" };
  const paths = runPaths(join(box.stateDir, "agents", id), n);
  const folder = join(box.dir, "ghosts", id);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries({ read, rest, told: "" })) writeFileSync(join(folder, name), text);
  const identity = await spawnRun({
    paths,
    argv: [process.execPath, join(FAKES, "ghost.ts"), folder, provider === "command" ? "ends" : "stays"],
    env: { ...box.env, AH_PROJECT: "p" },
    cwd: box.cwd,
    nonce,
    input: provider === "command" ? { kind: "file", path: "/dev/null" } : { kind: "fifo" },
  });
  await eventually("it to have written what it had", () => statSync(paths.out).size === Buffer.byteLength(read));
  db.run("UPDATE runs SET identity = ? WHERE agent = ? AND n = ?", [JSON.stringify(identity), id, n]);
  return folder;
}

describe.each(fixtures().map((fixture) => [fixture.version, fixture] as const))("from %s", (_, fixture) => {
  const ghosts = new Map<string, string>();
  let box: Box;
  afterAll(() => box.close());

  /** The whole log as it is stored: what happened before the upgrade keeps the shape it had then. */
  const logOf = ({ id }: FixtureAgent): Json[] => {
    const db = new Database(join(box.stateDir, "harness.db"), { readonly: true });
    const rows = db.query<{ id: number; type: string; data: string }, [string]>(
      "SELECT id, type, data FROM events WHERE agent = ? ORDER BY id",
    );
    const log = rows.all(id).map((row) => ({ ...row, data: JSON.parse(row.data) }));
    db.close();
    return log as unknown as Json[];
  };

  const view = async ({ id }: FixtureAgent): Promise<Json> =>
    (await box.api().get(`/projects/p/agents/${id}`))["agent"] as Json;
  const said = async ({ id }: FixtureAgent): Promise<string[]> => {
    const { messages } = await box.api().get(`/projects/p/agents/${id}/messages?after=0&limit=100`);
    const own = [...(messages ?? [])].filter((each) => String(each["role"]) === "assistant");
    return own.map((each) => String(each["text"])).filter((text) => text !== "");
  };
  const go = ({ id }: FixtureAgent): void => writeFileSync(join(ghosts.get(id) ?? "", "go"), "");
  const told = ({ id }: FixtureAgent): string => readFileSync(join(ghosts.get(id) ?? "", "told"), "utf8");

  test("every agent is shown as it was when the daemon was killed", async () => {
    box = await makeBox({ providers: PROVIDERS, limits: { parkIdleMs: 0 } });
    const db = unpack(box, fixture);
    for (const agent of fixture.agents)
      if (agent.process === "running") ghosts.set(agent.id, await revive(box, db, agent));
    db.close();
    await box.start();
    const shown = await Promise.all(
      fixture.agents.map(async (agent) => {
        const { status, process, queuedInputs, pendingPermissions, backgroundTasks } = await view(agent);
        const numbers = [queuedInputs, pendingPermissions, backgroundTasks].map(Number);
        return [agent.name, String(status), String(process), ...numbers];
      }),
    );
    expect(shown).toEqual(
      fixture.agents.map((each) => [
        each.name,
        each.status,
        each.process,
        each.queuedInputs,
        each.pendingPermissions,
        each.backgroundTasks,
      ]),
    );
  });

  test("an answer reaches the program that asked", async () => {
    for (const agent of fixture.agents.filter((each) => each.pendingPermissions > 0)) {
      const path = `/projects/p/agents/${agent.id}/permissions`;
      const [asked] = [...((await box.api().get(`${path}?state=pending`))["permissions"] ?? [])];
      await box.api().post(`${path}/${String(asked?.["id"])}`, { decision: "allow" });
      await eventually("the answer to arrive", () => told(agent).includes(`"allow"`));
    }
  });

  test("what the programs go on to say is read on from where it was left, whole and once", async () => {
    for (const agent of fixture.agents) if (ghosts.has(agent.id)) go(agent);
    for (const agent of fixture.agents) {
      await eventually(`${agent.name} to have said all`, async () =>
        (await said(agent)).length >= agent.said.length ? true : null,
      );
      const { reached } = await box.api().get(`/projects/p/agents/${agent.id}/wait?until=idle&timeout=20`);
      expect([agent.name, reached as unknown, await said(agent)]).toEqual([agent.name, true, agent.said]);
      expect([agent.name, flawsIn(logOf(agent))]).toEqual([agent.name, []]);
    }
  });

  test("the conversation goes on in a new process of today", async () => {
    const goOn = async (agent: FixtureAgent): Promise<void> => {
      const path = `/projects/p/agents/${agent.id}`;
      await box.api().call("POST", `${path}/stop`);
      await box.api().post(`${path}/input`, { text: "again" });
      const { agent: now } = await box.api().get(`${path}/wait?until=idle,error,exited&timeout=30`);
      expect([agent.name, String(now?.["status"]), (await said(agent)).at(-1)]).toEqual([
        agent.name,
        "idle",
        "echo: again",
      ]);
    };
    await Promise.all(fixture.agents.map(goOn));
  });
});

test("an older daemon that meets the store of a newer one refuses with one line that says so", async () => {
  const box = await makeBox();
  await box.start();
  await box.kill("SIGTERM");
  const db = new Database(join(box.stateDir, "harness.db"));
  db.exec("PRAGMA user_version = 1000");
  db.close();
  const again = box.launch();
  expect(await again.exited).not.toBe(0);
  const lines = box
    .stderr()
    .split("\n")
    .filter((line) => line.includes("1000"));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/newer/);
  await box.close();
});
