/** Turns a notice of the reducer into a row of the outbox: whom it goes to, and the exact bytes that will be sent. */
import type { Agent } from "../store/agents.ts";
import { findAgent } from "../store/agents.ts";
import type { Store } from "../store/database.ts";
import type { Delivery, DeliveryTarget } from "../store/deliveries.ts";
import { insertDelivery } from "../store/deliveries.ts";
import { lastAssistantMessage } from "../store/messages.ts";
import { getPermission } from "../store/permissions.ts";
import type { WebhookTarget } from "../store/projects.ts";
import { getProject } from "../store/projects.ts";
import { findSnapshot } from "../store/snapshots.ts";
import { findTurn } from "../store/turns.ts";
import { findWorkspace } from "../store/workspaces.ts";
import type { AgentState, Status, TurnError } from "../words/agent.ts";
import type { AccountLimit } from "../words/limits.ts";
import type { Standing } from "../words/budget.ts";
import type { NoticeEvent } from "../words/notices.ts";
import { accountOf, namedIn } from "./limited.ts";
import type { Notice } from "./payload.ts";
import { webhookBody } from "./payload.ts";
import { given } from "../lib/given.ts";

/** No more are read from the store than a body shows. */
const TURNS_MAX = 300;

export interface OutboxConfig {
  readonly url?: string;
  readonly events?: readonly NoticeEvent[];
  /** The name of this box, where it belongs to a fleet. */
  readonly node?: string;
}

export interface NoticeRequest {
  readonly event: NoticeEvent;
  /** Those that ended. */
  readonly turns: readonly string[];
  /** The one that runs, where it is about that. */
  readonly turn?: string;
  readonly permission?: string;
  readonly error?: TurnError;
  /** Of the whole account: told once for all of its agents. */
  readonly limit?: AccountLimit;
  readonly budget?: Standing;
}

/** Inside the transaction of the step that decided the notice. False when nobody wants to be told. */
export function enqueueNotice(
  store: Store,
  config: OutboxConfig,
  agent: Agent,
  notice: NoticeRequest,
  state: AgentState,
  newId: () => string,
  now: number,
): boolean {
  if (notice.limit === undefined) return enqueueOne(store, config, agent, notice, state, newId(), now);
  const target = targetOf(store, config, agent);
  let told = false;
  for (const named of namedIn(store, notice.event, notice.limit, agent.id, target?.url ?? null)) {
    const other = named.agent === agent.id ? null : findAgent(store, named.agent);
    told = enqueueOne(store, config, other ?? agent, notice, other?.state ?? state, newId(), now) || told;
  }
  return told;
}

function enqueueOne(
  store: Store,
  config: OutboxConfig,
  agent: Agent,
  notice: NoticeRequest,
  state: AgentState,
  id: string,
  now: number,
): boolean {
  const target = targetOf(store, config, agent);
  if (target === null || (target.events !== undefined && !target.events.includes(notice.event))) return false;
  insertDelivery(
    store,
    {
      id,
      project: agent.project,
      agent: agent.id,
      event: notice.event,
      url: target.url,
      token: target.token ?? null,
      own: target.own,
      body: webhookBody({ ...payloadOf(store, agent, notice, state, now), ...given({ node: config.node }) }),
    },
    now,
  );
  return true;
}

/** The nearest webhook wins: the agent's, the project's, the config's. */
function targetOf(
  store: Store,
  config: OutboxConfig,
  agent: Agent,
): (WebhookTarget & { readonly own: boolean }) | null {
  const own = agent.settings.webhook ?? getProject(store, agent.project).webhook;
  if (own !== null) return { ...own, own: true };
  if (config.url === undefined) return null;
  return { url: config.url, own: false, ...given({ events: config.events }) };
}

