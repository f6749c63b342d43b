/** The command line of a fleet, as a person and a script use it: the compiled program against two boxes. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../../support/api.ts";
import { BINARY } from "../../support/binary.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { ECHO, testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import { SCHEMA } from "../../../src/fleet/schema.ts";

setDefaultTimeout(90_000);

describe.skipIf(POSTGRES === null)("agent-harness", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  let here: TestDaemon;
  let there: TestDaemon;
  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    here = await fleet.node("here", { capacity: 0 });
    there = await fleet.node("there", { labels: { gpu: "1" } }, { providers: ECHO });
    await fleet.joined(there);
    await there.api().post("/projects", { name: "shop", cwd: there.cwd });
    await eventually("its project is known", async () =>
      JSON.stringify(await here.api().get("/fleet/nodes")).includes('"shop"'),
    );
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
  });

  const cli = async (...args: string[]) => {
    const child = Bun.spawn([BINARY, ...args], {
      cwd: here.dir,
      env: { PATH: process.env["PATH"] ?? "", HOME: here.home, AH_URL: here.api().url },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { code: await child.exited, out, err };
  };

  test("nodes lists the boxes, drain and undrain change one", async () => {
    const { code, out } = await cli("nodes");
    expect([code, out.split("\n").map((line) => line.split("\t").slice(0, 2))]).toEqual([
      0,
      [["here", "live"], ["there", "live"], [""]],
    ]);
    expect((await cli("nodes", "drain", "there")).code).toBe(0);
    expect((await cli("nodes")).out).toContain("there\tlive, draining");
    expect((await cli("nodes", "undrain", "there")).code).toBe(0);
    const lives = await cli("nodes", "rm", "there", "--yes");
    expect([lives.code, lives.err]).toEqual([1, expect.stringContaining("wait until it is lost")]);
  });

  test("run --fleet brings the answer of whichever box has run it", async () => {
    const { code, out } = await cli(
      "run",
      "--fleet",
      "--project",
      "shop",
      "--provider",
      "echo",
      "--require",
      "gpu=1",
      "far away",
    );
    expect([code, out]).toEqual([0, "far away\n"]);
    const late = await cli("run", "--fleet", "--project", "shop", "--require", "gpu=9", "--timeout", "1s", "never");
    expect(late.code).toBe(124);
  });

  test("ps --fleet shows where each agent is, and --node asks that box", async () => {
    const listed = await eventually("it is mirrored", async () => {
      const { out } = await cli("ps", "--fleet");
      return out.includes("\tidle\t") && out;
    });
    expect(listed).toMatch(/^there\tshop\//);
    const [, target = ""] = listed.split("\t");
    const { code, out } = await cli("messages", "--node", "there", "--last", target);
    expect([code, out]).toEqual([0, "far away"]);
    expect((await cli("ps")).out).toBe("");
    const alone = await cli("config", "--node", "there");
    expect([alone.code, alone.err]).toEqual([2, expect.stringContaining("about this machine alone")]);
  });

  test("run --fleet --repo brings the project along", async () => {
    const source = `${here.dir}/source`;
    for (const args of [
      ["init", "--quiet", source],
      ["-C", source, "commit", "--quiet", "--allow-empty", "-m", "x"],
    ])
      Bun.spawnSync(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", ...args]);
    const where = ["--project", "fetched", "--provider", "echo", "--repo", `file://${source}`];
    const { code, out, err } = await cli("run", "--fleet", ...where, "fetched and run");
    expect([code, out, err]).toEqual([0, "fetched and run\n", ""]);
    expect((await cli("run", "--fleet", "--project", "p", "--ref", "main", "x")).err).toContain(
      "--ref goes with --repo",
    );
    expect((await cli("run", "--repo", "https://h/x", "x")).err).toContain("it goes with --fleet");
  });

  test("tasks lists the pool and says why a task waits", async () => {
    const { out: id } = await cli("run", "--fleet", "--detach", "--project", "shop", "--require", "gpu=9", "waits");
    expect((await cli("tasks", "--state", "queued")).out).toContain("no node that is live has the label gpu=9");
    expect((await cli("tasks", "show", id.trim())).out).toContain("state\tqueued");
    expect((await cli("tasks", "cancel", id.trim())).out).toContain("state\tcancelled");
    expect((await cli("tasks", "reassign", id.trim(), "--yes")).code).toBe(1);
    expect((await cli("tasks", "show", "task_none")).code).toBe(1);
  });

  test("permissions --fleet is empty where nobody waits", async () => {
    expect((await cli("permissions", "--fleet", "--json")).out).toBe('{"permissions":[],"next":null}\n');
  });

  test("fleet migrate makes the tables without a daemon, and doctor looks at them", async () => {
    const url = postgres.url;
    const env = { PATH: process.env["PATH"] ?? "", HOME: here.home, AH_FLEET_URL: url };
    const run = (...args: string[]) => Bun.spawnSync([BINARY, ...args], { cwd: here.dir, env });
    const before = run("doctor", "--json").stdout.toString();
    expect(before).toContain("there are no tables yet");
    const made = run("fleet", "migrate", "--json");
    expect([made.exitCode, JSON.parse(made.stdout.toString())]).toEqual([
      0,
      { schema: "agent_harness", from: 0, to: SCHEMA },
    ]);
    expect(run("fleet", "migrate").stderr.toString()).toContain("up to date");
    const checks = (
      JSON.parse(run("doctor", "--json").stdout.toString()) as { checks: { name: string; level: string }[] }
    ).checks;
    expect(checks.filter(({ name }) => name.startsWith("fleet")).map(({ level }) => level)).toEqual([
      ...["ok", "ok", "ok", "ok", "ok"],
    ]);
  });
});
