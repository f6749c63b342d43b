/**
 * A life whose store refuses one statement, one after the other: an agent is made, runs two turns, tells of both, and
 * is deleted. Who asks tries again what was refused; nothing is lost, nothing is done twice, and each end is told as it
 * was. Looked for in every read and write of it, for a plain command and for a program that talks. Found: the end of a
 * program that came before its beginning was stored was a lost turn; what could not be read right behind a commit made
 * it look as if nothing had been stored, and the end was told again, to the next turn.
 */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import { FAKES } from "../../support/binary.ts";
import { testDaemon } from "../../support/daemon.ts";
import { startHook } from "../../support/hook.ts";
import type { Refusal } from "../../support/refusals.ts";
import { hastyClock, refuse, wasRefused } from "../../support/refusals.ts";

setDefaultTimeout(240_000);

const providers = {
  cat: { kind: "command", command: ["cat"] },
  claude: { kind: "claude-code", command: [process.execPath, join(FAKES, "claude.ts")] },
};
const hook = await startHook();
const daemon = await testDaemon({ providers, webhook: { url: hook.url() } }, {}, hastyClock);
const api = daemon.api();
await api.post("/projects", { name: "p", cwd: daemon.cwd });
afterAll(async () => {
  wasRefused();
  await daemon.close();
  await hook.down();
});

/** As a careful client does it, without a key: what is refused for want of something was not done. */
async function ask(method: string, path: string, body?: unknown): Promise<Json> {
  for (;;) {
    const { status, body: answer } = await api.call(method, path, body);
    if (status < 300) return answer;
    expect([method, path, status]).toEqual([method, path, String(answer["error"]) === "DISK_FULL" ? 507 : 503]);
    await Bun.sleep(5);
  }
}

async function live(provider: string): Promise<unknown> {
  const { agent } = await ask("POST", "/projects/p/agents", { provider, task: "first" });
  const id = String(agent?.["id"]);
  const path = `/projects/p/agents/${id}`;
  const turns: unknown[] = [];
  for (const n of [1, 2]) {
    if (n === 2) await ask("POST", `${path}/input`, { text: "second" });
    turns.push(
      await eventually(`the end of turn ${n}`, async () => {
        const { agent: now } = await ask("GET", path);
        return String(now?.["turn"]?.["id"]) === `${id}-${n}` && now?.["turn"]?.["endedAt"]
          ? [now["status"], now["turn"]["outcome"]]
          : null;
      }),
    );
  }
  const { messages } = await ask("GET", `${path}/messages?after=0&limit=100`);
  const said = [...(messages as Json)].map(({ role, text }) => `${String(role)}: ${String(text)}`);
  await eventually("both notices", () => hook.of(id).length >= 2);
  const told = hook.of(id).map(({ body }) => [body["event"], body["lastMessage"]]);
  const { agents } = await ask("GET", "/agents?limit=10");
  await ask("DELETE", path);
  return { turns, said, told, agents: [...(agents as Json)].length };
}

/** How many statements it is to the next that is refused: all of them take a minute. */
const SWEEPS: readonly (readonly [provider: string, code: Refusal, stride: number])[] = [
  ["cat", "SQLITE_FULL", 1],
  ["cat", "SQLITE_BUSY", 4],
  ["claude", "SQLITE_FULL", 4],
];

test.each(SWEEPS)("%s, where one statement gets %s: all as if it had got none", async (provider, code, stride) => {
  const good = await live(provider);
  expect(good).toMatchObject({ turns: [1, 2].map(() => [expect.any(String), "completed"]), agents: 1 });
  for (let passing = 0; ; passing += stride) {
    refuse(code, passing);
    const same = await live(provider);
    expect([passing, same]).toEqual([passing, good]);
    if (!wasRefused()) break;
  }
});
