/**
 * Three boxes that share nothing but a network, in a namespace each, are one API; one whose cable is pulled goes on by
 * itself, and is one of them again when it is back.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../support/api.ts";
import { FAKES } from "../../support/binary.ts";
import type { Networks } from "../../support/networks.ts";
import { makeNetworks, networksProblem } from "../../support/networks.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import type { Crew, CrewBox } from "./crew.ts";
import { makeCrew } from "./crew.ts";

setDefaultTimeout(90_000);

const PROBLEM = POSTGRES === null ? "no PostgreSQL" : await networksProblem();
if (PROBLEM !== null) console.log(`skipped: three boxes in three networks: ${PROBLEM}`);
const NAMES = ["one", "two", "three"] as const;

describe.skipIf(PROBLEM !== null)("three boxes in three networks", () => {
  const dir = mkdtempSync(join(tmpdir(), "ah-networks-"));
  let networks: Networks;
  let postgres: Postgres;
  let crew: Crew;
  beforeAll(async () => {
    networks = makeNetworks(NAMES);
    chmodSync(dir, 0o755);
    const hba = join(dir, "hba");
    writeFileSync(hba, `host all all 127.0.0.1/32 trust\nhost all all ${networks.network} trust\n`);
    postgres = await startPostgres({ listen_addresses: `127.0.0.1,${networks.address}`, hba_file: hba });
    const url = `postgres://ah@${networks.address}:${postgres.port}/postgres?sslmode=disable`;
    const claude = { command: [process.execPath, join(FAKES, "claude.ts")] };
    crew = await makeCrew(
      postgres,
      Object.fromEntries(
        NAMES.map((name): [string, CrewBox] => {
          const { address, binary } = networks.machine(name);
          return [
            name,
            { url, binary, token: `token-of-${name}`, config: { host: address }, providers: { "claude-code": claude } },
          ];
        }),
      ),
    );
  });
  afterAll(async () => {
    await crew.close();
    await postgres.close();
    networks.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const api = (name: string) => crew.box(name).api();
  const tasks = (count: number) => Promise.all(Array.from({ length: count }, () => crew.put()));

  test("a task without a box runs once, wherever there is room", async () => {
    // Each is at work long enough for a box that is full to leave the next ones to others.
    const put = await Promise.all(Array.from({ length: 48 }, () => crew.put({ provider: "lasts" })));
    await crew.ranOnce(put);
    const holders = await Promise.all(
      put.map(async ({ id }) => String((await api("one").get(`/fleet/tasks/${id}`))["task"]?.["holder"])),
    );
    expect(new Set(holders)).toEqual(new Set(NAMES));
  });

  test("an agent of any is made, read, answered and aborted from any other", async () => {
    for (const [i, owner] of NAMES.entries()) {
      const other = NAMES[(i + 1) % NAMES.length] ?? "one";
      const agents = `/nodes/${owner}/projects/shop/agents`;
      const ask = `SCRIPT ${JSON.stringify([{ ask: "Bash", input: { command: "rm -rf build" }, result: "" }])}`;
      await api(other).post(agents, { provider: "claude-code", name: "asks", task: ask, permissions: "ask" });
      const waiting = await eventually("its question is on everybody's list", async () => {
        const { permissions } = await api(other).get(`/fleet/permissions?node=${owner}`);
        return [...(permissions ?? [])][0];
      });
      const question = String(waiting["permission"]?.["id"]);
      await api(other).post(`${agents}/asks/permissions/${question}`, { decision: "allow" });
      const reached = await api(other).get(`${agents}/asks/wait?until=idle&timeout=20`);
      expect([owner, reached["reached"], reached["agent"]?.["turn"]?.["outcome"]] as unknown).toEqual([
        owner,
        true,
        "completed",
      ]);
      await api(other).post(agents, { provider: "claude-code", name: "works", task: 'SCRIPT [{"gate":"/nowhere"}]' });
      await eventually("it works", async () => {
        const { agent } = await api(other).get(`${agents}/works`);
        return String(agent?.["status"]) === "processing";
      });
      await api(other).post(`${agents}/works/abort`);
      const aborted = await api(other).get(`${agents}/works/wait?until=idle&timeout=20`);
      expect(String(aborted["agent"]?.["turn"]?.["outcome"])).toBe("interrupted");
    }
  });

  test("one whose cable is pulled shows as lost with what was last known, and goes on by itself", async () => {
    const before = await crew.put({ requires: { node: "three" } });
    await crew.ranOnce([before]);
    networks.machine("three").plug(false);
    try {
      await eventually("it is lost", async () => {
        const { nodes } = await api("one").get("/fleet/nodes");
        return [...(nodes ?? [])].some((node) => String(node["name"]) === "three" && String(node["reach"]) === "lost");
      });
      await crew.ranOnce(await tasks(6));
      const stale = await api("two").call("GET", "/nodes/three/projects/shop/agents/works");
      expect([stale.status, stale.body["stale"], stale.body["agent"]?.["turn"]?.["outcome"]] as unknown).toEqual([
        200,
        true,
        "interrupted",
      ]);
      expect((await api("two").call("POST", "/nodes/three/projects/shop/agents/works/abort")).status).toBe(502);
      const meanwhile = await inThere("three", "/api/v1/projects/shop/agents", {
        ...{ provider: "echo", name: "alone", task: "nobody hears me" },
      });
      expect(String(meanwhile["agent"]?.name)).toBe("alone");
    } finally {
      networks.machine("three").plug(true);
    }
    await crew.lives(...NAMES);
    await eventually("what it did alone is known to all", async () => {
      const { status, body } = await api("one").call("GET", "/nodes/three/projects/shop/agents/alone/messages/last");
      return status === 200 && String(body["message"]?.["text"]).includes("nobody hears me");
    });
    await crew.ranOnce([await crew.put({ requires: { node: "three" } })]);
    await crew.allIsWell();
  });

  /** Asked from inside its own network: from here nobody reaches it. */
  const inThere = async (name: string, path: string, body: object): Promise<Record<string, { name?: string }>> => {
    const url = `${api(name).url}${path}`;
    const script = `const r = await fetch(${JSON.stringify(url)}, { method: "POST", headers: { authorization: "Bearer token-of-${name}", "content-type": "application/json" }, body: ${JSON.stringify(JSON.stringify(body))} }); console.log(await r.text())`;
    const space = networks.machine(name).enter;
    const child = Bun.spawn([...space, process.execPath, "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const answer: unknown = JSON.parse(await new Response(child.stdout).text());
    return answer as Record<string, { name?: string }>; // looked at by the caller
  };
});
