/** The two boxes of the README, made by its own lines: the SQL, the files, the commands. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { createApi, eventually } from "../../support/api.ts";
import { BINARY, FAKES } from "../../support/binary.ts";
import { endProcessesNaming } from "../../support/leftovers.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import { quietPort } from "../../support/hook.ts";
import { sqlOf } from "../../support/readme-sql.ts";
import { README } from "../../support/readme.ts";

setDefaultTimeout(90_000);

/** The `sh` blocks of the section, in order. */
const BLOCKS = ((): readonly string[] => {
  const page = readFileSync(README, "utf8");
  const section = page.slice(page.indexOf("\n## A fleet\n"), page.indexOf("\n## Security\n"));
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, body = ""]) => body);
})();

interface Box {
  readonly home: string;
  readonly port: number;
  /** A block of the page, as it stands, but for the database's address. */
  paste(script: string): { readonly code: number | null; readonly out: string };
  start(): Promise<void>;
  close(): Promise<void>;
}

describe.skipIf(POSTGRES === null)("the two boxes of the page", () => {
  let postgres: Postgres;
  const boxes: Box[] = [];
  const dir = mkdtempSync(join(tmpdir(), "ah-readme-fleet-"));
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(async () => {
    await Promise.all(boxes.map((box) => box.close()));
    await postgres.close();
    endProcessesNaming(dir); // agents outlive their daemon
    rmSync(dir, { recursive: true, force: true });
  });

  const boxOf = async (name: string): Promise<Box> => {
    const home = join(dir, name);
    const bin = join(home, "bin");
    for (const each of [bin, join(home, "shop"), join(home, ".config/agent-harness")])
      mkdirSync(each, { recursive: true });
    const program = (called: string, line: string): void =>
      writeFileSync(join(bin, called), `#!/bin/sh\nexec ${line} "$@"\n`, { mode: 0o755 });
    program("agent-harness", BINARY);
    program("claude", `'${process.execPath}' '${join(FAKES, "claude.ts")}'`);
    const port = await quietPort();
    const env = { PATH: `${bin}:/usr/bin:/bin`, HOME: home, AH_STATE_DIR: join(home, "state"), AH_PORT: String(port) };
    let daemon: Bun.Subprocess | null = null;
    const box: Box = {
      home,
      port,
      paste(script) {
        const put = script.replaceAll("@db.example/", `@127.0.0.1:${postgres.port}/`).replaceAll("build-1", name);
        const options = { cwd: home, env: { ...env, AH_URL: `http://127.0.0.1:${port}` } };
        const { exitCode, stdout, stderr } = Bun.spawnSync(["bash", "-c", put], options);
        return { code: exitCode, out: stdout.toString() + stderr.toString() };
      },
      async start() {
        daemon = Bun.spawn([BINARY, "serve"], { cwd: home, env, stdio: ["ignore", "ignore", "ignore"] });
        await eventually(
          "it serves",
          async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.ok,
        );
      },
      async close() {
        daemon?.kill("SIGTERM");
        await daemon?.exited;
      },
    };
    boxes.push(box);
    return box;
  };

  test("are one fleet when its lines were run from top to bottom", async () => {
    const [migrate = "", files = "", project = "", use = "", ...more] = BLOCKS;
    expect(more).toEqual([]);
    for (const statement of sqlOf("roles")) await postgres.sql.unsafe(statement);
    const one = await boxOf("build-1");
    const two = await boxOf("build-2");
    expect(one.paste(migrate)).toMatchObject({ code: 0, out: expect.stringContaining("agent_harness: 0 →") });
    const owner = new SQL({ url: `postgres://fleet_owner@127.0.0.1:${postgres.port}/fleet`, max: 1 });
    for (const statement of sqlOf("nodes")) await owner.unsafe(statement);
    await owner.close();
    for (const box of [one, two]) {
      const { out } = box.paste(files);
      expect(out).toMatch(/ok\tfleet rights\tfleet_node\t/);
      expect(out).not.toMatch(/FAIL\tfleet/);
      await box.start();
      expect(box.paste(project)).toMatchObject({ code: 0 });
    }
    const api = createApi(`http://127.0.0.1:${one.port}`);
    await eventually("both are there, with their projects", async () => {
      const { nodes } = await api.get("/fleet/nodes").catch(() => ({ nodes: [] as const }));
      return [...(nodes ?? [])].filter((node) => JSON.stringify(node["projects"]) === '["shop"]').length === 2;
    });
    const { out } = two.paste(`set -x\n${use}`); // as build-2: --node names the box itself, too
    expect(out).toMatch(/build-1\tlive[\s\S]*build-2\tlive/);
    expect(out).toContain("echo: Fix the failing test.");
    expect(out).toMatch(/task_\S+\tdone\tshop\tbuild-[12]/);
    expect(out).toMatch(/build-[12]\tshop\//);
    expect(out).toContain("nothing waits for an answer");
    expect(out).not.toMatch(/unknown|usage|no such/i);
  });
});
