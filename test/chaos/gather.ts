/** After the storm: heals the box, waits until all is quiet, and writes down what each side says. */
import { readJournals } from "../fakes/journal.ts";
import type { Json } from "../support/api.ts";
import { parseEvents } from "../support/events.ts";
import { answerAll, type Drive } from "./drive.ts";
import type { Arrival, Evidence, Harm, Resources } from "./evidence.ts";
import { processesOf } from "./processes.ts";
import type { World } from "./world.ts";

const RESTING = ["idle", "error", "exited"];
const QUIET_MS = 150_000;
/** The most that a list gives at once. */
const PAGE = 1000;
const DELETED_MS = 20_000;

/** What could not be brought to rest is left to the checks; `note` says what was still on its way. */
export async function settle(
  world: World,
  drive: Drive,
  note: (text: string) => void,
): Promise<{ readonly askedAgain: readonly string[] }> {
  const askedAgain: string[] = [];
  drive.stop();
  world.setClock?.(0);
  world.discord.script.length = 0; // answers that nobody had asked for yet
  for (const program of [world.daemon, world.receiver]) if (program.pid() === 0) await program.start();
  const deadline = performance.now() + QUIET_MS;
  const driven = await Promise.race([
    drive.done.then(
      () => "done",
      (error: unknown) => String(error),
    ),
    Bun.sleep(QUIET_MS / 2).then(() => "some clients are still waiting for an answer"),
  ]);
  if (driven !== "done") note(driven);
  let open: readonly string[] = [];
  let calm = 0;
  while (performance.now() < deadline && calm < 3) {
    open = [...(await openWork(world, askedAgain).catch((error: unknown) => [String(error)]))];
    // Quiet once is no rest: a retry or an automatic start may be on its way.
    calm = open.length === 0 ? calm + 1 : 0;
    await Bun.sleep(700);
  }
  for (const each of open) note(`not at rest: ${each}`);
  return { askedAgain };
}

async function openWork({ direct, receiverUrl, token }: World, askedAgain: string[]): Promise<readonly string[]> {
  const open: string[] = [];
  for (const agent of await allAgents(direct)) {
    const [id, status, queued] = [String(agent["id"]), String(agent["status"]), Number(agent["queuedInputs"])];
    if (status === "waiting_input") await answerAll(direct, id);
    if (RESTING.includes(status) && queued > 0) await direct.call("POST", `/projects/p/agents/${id}/inputs/release`);
    if (!RESTING.includes(status) || queued > 0) open.push(`${id} ${status}, ${queued} queued`);
  }
  const pending = [...((await direct.get("/deliveries?state=pending&limit=1000"))["deliveries"] as Json)];
  for (const delivery of pending.reverse()) {
    open.push(`delivery ${String(delivery["id"])}: ${String(delivery["lastError"])}`);
    await direct.call("POST", `/deliveries/${String(delivery["id"])}/redeliver`);
  }
  const headers = { authorization: `Bearer ${token}` };
  const listed = await fetch(`${receiverUrl}/deliveries?state=pending&limit=500`, { headers });
  for (const delivery of [...(((await listed.json()) as Json)["deliveries"] as Json)]) {
    open.push(`post ${String(delivery["id"])}`);
    // It may be sent at this very moment: then it is sent twice because we asked.
    askedAgain.push(String(delivery["id"]));
    await fetch(`${receiverUrl}/deliveries/${String(delivery["id"])}/redeliver`, { method: "POST", headers });
  }
  // Neither waiting nor told: a send that is under way comes to an end by itself.
  const going = await fetch(`${receiverUrl}/deliveries?state=sending&limit=500`, { headers });
  for (const delivery of [...(((await going.json()) as Json)["deliveries"] as Json)])
    open.push(`post ${String(delivery["id"])} under way`);
  return open;
}

export interface Noted {
  readonly harms: readonly Harm[];
  readonly strikes: readonly string[];
  readonly askedAgain: readonly string[];
  readonly baseline: readonly Resources[];
  measure(before: readonly Resources[]): Promise<readonly Resources[]>;
}

