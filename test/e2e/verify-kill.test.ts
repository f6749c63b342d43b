/**
 * A check and the death of the daemon, at every stage of it: the check runs once, its turn ends once, and what nobody
 * can know any more is run again, once, and then said to be lost.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { storedEvents } from "../support/events.ts";
import type { Hook } from "../support/hook.ts";
import { startHook } from "../support/hook.ts";
import type { ToldAgent } from "../support/told.ts";
import { eventsOf, makeAgent, makeGate } from "../support/told.ts";
import { isDead, readProcess } from "../../src/process/proc.ts";

const isGone = (pid: string): boolean => {
  const info = readProcess(Number(pid));
  return info === null || isDead(info);
};

setDefaultTimeout(90_000);

interface Stage {
  readonly box: Box;
  readonly hook: Hook;
  readonly agent: ToldAgent;
  /** One line for each time that the check was begun. */
  runs(): string[];
  /** Lets the check end. */
  open(): void;
  turns(): Promise<Json[]>;
}

/** An agent whose check waits at a gate. `seam`: where the daemon dies by itself. */
async function stage(says: string, work: (stage: Stage) => Promise<void>, seam?: string, attempts = 0): Promise<void> {
  const hook = await startHook();
  const box = await makeBox({
    webhook: { url: hook.url() },
    providers: { "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] } },
  });
  try {
    const api = await box.start(seam === undefined ? {} : { AH_TEST_SEAM: seam });
    await api.post("/projects", { name: "p", cwd: box.cwd, trusted: true });
    const [log, gate] = [join(box.dir, "runs"), makeGate(box)];
    const command = `echo $$ >>${log}; while [ ! -e ${gate.path} ]; do sleep 0.02; done; ${says}`;
    const agent = await makeAgent(box, hook, "p", "do it", { verify: { command, attempts } });
    await work({
      ...{ box, hook, agent, open: gate.open },
      runs: () => (existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : []),
      turns: async () => [...((await box.api().get(`${agent.path}/turns`))["turns"] ?? [])],
    });
  } finally {
    await box.close();
    await hook.down();
  }
}

const begun = ({ runs }: Stage, times = 1) =>
  eventually(`the check to run ${times} time(s)`, () => runs().length >= times);
const outcomes = async ({ turns }: Stage): Promise<string[]> => (await turns()).map((each) => String(each["outcome"]));

const SEAMS = ["check_stored", "check_spawned", "check_followed", "check_ended"] as const;

test.each(SEAMS)("killed at %s: the next daemon takes the check up, and it has run once", async (seam) => {
  await stage(
    "echo green",
    async (at) => {
      const { box, agent, open } = at;
      if (seam === "check_ended") {
        await begun(at);
        open();
      }
      await box.exited();
      await box.start();
      await begun(at);
      open();
      await agent.reaches("idle");
      expect(at.runs().length).toBe(1);
      expect(await at.turns()).toMatchObject([
        { outcome: "completed", verify: { passed: true, tail: "green" } },
      ] as never);
      expect(eventsOf(await agent.notices())).toEqual(["agent_completed"]);
    },
    seam,
  );
});

test("killed while it runs, and it ends while nobody is there: its verdict is read afterwards", async () => {
  await stage("echo red; exit 9", async (at) => {
    await begun(at);
    await at.box.kill();
    at.open();
    const pid = at.runs()[0] ?? "";
    await eventually("the check to end", () => !existsSync(`/proc/${pid}`));
    await at.box.start();
    await at.agent.reaches("error");
    expect(await at.turns()).toMatchObject([{ outcome: "failed", verify: { exitCode: 9, tail: "red" } }] as never);
    expect(at.runs().length).toBe(1);
  });
});

test("killed five times in the middle of it: it still runs once, and is fed back once", async () => {
  await stage(
    "exit 1",
    async (at) => {
      await begun(at);
      for (let n = 0; n < 5; n += 1) {
        await at.box.kill();
        await at.box.start();
        const shown = (await at.box.api().get(at.agent.path))["agent"];
        expect(shown).toMatchObject({ status: "processing", turn: { closing: "check" } } as never);
      }
      expect(at.runs().length).toBe(1);
      at.open();
      await at.agent.reaches("error");
      expect(await outcomes(at)).toEqual(["failed", "failed"]);
      expect(at.runs().length).toBe(2); // the second is that of what was fed back
      expect(eventsOf(await at.agent.notices())).toEqual(["agent_error"]);
    },
    undefined,
    1,
  );
});

/** As a reboot does: the check and its wrapper are gone, and nobody wrote how it ended. */
async function vanish({ box, agent }: Stage): Promise<void> {
  await box.kill();
  const dir = join(box.stateDir, "agents", agent.id, "check");
  const [name = ""] = readdirSync(dir);
  const [, , pid, , wrapper] = readFileSync(join(dir, name, "pid"), "utf8").split(" ");
  for (const each of [wrapper, pid]) process.kill(Number(each), "SIGKILL");
  await eventually("both to be gone", () => !existsSync(`/proc/${pid}`) && !existsSync(`/proc/${wrapper}`));
  await box.start();
}

test("lost once: it runs again and counts; lost twice: VERIFY_LOST, and nothing is fed back", async () => {
  await stage("echo green", async (at) => {
    await begun(at);
    await vanish(at);
    await begun(at, 2);
    at.open();
    await at.agent.reaches("idle");
    expect(await outcomes(at)).toEqual(["completed"]);
  });
  await stage(
    "echo green",
    async (at) => {
      await begun(at);
      await vanish(at);
      await begun(at, 2);
      await vanish(at);
      await at.agent.reaches("error");
      expect(await at.turns()).toMatchObject([
        { outcome: "failed", error: { code: "VERIFY_LOST" }, verify: null },
      ] as never);
      expect(at.runs().length).toBe(2);
      expect(eventsOf(await at.agent.notices())).toEqual(["agent_error"]);
    },
    undefined,
    2,
  );
});

const ACTS = ["abort", "stop", "input", "DELETE"] as const;

test.each(SEAMS.map((seam, i) => [seam, ACTS[i] ?? "abort"] as const))(
  "killed at %s, and the next daemon is told %s at once: the turn ends once, and nothing of the check is left",
  async (seam, how) => {
    await stage(
      "exit 1",
      async (at) => {
        const { box, agent } = at;
        if (seam === "check_ended") {
          await begun(at);
          at.open();
        }
        await box.exited();
        await box.start();
        if (how === "DELETE") expect((await box.api().call("DELETE", agent.path)).status).toBe(204);
        else if (how === "input") await box.api().post(`${agent.path}/input`, { text: "now this", mode: "interrupt" });
        else await box.api().post(`${agent.path}/${how}`);
        // The first one, if it came to that; the second is that of the new input.
        await eventually("the check to be gone", () => {
          const [pid] = at.runs();
          return pid === undefined || isGone(pid);
        });
        if (how === "DELETE") return;
        at.open();
        await agent.reaches("idle", "error");
        expect((await outcomes(at))[0]).toBe("interrupted");
        const inputs = [...((await box.api().get(`${agent.path}/inputs`))["inputs"] ?? [])];
        expect(inputs.some((each) => String(each["origin"]) === "verify")).toBe(false);
        const events = await storedEvents(box.api(), agent.path);
        const ends = events.filter((each) => String(each["type"]) === "turn_ended");
        expect(ends.filter((each) => String(each["data"]?.["turn"]?.["id"]).endsWith("-1"))).toHaveLength(1);
      },
      seam,
    );
  },
);

test.each(ACTS)("%s right before the daemon dies: the check goes with it all the same", async (how) => {
  await stage("exit 1", async (at) => {
    const { box, agent } = at;
    await begun(at);
    // Its first signal is not yet sent, or is: the daemon dies with the answer.
    const asked =
      how === "DELETE"
        ? box.api().call("DELETE", agent.path)
        : how === "input"
          ? box.api().post(`${agent.path}/input`, { text: "now this", mode: "interrupt" })
          : box.api().post(`${agent.path}/${how}`);
    await asked.catch(() => undefined);
    await box.kill();
    const pid = at.runs()[0] ?? "";
    await box.start();
    await eventually("the check to be ended", () => isGone(pid));
    if (how === "DELETE") return;
    at.open();
    await agent.reaches("idle", "error");
    expect((await outcomes(at))[0]).toBe("interrupted");
    const inputs = [...((await box.api().get(`${agent.path}/inputs`))["inputs"] ?? [])];
    expect(inputs.some((each) => String(each["origin"]) === "verify")).toBe(false);
  });
});
