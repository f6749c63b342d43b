/**
 * Tells of agents that were at work on a box that is lost. Any box that lives and has a webhook may be the one that
 * tells; the database says who does, and that it was done. A notice is committed into this box's outbox before that is
 * noted, under an id that is made of the loss itself: whoever dies in between leaves a notice that is sent once more
 * under the same id, and none that is never sent. What comes back tells of its agents itself.
 */
import type { ApiDeps } from "../api/deps.ts";
import { isObject } from "../lib/check.ts";
import type { Timer } from "../lib/clock.ts";
import { sha256 } from "../lib/digest.ts";
import { given } from "../lib/given.ts";
import type { Logger } from "../lib/log.ts";
import { findDelivery, insertDelivery } from "../store/deliveries.ts";
import { STATUSES, isBusy } from "../words/agent.ts";
import { webhookBody } from "../webhook/payload.ts";
import type { Ask, Database, Rows } from "./database.ts";
import { DatabaseAway } from "./database.ts";
import type { Member } from "./member.ts";
import { REACH } from "./reach.ts";
import { textArray } from "./registry.ts";
import { jsonOf, numberOf, textOf, textOrNull, timeOf } from "./values.ts";

export interface LossDeps {
  readonly api: ApiDeps;
  readonly database: Database;
  readonly schema: string;
  readonly member: () => Member | null;
  readonly log: Logger;
}

/** When a box was heard of last is the name of its loss: it may be lost again, and that is another one. */
const LOSS = "to_char(extract(epoch FROM h.seen_at) * 1000000, 'FM999999999999999999')";

const UNTOLD = `
  SELECT n.node_no, n.name, n.uuid, h.seen_at, ${LOSS} AS loss
  FROM ~nodes n JOIN ~heartbeats h USING (node_no) CROSS JOIN ~meta m
  WHERE n.deleted_at IS NULL AND h.seen_at < clock_timestamp() - m.lost_ms * interval '1 ms'
    AND n.told_lost IS DISTINCT FROM ${LOSS} AND ($1::int IS NULL OR n.node_no = $1) AND ${REACH} = 'lost'
  ORDER BY n.node_no`;

const AT_WORK = `
  SELECT id, project, name, provider, status, doc FROM ~agents
  WHERE node_no = $1 AND NOT deleted AND status = ANY ($2::text[]) ORDER BY id`;

const BUSY = textArray(STATUSES.filter(isBusy));

export function watchLosses(deps: LossDeps): { begin(): void; stop(): void } {
  const { api, database, log } = deps;
  const { url, events } = api.config.webhook;
  let timer: Timer | null = null;
  let stopped = url === undefined || !events.includes("agent_unreachable"); // others have somebody to tell

  const look = async (member: Member): Promise<void> => {
    for (const row of await database.ask(UNTOLD, null)) {
      if (numberOf(row, "node_no") === member.no) continue;
      const told = await database.transact((ask) => tell(ask, numberOf(row, "node_no")));
      if (told === null) continue;
      api.wakeWebhooks();
      log.warn("a box of the fleet is lost", { node: textOf(row, "name"), seenAt: timeOf(row, "seen_at"), told });
    }
  };

  /** How many agents it was told of; null: another box tells, or has told. */
  const tell = async (ask: Ask, node: number): Promise<number | null> => {
    const lock = await ask(
      "SELECT pg_try_advisory_xact_lock(hashtext('agent-harness loss ' || $1), $2::int) AS mine",
      deps.schema,
      node,
    );
    if (lock[0]?.["mine"] !== true) return null;
    const [lost] = await ask(UNTOLD, node);
    if (lost === undefined) return null;
    const agents = await ask(AT_WORK, node, BUSY);
    api.store.transact(() => agents.forEach((agent) => notice(lost, agent)));
    await ask("SELECT ~tell_loss($1, $2)", node, textOf(lost, "loss"));
    return agents.length;
  };

  const notice = (lost: Rows[number], agent: Rows[number]): void => {
    const loss = `${textOf(lost, "uuid")} ${textOf(lost, "loss")} ${textOf(agent, "id")}`;
    const id = `msg_${sha256(loss).toString("hex").slice(0, 32)}`;
    if (url === undefined || findDelivery(api.store, id) !== null) return;
    const now = api.clock.now();
    const [node, seenAt] = [textOf(lost, "name"), timeOf(lost, "seen_at")];
    const { turnId, metadata } = knownOf(jsonOf(agent, "doc"));
    const body = webhookBody({
      event: "agent_unreachable",
      project: textOf(agent, "project"),
      agentId: textOf(agent, "id"),
      provider: textOf(agent, "provider"),
      status: textOf(agent, "status"),
      lastMessage: null,
      timestampMs: now,
      error: {
        code: "NODE_LOST",
        message: `node "${node}" was last heard of at ${seenAt}; its agents may go on there`,
      },
      node,
      asOf: seenAt,
      ...given({ turnId, metadata, name: textOrNull(agent, "name") ?? undefined }),
    });
    // Not this box's agent: it stands in no line here, and no agent of ours that has its id is meant.
    const whom = { project: null, agent: null, url, token: null, own: false };
    insertDelivery(api.store, { id, event: "agent_unreachable", body, ...whom }, now);
  };

  const run = async (): Promise<void> => {
    const member = deps.member();
    try {
      if (member !== null) await look(member);
    } catch (error) {
      if (!(error instanceof DatabaseAway) && !stopped) log.error("cannot tell of boxes that are lost", { error });
    }
    plan(member);
  };
  const plan = (member: Member | null): void => {
    timer?.cancel();
    if (!stopped) timer = api.clock.setTimer(member?.meta.lateMs ?? UNKNOWN_MS, () => void run());
  };
  return {
    begin: () => plan(deps.member()),
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}

const UNKNOWN_MS = 15_000;

/** Of the agent as its box showed it last. */
function knownOf(doc: unknown): { turnId: string | undefined; metadata: Record<string, string> | undefined } {
  const turn = isObject(doc) && isObject(doc["turn"]) ? doc["turn"] : {};
  const told = isObject(doc) && isObject(doc["metadata"]) ? Object.entries(doc["metadata"]) : [];
  const pairs = told.flatMap(([key, value]) => (typeof value === "string" ? [[key, value] as const] : []));
  const id = typeof turn["id"] === "string" && turn["endedAt"] === null ? turn["id"] : undefined;
  return { turnId: id, metadata: pairs.length === 0 ? undefined : Object.fromEntries(pairs) };
}
