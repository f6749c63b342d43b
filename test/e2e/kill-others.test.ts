/**
 * kill -9 of everything else: the CLI, its wrapper, a spool writer in the middle of a line, and the daemon at chosen
 * moments.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { storedEvents } from "../support/events.ts";

setDefaultTimeout(60_000);

const PROVIDERS = {
  "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
  codex: { command: [process.execPath, join(FAKES, "codex.ts")] },
  acp: { kind: "acp", command: [process.execPath, join(FAKES, "acp.ts")] },
  sh: { kind: "command", command: ["sh", "-c", "cat; echo; echo $$ >> starts"] },
};

let box: Box;
beforeAll(async () => {
  box = await makeBox({ providers: PROVIDERS });
  const api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(() => box.close());

const script = (...steps: Record<string, unknown>[]): string => `SCRIPT ${JSON.stringify(steps)}`;

async function make(provider: string, task?: string): Promise<string> {
  const made = await box.api().post("/projects/p/agents", { provider, ...(task === undefined ? {} : { task }) });
  return `/projects/p/agents/${made["agent"]?.["id"]}`;
}

async function reach(path: string, ...statuses: string[]): Promise<Json> {
  const answer = await box.api().get(`${path}/wait?until=${statuses.join(",")}&timeout=30`);
  if ((answer["reached"] as unknown) !== true)
    throw new Error(
      `${JSON.stringify(answer)} ${JSON.stringify(await box.api().get(`${path}/debug`))} ${box.stderr()}`,
    );
  return answer["agent"] as Json;
}

async function said(path: string): Promise<string[]> {
  const { messages } = await box.api().get(`${path}/messages?after=0&limit=1000`);
  return [...(messages ?? [])]
    .filter((each) => String(each["role"]) === "assistant" && String(each["text"]) !== "")
    .map((each) => String(each["text"]));
}

async function processOf(path: string): Promise<{ pid: number; wrapper: number }> {
  const { process: found } = await box.api().get(`${path}/debug`);
  return { pid: Number(found?.["pid"]), wrapper: Number(found?.["wrapperPid"]) };
}

const turnEnds = async (path: string): Promise<string[]> =>
  (await storedEvents(box.api(), path))
    .filter((each) => String(each["type"]) === "turn_ended")
    .map((each) => String(each["data"]?.["turn"]?.["outcome"]));

describe("kill -9 of the CLI", () => {
  test("in the middle of a turn: lost and exited, told at once; nothing of its tree is left; the next input resumes", async () => {
    const gate = join(box.dir, "gate-cli");
    const path = await make("claude-code", script({ say: "before" }, { gate }, { say: "never" }));
    await eventually("the first words", async () => (await said(path)).length === 1);
    process.kill((await processOf(path)).pid, "SIGKILL");
    const gone = await reach(path, "exited");
    expect(String(gone["cause"]?.["detail"])).toBe("exit code 137 or signal 9");
    expect(await turnEnds(path)).toEqual(["lost"]);
    await eventually("nothing of its tree", () => box.agentProcesses().length === 0);
    await box.api().post(`${path}/input`, { text: "again" });
    await reach(path, "idle");
    expect((await said(path)).at(-1)).toBe("echo: again");
  });
});

describe("kill -9 of the wrapper", () => {
  test("the agent goes on and its turn completes; its later end is noticed though nobody writes an exit status", async () => {
    const gate = join(box.dir, "gate-wrapper");
    const path = await make("claude-code", script({ say: "before" }, { gate }, { say: "after" }));
    await eventually("the first words", async () => (await said(path)).length === 1);
    const { pid, wrapper } = await processOf(path);
    process.kill(wrapper, "SIGKILL");
    writeFileSync(gate, "");
    await reach(path, "idle");
    expect(await said(path)).toEqual(["before", "after"]);
    process.kill(pid, "SIGKILL");
    const gone = await reach(path, "exited");
    expect(String(gone["cause"]?.["detail"])).toContain("no exit status is known");
    expect(await turnEnds(path)).toEqual(["completed"]);
  });

  test("the CLI and the wrapper together", async () => {
    const path = await make("claude-code", script({ say: "before" }, { gate: join(box.dir, "never") }));
    await eventually("the first words", async () => (await said(path)).length === 1);
    const { pid, wrapper } = await processOf(path);
    process.kill(wrapper, "SIGKILL");
    process.kill(pid, "SIGKILL");
    await reach(path, "exited");
    expect(await turnEnds(path)).toEqual(["lost"]);
  });
});

describe("kill -9 of a spool writer in the middle of a 2 MB line", () => {
  const text = `${"é😀".repeat(400_000)}end`; // 2.4 MB, and fewer than the 1 048 576 characters that Codex takes

  for (const provider of ["claude-code", "codex"]) {
    test(`${provider}: the torn line does no harm and the input runs exactly once`, async () => {
      const path = await make(provider, "first");
      await reach(path, "idle");
      const { pid } = await processOf(path);
      await eventually("the writer of the first line to be gone", () => spoolWriter(path) === undefined);
      process.kill(pid, "SIGSTOP"); // so that the pipe stays full and the writer stands in the middle of the line
      await box.api().post(`${path}/input`, { text });
      const writer = await eventually("the writer to be at work", () => spoolWriter(path));
      for (const each of writer) process.kill(each, "SIGKILL");
      process.kill(pid, "SIGCONT");
      await reach(path, "idle");
      expect((await said(path)).map((each) => each.length)).toEqual(["echo: first".length, `echo: ${text}`.length]);
      expect((await turnEnds(path)).filter((each) => each === "completed")).toHaveLength(2);
    });
  }

  test("the daemon dies instead: the writer finishes the line and the turn completes", async () => {
    const path = await make("acp", "first");
    await reach(path, "idle");
    const { pid } = await processOf(path);
    await eventually("the writer of the first line to be gone", () => spoolWriter(path) === undefined);
    process.kill(pid, "SIGSTOP");
    await box.api().post(`${path}/input`, { text });
    await eventually("the writer to be at work", () => spoolWriter(path));
    await box.kill("SIGKILL");
    process.kill(pid, "SIGCONT");
    await box.start();
    await reach(path, "idle");
    expect((await said(path)).map((each) => each.length)).toEqual(["echo: first".length, `echo: ${text}`.length]);
    expect(await turnEnds(path)).toEqual(["completed", "completed"]);
  });

  function spoolWriter(path: string): number[] | undefined {
    const folder = join(box.stateDir, "agents", path.split("/").at(-1) ?? "", "run", "1", "spool");
    const name = existsSync(folder) && readdirSync(folder).find((each) => each.endsWith(".pid"));
    if (!name) return undefined;
    try {
      const [, , pid, , outer] = readFileSync(join(folder, name), "utf8").trim().split(" ");
      return pid === undefined || outer === undefined ? undefined : [Number(outer), Number(pid)];
    } catch {
      return undefined; // gone between the two looks
    }
  }
});

describe("the daemon dies at a chosen moment", () => {
  for (const provider of ["claude-code", "acp", "sh"]) {
    test(`between the spawn and its commit (${provider}): the next daemon adopts that very process`, async () => {
      await box.kill("SIGTERM");
      await box.start({ AH_TEST_SEAM: "spawned" });
      const path = await make(provider, "hello").catch(() => null);
      await eventually("the daemon to be dead", () => box.kill("SIGCONT").then(() => true));
      const api = await box.start();
      const agents = [...((await api.get("/agents?limit=1000"))["agents"] as Json)];
      const id = path?.split("/").at(-1) ?? String(agents.at(-1)?.["id"]);
      const at = `/projects/p/agents/${id}`;
      await reach(at, "idle");
      expect((await said(at)).map((each) => each.trim())).toEqual([provider === "sh" ? "hello" : "echo: hello"]);
      expect(Number((await api.get(`${at}/debug`))["run"]?.["n"])).toBe(1);
      expect(await turnEnds(at)).toEqual(["completed"]);
    });
  }

  test("a graceful stop waits for nobody, leaves agents running, and the next daemon goes on", async () => {
    const gate = join(box.dir, "gate-term");
    const path = await make("claude-code", script({ say: "before" }, { gate }, { say: "after" }));
    await eventually("the first words", async () => (await said(path)).length === 1);
    const { pid } = await processOf(path);
    const began = performance.now();
    expect(await box.kill("SIGTERM")).toBe(0);
    expect(performance.now() - began).toBeLessThan(5000); // the agent's gate is shut: for that it would wait for ever
    process.kill(pid, 0); // throws when it is gone
    writeFileSync(gate, "");
    await box.start();
    await reach(path, "idle");
    expect(await said(path)).toEqual(["before", "after"]);
  });
});
