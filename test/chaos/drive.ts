/**
 * The storm's honest clients: each agent's makes it, sends what is planned, answers what is asked, and repeats with the
 * same key whatever got no answer. It notes what it was promised; what it should never be answered is noted, too.
 */
import { runningMs } from "../fakes/journal.ts";
import type { Answer, Api, Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Random } from "../support/random.ts";
import type { Act, Sent } from "./evidence.ts";
import type { PlannedAgent, PlannedInput } from "./plan.ts";

const REST = "idle,error,exited,waiting_input";
const STUBBORN_MS = 90_000;

export interface Promises {
  readonly sent: Sent[];
  readonly acts: Act[];
  readonly badAnswers: string[];
}

export interface Drive {
  /** Of the agents made so far. */
  readonly ids: Map<string, PlannedAgent>;
  readonly promises: Promises;
  /** No new input; what runs ends by itself. */
  stop(): void;
  readonly done: Promise<void>;
}

export function driveAgents(api: Api, agents: readonly PlannedAgent[], random: Random): Drive {
  const promises: Promises = { sent: [], acts: [], badAnswers: [] };
  const ids = new Map<string, PlannedAgent>();
  let stopped = false;
  const ask = (method: string, path: string, body?: unknown, key?: string) =>
    persistently(api, promises, method, path, body, key);

  const one = async (agent: PlannedAgent): Promise<void> => {
    const made = await ask("POST", "/projects/p/agents", { provider: agent.provider }, `make-${agent.label}`);
    if (made?.status !== 201) throw new Error(`${agent.label} cannot be made: ${JSON.stringify(made)}`);
    const id = String(made.body["agent"]?.["id"]);
    ids.set(id, agent);
    for (const input of agent.inputs) {
      if (stopped) return;
      await send(id, input);
      if (input.act !== null) await Bun.sleep(input.act.afterMs).then(() => act(id, input));
      if (!input.atOnce) await untilRest(id);
    }
  };

  const send = async (id: string, { tag, text, mode }: PlannedInput): Promise<void> => {
    const entry: { -readonly [K in keyof Sent]: Sent[K] } = { agent: id, tag, at: runningMs(), status: null, n: null };
    promises.sent.push(entry);
    const answer = await ask("POST", `/projects/p/agents/${id}/input`, { text, mode }, `send-${tag}`);
    entry.status = answer?.status ?? null;
    if (answer?.status === 202) entry.n = Number(answer.body["input"]?.["n"]);
    const span = { from: entry.at, to: runningMs() };
    if (mode === "interrupt") promises.acts.push({ agent: id, act: "interrupt", tag, ...span });
  };

  /** Asked once: its answer may be lost, so that it counts as done either way. */
  const act = async (id: string, { tag, act: planned }: PlannedInput): Promise<void> => {
    if (planned === null) return;
    const from = runningMs();
    const path = `/projects/p/agents/${id}`;
    const n = promises.sent.find((each) => each.tag === tag)?.n;
    const answer = await (
      planned.act === "cancel"
        ? api.call("DELETE", `${path}/inputs/${n}`)
        : api.call("POST", `${path}/${planned.act}`, planned.act === "abort" ? { keepQueued: random.chance(0.3) } : {})
    ).catch(() => null);
    promises.acts.push({ agent: id, act: planned.act, tag, from, to: runningMs() });
    if (answer !== null) noteBad(promises, `${planned.act} ${tag}`, answer);
  };

  const untilRest = async (id: string): Promise<void> => {
    while (!stopped) {
      const answer = await api.call("GET", `/projects/p/agents/${id}/wait?until=${REST}&timeout=5`).catch(() => null);
      const status = String(answer?.body?.["agent"]?.["status"]);
      if (status === "waiting_input") await answerAll(api, id);
      else if (answer?.status === 200 && ["idle", "error", "exited"].includes(status)) return;
      else await Bun.sleep(100);
    }
  };

  const done = Promise.all(
    agents.map(async (agent, n) => {
      await Bun.sleep(n * 50);
      await one(agent);
    }),
  ).then(() => undefined);
  done.catch(() => undefined); // told by whoever awaits it
  return { ids, promises, stop: () => void (stopped = true), done };
}

/** Yes to all but what ends in an even letter: the same for the same question. */
export async function answerAll(api: Api, id: string): Promise<void> {
  const path = `/projects/p/agents/${id}/permissions`;
  const listed = await api.call("GET", `${path}?state=pending`).catch(() => null);
  for (const permission of (listed?.body?.["permissions"] ?? []) as Json) {
    const decision = String(permission["title"]).length % 3 === 0 ? "deny" : "allow";
    await api.call("POST", `${path}/${String(permission["id"])}`, { decision }).catch(() => null);
  }
}

/** The same request until it is answered for good; null when that never happens. */
async function persistently(
  api: Api,
  promises: Promises,
  method: string,
  path: string,
  body: unknown,
  key?: string,
): Promise<Answer | null> {
  return await eventually(
    `an answer to ${method} ${path}`,
    async () => {
      const headers = key === undefined ? {} : { "idempotency-key": key };
      const answer = await api.call(method, path, body, headers).catch(() => null);
      if (answer === null) return null;
      noteBad(promises, `${method} ${path}`, answer);
      return answer.status >= 500 || answer.status === 429 ? null : answer;
    },
    STUBBORN_MS,
  ).catch(() => null);
}

/** 503, 504 and 507 say what is the matter; a 500 is a bug whatever the storm did. */
function noteBad({ badAnswers }: Promises, what: string, { status, body }: Answer): void {
  if (status === 500) badAnswers.push(`${new Date().toISOString()} ${what}: 500 ${JSON.stringify(body).slice(0, 300)}`);
}
