/** Secrets of tasks: no table of the fleet holds them, and only a box with the key runs such a task. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../support/api.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import { keyId } from "../../../src/fleet/lockbox.ts";

setDefaultTimeout(60_000);

const [older = "", newer = ""] = ["1", "2"].map((each) => btoa(each.repeat(32)));

describe.skipIf(POSTGRES === null)("secrets of a task", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  let asks: TestDaemon;
  let rotated: TestDaemon;
  let keyless: TestDaemon;
  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    const providers = { tells: { kind: "command", command: ["sh", "-c", 'cat > /dev/null; echo "it is $WORD"'] } };
    asks = await fleet.node("asks", { capacity: 0, key: older });
    const file = join(asks.dir, "fleet.key");
    writeFileSync(file, `${newer},${older}\n`);
    rotated = await fleet.node("rotated", { keyFile: file }, { providers });
    keyless = await fleet.node("keyless", {}, { providers });
    for (const daemon of [rotated, keyless]) {
      await fleet.joined(daemon);
      await daemon.api().post("/projects", { name: "shop", cwd: daemon.cwd });
    }
    await eventually("their projects are known", async () => {
      const { nodes } = await asks.api().get("/fleet/nodes");
      return [...(nodes ?? [])].filter((node) => JSON.stringify(node["projects"]).includes("shop")).length === 2;
    });
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
  });

  const put = async (from: TestDaemon, node: string | null): Promise<string> => {
    const body = { project: "shop", provider: "tells", task: "t", env: { WORD: "hidden-word" } };
    const answer = await from.api().post("/fleet/tasks", { ...body, ...(node === null ? {} : { requires: { node } }) });
    return String(answer["task"]?.["id"]);
  };
  const everything = async (): Promise<string> => {
    const rows: readonly { text: string }[] = await fleet.sql.unsafe(
      `SELECT database_to_xml(true, false, '')::text AS text`,
    );
    return rows.map(({ text }) => text).join();
  };

  test("reach the agent, and stand in no table, before nor after", async () => {
    const waits = await put(asks, "asks"); // has no room, so it stays
    const all = await everything();
    expect([all.includes(waits), all.includes("hidden-word")]).toEqual([true, false]);
    await asks.api().post(`/fleet/tasks/${waits}/cancel`);
    const id = await put(asks, "rotated"); // sealed with what is the older key there
    const task = await eventually("it is done", async () => {
      const { task } = await asks.api().get(`/fleet/tasks/${id}`);
      return String(task?.["state"]) === "done" && task;
    });
    expect(String(task["sealedWith"])).toBe(keyId(older));
    const { message } = await rotated.api().get(`/projects/shop/agents/${String(task["agent"])}/messages/last`);
    expect(String(message?.["text"]).trim()).toBe("it is hidden-word");
    const { agent } = await rotated.api().get(`/projects/shop/agents/${String(task["agent"])}`);
    expect(agent?.["env"] as unknown).toEqual(["WORD"]);
  });

  test("keep a task from boxes without their key, and it says so", async () => {
    const { nodes } = await asks.api().get("/fleet/nodes");
    expect([...(nodes ?? [])].map((node) => [node["name"], node["keys"]]) as unknown).toEqual([
      ["asks", [keyId(older)]],
      ["keyless", []],
      ["rotated", [keyId(newer), keyId(older)]],
    ]);
    const id = await put(rotated, "keyless");
    const { task } = await asks.api().get(`/fleet/tasks/${id}`);
    expect(String(task?.["blockedBy"])).toBe(
      `no node that fits has the key ${keyId(newer)} that its secrets are sealed with (fleet.key)`,
    );
    await asks.api().post(`/fleet/tasks/${id}/cancel`);
  });

  test("are refused by a box that has no key, in words that say how to mend it", async () => {
    const body = { project: "shop", provider: "tells", task: "t", env: { WORD: "hidden-word" } };
    const answer = await keyless.api().call("POST", "/fleet/tasks", body);
    expect([answer.status, String(answer.body["error"])]).toEqual([422, "FLEET_KEY"]);
    expect(String(answer.body["message"])).toContain("set fleet.key");
    expect(JSON.stringify(answer.body)).not.toContain("hidden-word");
  });
});
