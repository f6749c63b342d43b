/**
 * A daemon with something to lose: agents that work, ask and rest, so that a refused request could do harm if it were
 * taken.
 */
import { Database } from "bun:sqlite";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Api } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";

export const TOKEN = "the-right-token";

export interface World {
  readonly box: Box;
  readonly api: Api;
  readonly port: number;
  /** Puts `{cwd}`, `{roots}`, `{outside}`, `{ask}`, `{question}`, `{settled}` in. */
  fill(text: string): string;
  /** Every row of every table. */
  rows(): Record<string, unknown[]>;
  /** Resident memory of the daemon. */
  rssMiB(): number;
  close(): Promise<void>;
}

export async function makeWorld(): Promise<World> {
  const ground = mkdtempSync(join(tmpdir(), "ah-bad-requests-"));
  const [roots, outside] = [join(ground, "roots"), join(ground, "outside")] as const;
  const cwd = join(roots, "p");
  for (const each of [cwd, join(cwd, "other"), outside]) mkdirSync(each, { recursive: true });
  writeFileSync(join(cwd, "file"), "");
  symlinkSync(outside, join(cwd, "link"));
  const sink = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("ok") });
  const fake = (name: string): string[] => [process.execPath, join(FAKES, `${name}.ts`)];
  const box = await makeBox(
    {
      projects: { roots: [roots] },
      webhook: { url: `http://127.0.0.1:${sink.port}/hook`, token: "webhook-token" },
      providers: {
        "claude-code": { command: fake("claude") },
        codex: { command: fake("codex") },
        sh: { kind: "command", command: fake("command") },
        off: { kind: "command", command: ["/bin/true"], enabled: false },
        ghost: { kind: "command", command: ["no-such-program-anywhere"] },
      },
    },
    {},
    TOKEN,
  );
  const api = await box.start();
  const script = (...steps: unknown[]): string => `SCRIPT ${JSON.stringify(steps)}`;
  const start = async (name: string, task: string, more: Record<string, unknown> = {}): Promise<string> => {
    await api.post("/projects/p/agents", { provider: "claude-code", name, task, ...more });
    await api.get(`/projects/p/agents/${name}/wait?until=idle,waiting_input`);
    return String((await api.get(`/projects/p/agents/${name}/permissions`))["permissions"]?.["0"]?.["id"]);
  };

  await api.post("/projects", { name: "p", cwd });
  await api.post("/projects", { name: "empty", cwd });
  const ask = await start("busy", script({ ask: "Bash", input: { command: "ls" }, result: "" }));
  const question = await start("asking", script({ question: "Which?", options: ["Red", "Blue"] }));
  const settled = await start("done", script({ ask: "Bash", input: { command: "ls" }, result: "" }), {
    metadata: { old: "1" },
  });
  await api.post(`/projects/p/agents/done/permissions/${settled}`, { decision: "deny" });
  await api.get("/projects/p/agents/done/wait?until=idle");
  await api.call("POST", "/projects/p/agents/done/input", '{"text":"first"}', { "idempotency-key": "used" });
  await api.get("/projects/p/agents/done/wait?until=idle");
  await api.post("/projects/p/agents", { provider: "codex", name: "codex" });
  await eventually(
    "the webhooks to be delivered",
    async () => [...((await api.get("/deliveries?state=pending"))["deliveries"] ?? [])].length === 0,
  );

  return {
    box,
    api,
    port: Number(new URL(api.url).port),
    fill: (text) =>
      Object.entries({ cwd, roots, outside, ask, question, settled }).reduce(
        (all, [name, value]) => all.replaceAll(`{${name}}`, value),
        text,
      ),
    rows() {
      const db = new Database(join(box.stateDir, "harness.db"), { readonly: true });
      const tables = db
        .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .all();
      const rows = Object.fromEntries(tables.map(({ name }) => [name, db.query(`SELECT * FROM ${name}`).all()]));
      db.close();
      return { ...rows, agents: (rows["agents"] ?? []).map(withoutTime) };
    },
    rssMiB: () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${box.pid()}/status`, "utf8"))?.[1]) / 1024,
    async close() {
      await box.close();
      await sink.stop(true);
      rmSync(ground, { recursive: true, force: true });
    },
  };
}

/** How long an agent's deadlines have run is stored each minute, whatever anybody asks. */
function withoutTime(row: unknown): unknown {
  const { state, updated_at: _, ...rest } = row as { state: string; updated_at: number };
  const { elapsed: __, ...kept } = JSON.parse(state) as Record<string, unknown>;
  return { ...rest, state: kept };
}
