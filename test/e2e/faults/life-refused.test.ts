// file-timeout: 600 s
/**
 * A life whose store refuses one statement, one after the other: an agent is made, runs two turns, tells of both, and
 * is deleted. Who asks tries again what was refused; nothing is lost, nothing is done twice, and each end is told as it
 * was. Looked for in every read and write of it, for a plain command and for a program that talks. Found: the end of a
 * program that came before its beginning was stored was a lost turn; what could not be read right behind a commit made
 * it look as if nothing had been stored, and the end was told again, to the next turn.
 */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
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
const runs = join(daemon.dir, "checks");
const verify = { command: `echo >>${runs}` };
await api.post("/projects", { name: "plain", cwd: daemon.cwd });
await api.post("/projects", { name: "checked", cwd: daemon.cwd, trusted: true, defaults: { verify } });
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

async function live(project: string, provider: string): Promise<unknown> {
  writeFileSync(runs, "");
  const { agent } = await ask("POST", `/projects/${project}/agents`, { provider, task: "first" });
  const id = String(agent?.["id"]);
  const path = `/projects/${project}/agents/${id}`;
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
  return { turns, said, told, checks: readFileSync(runs, "utf8").length, agents: [...(agents as Json)].length };
}

const lived = (checks: number, prefix: string): unknown => ({
  turns: [1, 2].map(() => ["idle", "completed"]),
  said: ["user: first", `assistant: ${prefix}first`, "user: second", `assistant: ${prefix}second`],
  told: ["first", "second"].map((text) => ["agent_completed", `${prefix}${text}`]),
  checks,
  agents: 1,
});

/** `stride`: so many statements it is to the next that is refused; all of them take minutes. */
const SWEEPS: readonly (readonly [project: string, provider: string, code: Refusal, stride: number])[] = [
  ["plain", "cat", "SQLITE_FULL", 2],
  ["plain", "cat", "SQLITE_BUSY", 8],
  ["plain", "claude", "SQLITE_FULL", 8],
  ["checked", "cat", "SQLITE_FULL", 8],
];

test.each(SWEEPS)(
  "%s %s, where one statement gets %s: all as if it had got none",
  async (project, provider, code, stride) => {
    const good = lived(project === "checked" ? 2 : 0, provider === "claude" ? "echo: " : "");
    for (let passing = 0; ; passing += stride) {
      refuse(code, passing);
      const same = await live(project, provider);
      expect([passing, same]).toEqual([passing, good]);
      if (!wasRefused()) break;
    }
  },
);
