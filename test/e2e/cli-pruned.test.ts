/** Events that are no longer kept: who asks for them is told once, and gets what there is. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import type { Cli } from "../support/cli.ts";
import { cliOf } from "../support/cli.ts";

setDefaultTimeout(60_000);

const DAY_MS = 86_400_000;
let box: Box;
let cli: Cli;
/** The oldest that is kept. */
let oldest = 0;

beforeAll(async () => {
  box = await makeBox({
    providers: {
      "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
      codex: { enabled: false },
      opencode: { enabled: false },
      pi: { enabled: false },
    },
    retention: { eventsDays: 1 },
  });
  await box.start();
  cli = cliOf(box);
  await cli("projects", "add", "shop", box.cwd, "--provider", "claude-code");
  await cli("run", "--project", "shop", "--name", "talker", "one");
  const { events } = await pages();
  const last = Number(events.at(-1)?.["id"]);
  await box.kill("SIGTERM");
  const store = new Database(join(box.stateDir, "harness.db"));
  store.run("UPDATE events SET at = ? WHERE id < ?", [Date.now() - 2 * DAY_MS, last]);
  store.close();
  await box.start();
  await eventually("the old ones to be gone", async () => (await pages()).oldest === last);
  oldest = last;
  await cli("send", "shop/talker", "two", "--wait");
});
afterAll(() => box.close());

async function pages(): Promise<{ oldest: number; events: Record<string, unknown>[] }> {
  const answer = await box.api().call("GET", "/events?after=0&limit=500", undefined, { accept: "application/json" });
  return answer.body as never;
}
const ids = (out: string): number[] =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => Number(line.split("\t")[0]));
const warning = (): string => `agent-harness: events before #${oldest} are no longer kept; going on from there\n`;

test("--since an event that was pruned: a warning on stderr, and everything from the oldest on", async () => {
  const said = await cli("events", "--since", "1");
  expect({ code: said.code, err: said.err }).toEqual({ code: 0, err: warning() });
  const all = (await pages()).events.map(({ id }) => Number(id));
  expect(ids(said.out)).toEqual(all);
  expect(all[0]).toBe(oldest);
});

test("--since the last one that is gone, or a time before all: nothing is missing, so nothing is said", async () => {
  for (const since of [String(oldest - 1), "3d"]) {
    const said = await cli("events", "--since", since);
    expect({ since, err: said.err, first: ids(said.out)[0] }).toEqual({ since, err: "", first: oldest });
  }
});

test("-f --since a pruned one: the warning once, then what is kept, then what comes", async () => {
  const child = cli.start(["events", "-f", "--since", "1", "--types", "turn_ended", "--json"]);
  let out = "";
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) out += decoder.decode(chunk, { stream: true });
  })();
  const turns = (): number => out.split("\n").length - 1;
  await eventually("the kept turn to be printed", () => turns() === 1);
  await cli("send", "shop/talker", "three", "--wait");
  await eventually("the new turn to be printed", () => turns() === 2);
  child.kill("SIGINT");
  expect(await new Response(child.stderr).text()).toBe(warning());
  const shown = out
    .trimEnd()
    .split("\n")
    .map((line) => Number(JSON.parse(line).id));
  expect(shown).toEqual(shown.toSorted((a, b) => a - b));
});
