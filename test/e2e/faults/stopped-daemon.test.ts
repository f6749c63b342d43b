/**
 * What is decided on stale knowledge: a daemon that stood still for longer than a limit reads to the end of what was
 * written meanwhile before it decides. Looked for at every deadline and every order that makes another thing of an
 * open turn: turn limit, abort, stop, an input that interrupts, the stall; for a plain command and for programs that
 * talk. The order of reading and deciding stands once, in the actor: a limit reads before its tick, an order before
 * its fact (unit/agents/actor); a start, a permission and a stall are ticks, too.
 */
import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SWEEP_MS } from "../../../src/process/watch.ts";
import type { Api, Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import type { Box } from "../../support/binary.ts";
import { FAKES, makeBox } from "../../support/binary.ts";

/** Less than between two sweeps, and so is the time that the daemon stands still: nothing else tells it that it did. */
const LIMIT_MS = 3000;
const STILL_MS = 4000;
const fake = (name: string): string[] => [process.execPath, join(FAKES, `${name}.ts`)];
/** The command does as the scripts of the others: it says when it works, and goes on when it may. */
const PLAIN =
  'read -r mark gate; touch "$mark"; while [ -n "$gate" ] && [ ! -e "$gate" ]; do sleep 0.02; done; echo done';
/** How the end of a turn looks in what the program writes; a plain command ends itself. */
const ENDS: Readonly<Record<string, string>> = {
  "claude-code": '"type":"result"',
  codex: '"turn/completed"',
  acp: '"stopReason"',
};

let box: Box;
afterEach(() => box.close());

async function working(limits: Record<string, number>) {
  box = await makeBox({
    limits,
    providers: {
      "claude-code": { command: fake("claude") },
      codex: { command: fake("codex") },
      acp: { kind: "acp", command: fake("acp") },
      sh: { kind: "command", command: ["/bin/sh", "-c", PLAIN] },
    },
  });
  const api = await box.start();
  const readyAt = performance.now();
  await api.post("/projects", { name: "p", cwd: box.cwd });
  const agents = new Map<string, { readonly path: string; readonly id: string }>();
  for (const provider of [...Object.keys(ENDS), "sh"]) {
    const { agent } = await api.post("/projects/p/agents", { provider });
    const id = String(agent?.["id"]);
    const path = `/projects/p/agents/${id}`;
    // What starts takes its time, and a turn's begins with it: an input to one that is ready begins at once.
    if (provider !== "sh") {
      await api.post(`${path}/resume`);
      await eventually(`${provider} to be ready`, async () => {
        const now = (await api.get(path))["agent"] as Json;
        return String(now["status"]) === "idle" && String(now["process"]) === "running";
      });
    }
    agents.set(provider, { path, id });
  }
  /** A turn of each begins; gives the file that lets them go on. */
  const begin = async (round: number): Promise<string> => {
    const gate = join(box.dir, `gate-${round}`);
    const mark = (provider: string): string => join(box.dir, `${provider}.${round}`);
    await Promise.all(
      [...agents].map(async ([provider, { path }]) => {
        const steps = [{ mark: mark(provider) }, { gate }, { say: "done" }];
        const text = provider === "sh" ? `${mark(provider)} ${gate}` : `SCRIPT ${JSON.stringify(steps)}`;
        await api.post(`${path}/input`, { text });
      }),
    );
    for (const provider of agents.keys()) await eventually(`${provider} to work`, () => existsSync(mark(provider)));
    return gate;
  };
  return { api, agents, begin, readyAt };
}

/** While the daemon stands still, all turns end. */
async function endUnseen(agents: ReadonlyMap<string, { readonly id: string }>, gate: string, round = 0): Promise<void> {
  mkdirSync(gate);
  for (const [provider, { id }] of agents) {
    const run = join(box.stateDir, "agents", id, "run", provider === "sh" ? String(round + 1) : "1");
    await eventually(`the end of ${provider}'s turn`, () =>
      provider === "sh"
        ? /^\d+\n/.test(readFileSync(join(run, "exit"), "utf8"))
        : readFileSync(join(run, "out.jsonl"), "utf8").split(ENDS[provider] ?? "?").length > round + 1,
    );
  }
}

const ended = (api: Api, path: string): Promise<Json> =>
  eventually(`the end of ${path}'s turn`, async () => {
    const { turn } = (await api.get(path))["agent"] as Json;
    return turn?.["outcome"] ? turn : null;
  });

test("a turn that ended in its time while the daemon stood still for longer than its limit is completed", async () => {
  const { api, agents, begin, readyAt } = await working({ turnTimeoutMs: LIMIT_MS });
  let stoppedAt = 0;
  for (let round = 0; ; round++) {
    // Right after a sweep.
    await Bun.sleep(SWEEP_MS - ((performance.now() - readyAt) % SWEEP_MS) + 100);
    const begunAt = performance.now();
    const gate = await begin(round);
    process.kill(box.pid(), "SIGSTOP");
    stoppedAt = performance.now();
    await endUnseen(agents, gate, round);
    if (stoppedAt - begunAt < LIMIT_MS / 2) break;
    // The box is too busy to begin them in time: once more.
    expect(round).toBeLessThan(5);
    process.kill(box.pid(), "SIGCONT");
    for (const { path } of agents.values()) await ended(api, path);
  }
  // That it stands still for so long is what is tried.
  await Bun.sleep(Math.max(0, STILL_MS - (performance.now() - stoppedAt)));
  process.kill(box.pid(), "SIGCONT");
  for (const [provider, { path }] of agents) {
    const turn = await ended(api, path);
    expect([provider, String(turn["outcome"]), turn["error"] ?? null]).toEqual([provider, "completed", null] as never);
  }
}, 90_000);

test.each([
  ["an abort", "/abort", undefined],
  ["a stop", "/stop", undefined],
  ["an input that interrupts", "/input", { text: "next", mode: "interrupt" }],
])(
  "an end that is older than %s is not its answer: the turn is completed, and the next one is not hit",
  async (_name, route, body) => {
    const { api, agents, begin } = await working({});
    const gate = await begin(0);
    process.kill(box.pid(), "SIGSTOP");
    await endUnseen(agents, gate);
    const asked = [...agents].map(async ([provider, { path }]) => {
      const { status } = await api.call("POST", `${path}${route}`, body);
      return [provider, status < 300 ? "done" : status];
    });
    await Bun.sleep(200); // on their way into the daemon's sockets
    process.kill(box.pid(), "SIGCONT");
    expect(await Promise.all(asked)).toEqual([...agents.keys()].map((provider) => [provider, "done"]));
    for (const [provider, { path, id }] of agents) {
      // An ACP turn is over a moment behind its answer, when no late words of it have come.
      const outcome = await eventually(`the end of ${provider}'s first turn`, async () => {
        const turns = [...((await api.get(`${path}/turns?limit=10`))["turns"] as Json)];
        return turns.find((turn) => String(turn["id"]) === `${id}-1`)?.["outcome"] ?? null;
      });
      expect([provider, String(outcome)]).toEqual([provider, "completed"]);
      if (body === undefined) await api.post(`${path}/input`, { text: "next" });
    }
    for (const [provider, { path, id }] of agents) {
      const last = await eventually(`${provider}'s next turn`, async () => {
        const { turn } = (await api.get(path))["agent"] as Json;
        return String(turn?.["id"]) === `${id}-2` && turn?.["outcome"] ? turn : null;
      });
      expect([provider, String(last["outcome"])]).toEqual([provider, "completed"]);
    }
  },
  90_000,
);
