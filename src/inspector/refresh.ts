/** Reads the lists, whole at the start and after each loss, and single agents when an event made them stale. */
import type { Client } from "./client.ts";
import { agentPath } from "./client.ts";
import type { Stale } from "./events.ts";
import { fields, isTrue, list, number, numberOrNull, text, textOrNull } from "./read.ts";
import type { Agent, Permission } from "./shapes.ts";
import { readAgent, readAll, readPermission, readProject, readProvider, readUsage } from "./shapes.ts";
import type { Store } from "./store.ts";
import type { StreamEvent } from "./stream.ts";
import { permissionKey } from "./place.ts";

export interface Refresh {
  /** Everything; resolves with the cursor that the lists stand at. Throws ApiError. */
  all(): Promise<number>;
  /** `event` says so: no answer from before it is taken. */
  stale(what: Stale, event?: StreamEvent): void;
  /** Was the event's agent read behind it? An answer may come before the event of which it knows already. */
  knows(event: StreamEvent): boolean;
  totals(): Promise<void>;
}

const PAGE = 1000;
const PAUSE_MS = 250;
/** So many stale agents are fetched one by one; more of them come as a list. */
const SINGLE = 3;

export function createRefresh(store: Store, client: Client): Refresh {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let totalsTimer: ReturnType<typeof setTimeout> | undefined;
  let running = false;
  const staleAgents = new Set<string>();
  /** The newest event that was applied to each agent: an answer from before it is not taken. */
  const lastEvents = new Map<string, number>();
  /** Up to which event the view of each agent says what happened. */
  const views = new Map<string, number>();
  const stale = { projects: false, permissions: false };

  const show = (agent: Agent, cursor: number | null): void => {
    store.agents.set(agent.id, agent);
    if (cursor !== null) views.set(agent.id, cursor);
  };

  const agents = async (): Promise<number> => {
    let cursor: number | null = null;
    const found = [];
    for (let after = ""; ;) {
      const { body, cursor: at } = await client.get(`/agents?limit=${PAGE}${after}`);
      cursor ??= at; // of the first page: what happened since is told again by the stream
      found.push(...readAll(body["agents"], readAgent));
      const next = textOrNull(body["next"]);
      if (next === null) break;
      after = `&after=${next}`;
    }
    const before = new Map(store.agents);
    store.agents.clear();
    for (const agent of found) {
      const known = before.get(agent.id);
      if (known !== undefined && isOlder(agent.id, cursor)) store.agents.set(agent.id, known);
      else show(agent, cursor);
    }
    store.mark("agents");
    return cursor ?? 0;
  };

  const isOlder = (id: string, cursor: number | null): boolean => cursor !== null && cursor < (lastEvents.get(id) ?? 0);

  const permissions = async (): Promise<number> => {
    const { body, cursor } = await client.get(`/permissions?state=pending&limit=${PAGE}`);
    const open = new Map<string, Permission>();
    for (const each of readAll(body["permissions"], (value) => readPermission(value)))
      open.set(permissionKey(each.agent, each.id), each);
    // A card may still show how one was settled: that stays, until its card lets go. Those of other boxes come
    // otherwise.
    for (const [key, each] of store.permissions)
      if ((each.state !== "pending" || each.node !== null) && !open.has(key)) open.set(key, each);
    store.permissions.clear();
    for (const [key, each] of open) store.permissions.set(key, each);
    store.mark("permissions");
    return cursor ?? Number.MAX_SAFE_INTEGER;
  };

  const projects = async (): Promise<void> => {
    const { body } = await client.get("/projects");
    store.projects.clear();
    for (const project of readAll(body["projects"], readProject)) store.projects.set(project.name, project);
    store.mark("projects");
  };

  const totals = async (): Promise<void> => {
    const { body } = await client.get("/status");
    const today = fields(fields(body["usage"])["today"]);
    const usage = readUsage(today);
    const version = text(body["version"]);
    if (store.totals !== null && store.totals.version !== version) store.updatedTo = version;
    store.totals = {
      version: store.totals?.version ?? version,
      uptimeSeconds: number(body["uptime"]),
      deadDeliveries: number(fields(body["deliveries"])["dead"]),
      fleet: isTrue(body["fleet"]),
      today:
        usage.input === null && usage.costUsd === null
          ? null
          : {
              tokens: (usage.input ?? 0) + (usage.output ?? 0),
              costUsd: usage.costUsd,
              turns: numberOrNull(today["turns"]) ?? 0,
            },
    };
    store.providers.clear();
    for (const provider of readAll(body["providers"], readProvider)) store.providers.set(provider.name, provider);
    store.mark("totals");
    store.mark("providers");
  };

  const hours = async (): Promise<void> => {
    const { body } = await client.get("/activity?minutes=60");
    store.hours.clear();
    for (const [id, counts] of Object.entries(fields(body["agents"]))) store.hours.set(id, list(counts).map(number));
    store.mark("agents");
  };

  const one = async (id: string): Promise<void> => {
    const known = store.agents.get(id);
    if (known === undefined) return void (await agents());
    const { body, cursor } = await client.get(agentPath(known));
    const agent = readAgent(body["agent"]);
    if (agent === null || !store.agents.has(id) || isOlder(id, cursor)) return;
    show(agent, cursor);
    store.mark("agents");
  };

  const work = async (): Promise<void> => {
    const ids = [...staleAgents];
    staleAgents.clear();
    const jobs: Promise<unknown>[] = [];
    if (ids.length > SINGLE || ids.some((id) => !store.agents.has(id))) jobs.push(agents());
    else jobs.push(...ids.map(one));
    if (stale.projects) jobs.push(projects());
    stale.projects = false;
    await Promise.all(jobs);
  };

  /** Never two at once: an older answer must not come in behind a newer one. */
  const soon = (): void => {
    if (running || timer !== undefined) return;
    timer = setTimeout(async () => {
      timer = undefined;
      running = true;
      // What fails here shows as a lost connection on the stream, which reads everything again.
      await work().catch(() => undefined);
      running = false;
      if (staleAgents.size > 0 || stale.projects) soon();
    }, PAUSE_MS);
  };

  const askPermissions = async (): Promise<void> => {
    if (stale.permissions) return;
    stale.permissions = true;
    await Promise.resolve();
    stale.permissions = false;
    await permissions().catch(() => undefined);
  };

  return {
    async all() {
      lastEvents.clear(); // after a loss the lists win over everything remembered
      const [a, b] = await Promise.all([agents(), permissions(), projects(), totals()]);
      store.loaded = true;
      void hours().catch(() => undefined);
      return Math.min(a, b);
    },
    stale(what, event) {
      if (what.permissions) void askPermissions();
      if (what.agent !== undefined) {
        staleAgents.add(what.agent);
        if (event !== undefined && event.id !== null) lastEvents.set(what.agent, event.id);
      }
      if (what.projects) stale.projects = true;
      if (what.agent !== undefined || what.projects) soon();
      if (what.totals)
        totalsTimer ??= setTimeout(() => {
          totalsTimer = undefined;
          void totals().catch(() => undefined);
          void hours().catch(() => undefined);
        }, 3000);
    },
    knows: ({ id, data }) => id !== null && id <= (views.get(textOrNull(data["agent"]) ?? "") ?? 0),
    totals,
  };
}