/** Reads everything, then deletes every agent and looks what is left. */
export async function gather(world: World, drive: Drive, noted: Noted): Promise<Evidence> {
  const { direct } = world;
  const { agents, events } = await oneMoment(direct);
  const byAgent = async <T>(read: (id: string) => Promise<T>): Promise<Record<string, T>> => {
    const found: Record<string, T> = {};
    for (const agent of agents) found[String(agent["id"])] = await read(String(agent["id"]));
    return found;
  };
  const shown = {
    agents,
    inputs: await byAgent((id) =>
      pages(direct, `/projects/p/agents/${id}/inputs`, "inputs", "after", (_, last) => last?.["n"]),
    ),
    messages: await byAgent((id) =>
      pages(direct, `/projects/p/agents/${id}/messages`, "messages", "after", (_, last) => last?.["id"], "0"),
    ),
    events: await byAgent(async (id) => events.filter((event) => String(event["agent"]) === id)),
    deliveries: await pages(direct, "/deliveries", "deliveries", "before", (page) => page["next"]),
  };
  const receiver = { ...(await receiverSide(world)), askedAgain: noted.askedAgain };
  const arrivals: readonly Arrival[] = world.door.arrivals.map((each) => ({ ...each }));
  const badAnswers = [...drive.promises.badAnswers, ...world.daemon.deaths, ...world.receiver.deaths];
  for (const agent of agents) {
    const path = `/projects/p/agents/${String(agent["id"])}`;
    const answer = await direct.call("DELETE", path).catch((error: unknown) => ({ status: String(error) }));
    if (answer.status !== 204) badAnswers.push(`DELETE ${path}: ${JSON.stringify(answer)}`);
  }
  return {
    agents: agents.map((agent) => ({ id: String(agent["id"]), provider: String(agent["provider"]) })),
    harms: noted.harms,
    sent: drive.promises.sent,
    acts: drive.promises.acts,
    journals: readJournals(world.journalDir),
    shown,
    arrivals,
    receiver,
    badAnswers,
    left: await leftOf(world),
    resources: await noted.measure(noted.baseline),
    strikes: noted.strikes,
  };
}

/** The list and the log of one moment: where an agent still moved while they were read, they are read again. */
async function oneMoment(api: World["direct"]): Promise<{ readonly agents: Json[]; readonly events: readonly Json[] }> {
  for (let tries = 1; ; tries += 1) {
    const agents = [...(await allAgents(api))];
    const events = await allEvents(api.url);
    if (JSON.stringify(agents) === JSON.stringify(await allAgents(api)) || tries === 5) return { agents, events };
  }
}

async function allAgents(api: World["direct"]): Promise<readonly Json[]> {
  return [...((await api.get("/agents?limit=1000"))["agents"] as Json)];
}

/** All of a list. `next`: what `by` is for the page behind one, from that page and its last entry. */
async function pages(
  api: World["direct"],
  path: string,
  key: string,
  by: "after" | "before",
  next: (page: Json, last: Json | undefined) => unknown,
  first?: string,
): Promise<readonly Json[]> {
  const all: Json[] = [];
  for (let at: unknown = first; ;) {
    const page = await api.get(`${path}?limit=${PAGE}${at === undefined ? "" : `&${by}=${String(at)}`}`);
    const found = [...(page[key] as Json)];
    all.push(...found);
    at = next(page, found.at(-1));
    if (found.length < PAGE || at === null || at === undefined) return all;
  }
}

/** The whole log by replay: its end is a pause that no loaded machine makes. */
async function allEvents(url: string): Promise<readonly Json[]> {
  const stop = new AbortController();
  const response = await fetch(`${url}/api/v1/events?since=0`, { signal: stop.signal });
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const chunk = await Promise.race([reader.read(), Bun.sleep(3000).then(() => null)]);
    if (chunk === null || chunk.done) break;
    text += decoder.decode(chunk.value, { stream: true });
  }
  stop.abort();
  await reader.cancel().catch(() => undefined);
  return parseEvents(text);
}

async function receiverSide({ receiverUrl, token, discord }: World): Promise<Omit<Evidence["receiver"], "askedAgain">> {
  const deliveries: Json[] = [];
  for (let before = ""; ;) {
    const headers = { authorization: `Bearer ${token}` };
    const page = (await (await fetch(`${receiverUrl}/deliveries?limit=500${before}`, { headers })).json()) as Json;
    deliveries.push(...(page["deliveries"] as Json));
    if ((page["before"] as unknown) === null) break;
    before = `&before=${String(page["before"])}`;
  }
  const answered = discord.posts.filter((post) => post.answered);
  const posts = answered.map(({ payload, content }) => {
    const text = payload.embeds?.[0]?.footer?.text ?? content;
    return /delivery ([0-9a-f]{10})/.exec(text)?.[1] ?? "";
  });
  return { deliveries, posts };
}

async function leftOf({ dir, daemon, receiver }: World): Promise<readonly string[]> {
  const ours = new Set([process.pid, daemon.pid(), receiver.pid()]);
  for (const end = performance.now() + DELETED_MS; ; await Bun.sleep(200)) {
    const left = processesOf(dir, ours);
    if (left.length === 0 || performance.now() > end)
      return left.map(({ pid, agent, role, words }) => `${pid} ${role} of ${agent}: ${words}`);
  }
}
