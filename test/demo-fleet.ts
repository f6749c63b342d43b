/**
 * `make demo-fleet`: three boxes as one, on this machine alone. Twenty tasks go into the pool, a box is killed while it
 * works on some of them and comes back later; each task has run once. Needs PostgreSQL (Debian: apt-get install
 * postgresql), which it starts itself in a throw-away folder; no account and no network.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Json } from "./support/api.ts";
import { eventually } from "./support/api.ts";
import type { Box } from "./support/binary.ts";
import { makeBox } from "./support/binary.ts";
import { POSTGRES, startPostgres } from "./support/postgres.ts";

const TASKS = 20;
const NAMES = ["alder", "birch", "cedar"] as const;
const LIMIT_MS = 120_000;
const startedAt = performance.now();
const colour = process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === "";

function tell(what: string, text: string): void {
  const seconds = `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s`;
  console.log(
    colour
      ? `\x1b[90m${seconds}\x1b[0m  \x1b[36m${what.padEnd(10)}\x1b[0m ${text}`
      : `${seconds}  ${what.padEnd(10)} ${text}`,
  );
}

async function main(): Promise<number> {
  if (POSTGRES === null) {
    console.log(
      "there is no PostgreSQL on this machine: apt-get install postgresql (or your system's package), then try again",
    );
    return 1;
  }
  const dir = mkdtempSync(join(tmpdir(), "agent-harness-fleet-"));
  const journal = join(dir, "journal");
  writeFileSync(journal, "");
  const boxes: Box[] = [];
  const postgres = await startPostgres();
  tell("database", "PostgreSQL runs in a throw-away folder");
  try {
    // What an agent of this demo does: a second of work, and a line of its own about it.
    const works = {
      kind: "command",
      command: ["sh", "-c", `read line; sleep 1; echo "$line" >> '${journal}'; echo "$line: done"`],
    };
    for (const name of NAMES) {
      const box = await makeBox({ providers: { works }, fleet: { url: postgres.url, node: name, capacity: 2 } });
      boxes.push(box);
      await (await box.start()).post("/projects", { name: "demo", cwd: box.cwd });
      tell(name, `listens at ${box.api().url}, takes 2 tasks at once`);
    }
    const [first, , last] = boxes;
    if (first === undefined || last === undefined) throw new Error("there are three boxes");
    await eventually("all three are one fleet", async () => {
      const answer = await first.api().call("GET", "/fleet/nodes");
      const nodes = answer.status === 200 ? [...(answer.body["nodes"] ?? [])] : [];
      return nodes.filter((node) => JSON.stringify(node["projects"]).includes("demo")).length === NAMES.length;
    });
    return await drain(first, last, journal);
  } finally {
    for (const box of boxes) await box.close();
    await postgres.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function drain(asked: Box, victim: Box, journal: string): Promise<number> {
  for (let i = 1; i <= TASKS; i++)
    await asked.api().post("/fleet/tasks", { project: "demo", provider: "works", task: `task-${i}` });
  tell("pool", `${TASKS} tasks, put on ${NAMES[0]}, for whoever has room`);
  const told = new Map<string, string>();
  let killed = false;
  const tasks = await eventually(
    "every task is over",
    async () => {
      const { tasks: all } = await asked.api().get("/fleet/tasks?limit=100");
      const list = [...(all ?? [])].reverse();
      for (const task of list) tellOf(task, told);
      const over = list.filter((task) => String(task["state"]) === "done").length;
      if (
        !killed &&
        over >= 4 &&
        list.some((task) => String(task["holder"]) === NAMES[2] && String(task["state"]) === "started")
      ) {
        killed = true;
        await victim.kill();
        tell(NAMES[2], "is killed (kill -9), with tasks at work; nobody else is given them");
        setTimeout(
          () => void victim.start().then(() => tell(NAMES[2], "is started again, and knows what it had")),
          4000,
        );
      }
      return over === TASKS && list;
    },
    LIMIT_MS,
  );
  const lines = readFileSync(journal, "utf8").trim().split("\n").sort();
  const by = NAMES.map((name) => `${name} ${tasks.filter((task) => String(task["holder"]) === name).length}`);
  tell("done", `${tasks.length} tasks (${by.join(", ")})`);
  const once = lines.length === TASKS && new Set(lines).size === TASKS;
  tell(
    "journal",
    `the agents themselves wrote ${lines.length} lines, ${new Set(lines).size} different: ${once ? "each task ran once" : "NOT once each"}`,
  );
  return once ? 0 : 1;
}

function tellOf(task: Json, told: Map<string, string>): void {
  const [id, state] = [String(task["id"]), String(task["state"])];
  if (told.get(id) === state || !["started", "done", "failed"].includes(state)) return;
  told.set(id, state);
  tell(String(task["holder"]), `${state === "started" ? "began" : state} ${id.slice(0, 13)}…`);
}

process.exit(await main());