/** Where a stored delivery would go if it were made now; where it was to go when there is nothing newer to know. */
export function currentTarget(
  store: Store,
  config: OutboxConfig,
  { agent: id, url, token, own }: Delivery,
): DeliveryTarget {
  const agent = id === null ? null : findAgent(store, id);
  const target = agent === null ? null : targetOf(store, config, agent);
  if (target !== null) return { url: target.url, token: target.token ?? null, own: target.own };
  return !own && config.url !== undefined ? { url: config.url, token: null, own } : { url, token, own };
}

/** The token of a project's or agent's own webhook: the one it has now, should it have been changed since. */
export function ownToken(store: Store, config: OutboxConfig, delivery: Delivery): string | null {
  const now = currentTarget(store, config, delivery);
  return now.own && now.url === delivery.url ? now.token : delivery.token;
}

/** What was said last in the turns that are told; what was said in others would be taken for it. */
function lastWords(store: Store, agent: string, turns: readonly string[]): string | null {
  for (const turn of turns.toReversed()) {
    const message = lastAssistantMessage(store, agent, turn);
    if (message !== null) return message.text;
  }
  return null;
}

function payloadOf(store: Store, agent: Agent, notice: NoticeRequest, state: AgentState, now: number): Notice {
  const turns = notice.turns.slice(-TURNS_MAX).flatMap((id) => {
    const turn = findTurn(store, agent.id, id);
    if (turn === null || turn.endedAt === null || turn.outcome === null) return [];
    return [
      {
        id,
        outcome: turn.outcome,
        startedAt: new Date(turn.startedAt).toISOString(),
        endedAt: new Date(turn.endedAt).toISOString(),
      },
    ];
  });
  const permission = notice.permission === undefined ? null : getPermission(store, agent.id, notice.permission);
  const ended = notice.turns.at(-1);
  const last = ended === undefined ? null : findTurn(store, agent.id, ended);
  const verify = last?.verify ?? null;
  const changes = ended === undefined ? null : changesOf(store, agent.id, ended);
  const pending = ended !== undefined && state.saving?.turn === ended;
  const running = notice.turn ?? (notice.permission === undefined ? undefined : state.turn?.id);
  const turnId = running ?? turns.at(-1)?.id;
  const { metadata } = agent.settings;
  const aboutAccount = notice.event === "agent_limited" || notice.event === "agent_resumed";
  return {
    event: notice.event,
    project: agent.project,
    agentId: agent.id,
    provider: agent.provider,
    status: statusIn(notice, state),
    lastMessage: aboutAccount ? null : lastWords(store, agent.id, running === undefined ? notice.turns : [running]),
    timestampMs: now,
    ...(notice.error === undefined ? {} : { error: { code: notice.error.code, message: notice.error.message } }),
    ...given({ budget: notice.budget, turnId }),
    ...(turns.length === 0 ? {} : { turns }),
    ...(agent.name === null ? {} : { name: agent.name }),
    ...(permission === null
      ? {}
      : {
          permission: {
            id: permission.id,
            kind: permission.kind,
            tool: permission.tool,
            title: permission.title,
            options: permission.options,
          },
        }),
    ...(verify === null ? {} : { verify }),
    ...(last === null || last.result === undefined ? {} : { result: last.result }),
    ...(changes !== null ? { changes } : pending ? { changes, pending } : {}),
    ...(notice.limit === undefined ? {} : { account: accountOf(store, notice.limit) }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
}

/** What was kept at the end of the turn; null: nothing was, or nothing is. */
function changesOf(store: Store, agent: string, turn: string): NonNullable<Notice["changes"]> | null {
  const snapshot = findSnapshot(store, agent, turn.slice(turn.lastIndexOf("-") + 1));
  if (snapshot === null) return null;
  const { files, insertions, deletions, commits } = snapshot;
  const branch = findWorkspace(store, agent)?.branch?.replace(/^refs\/heads\//, "") ?? null;
  return { files, insertions, deletions, branch, commits };
}

/** A notice is put together before its status is stored. */
function statusIn({ event, permission }: NoticeRequest, { status }: AgentState): Status {
  if (event === "agent_limited") return "limited";
  return permission === undefined ? status : "waiting_input";
}
