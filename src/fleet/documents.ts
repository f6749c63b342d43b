/**
 * What is mirrored beside the log: agents, what they wait for and what was said, read from the store as they are now
 * and never from an event. Reads only; the same views as the API's.
 */
import { agentView, permissionView } from "../api/views.ts";
import { isObject } from "../lib/check.ts";
import type { Store } from "../store/database.ts";
import { findAgent } from "../store/agents.ts";
import type { EventRecord } from "../store/events.ts";
import { findMessage } from "../store/messages.ts";
import { getPermission } from "../store/permissions.ts";
import type { Message } from "../words/said.ts";
import { safeJson, safeText } from "./values.ts";

export interface AgentDocument {
  readonly id: string;
  readonly rev: number;
  readonly project: string;
  readonly name: string | null;
  readonly provider: string;
  readonly status: string;
  readonly doc: string;
}

export interface PermissionDocument {
  readonly agent: string;
  readonly id: string;
  readonly rev: number;
  readonly state: string;
  readonly created_at: string;
  readonly doc: string;
}

export interface MessageDocument {
  readonly agent: string;
  readonly id: number;
  readonly rev: number;
  readonly doc: string;
}

/** What a batch of events has touched. */
export interface Touched {
  readonly agents: readonly AgentDocument[];
  readonly permissions: readonly PermissionDocument[];
  readonly messages: readonly MessageDocument[];
  /** Deleted: nothing of their words stays. */
  readonly gone: readonly { readonly id: string; readonly rev: number }[];
}

/** A larger one is named: whoever wants it asks the box that has it. */
const MESSAGE_BYTES = 1024 * 1024;

export function touchedBy(store: Store, events: readonly EventRecord[]): Touched {
  const agents = new Map<string, number>();
  const permissions = new Map<string, { readonly agent: string; readonly id: string; readonly rev: number }>();
  const messages = new Map<string, { readonly agent: string; readonly id: number; readonly rev: number }>();
  for (const { id: rev, agent, type, data } of events) {
    if (agent === null) continue;
    agents.set(agent, rev);
    const about = isObject(data) ? data : {};
    if (type === "permission_requested" || type === "permission_settled") {
      const id = isObject(about["permission"]) ? about["permission"]["id"] : undefined;
      if (typeof id === "string") permissions.set(`${agent} ${id}`, { agent, id, rev });
    } else if (type === "message") {
      const id = isObject(about["message"]) ? about["message"]["id"] : undefined;
      if (typeof id === "number") messages.set(`${agent} ${id}`, { agent, id, rev });
    }
  }
  const found = [...agents].map(([id, rev]) => ({ id, rev, document: agentDocument(store, id, rev) }));
  return {
    agents: found.flatMap(({ document }) => document ?? []),
    gone: found.filter(({ document }) => document === null).map(({ id, rev }) => ({ id, rev })),
    permissions: [...permissions.values()].flatMap((each) => permissionDocument(store, each) ?? []),
    messages: [...messages.values()].flatMap((each) => messageDocument(store, each) ?? []),
  };
}

export function agentDocument(store: Store, id: string, rev: number): AgentDocument | null {
  const agent = findAgent(store, id);
  if (agent === null) return null;
  const { project, name, provider, state } = agent;
  return { id, rev, project, name, provider, status: state.status, doc: safeJson(agentView(agent)) };
}

export function permissionDocument(
  store: Store,
  { agent, id, rev }: { readonly agent: string; readonly id: string; readonly rev: number },
): PermissionDocument | null {
  const permission = getPermission(store, agent, id);
  if (permission === null) return null;
  return {
    agent,
    id: safeText(id),
    rev,
    state: permission.state,
    created_at: new Date(permission.createdAt).toISOString(),
    doc: safeJson(permissionView(permission)),
  };
}

function messageDocument(
  store: Store,
  { agent, id, rev }: { readonly agent: string; readonly id: number; readonly rev: number },
): MessageDocument | null {
  const message = findMessage(store, agent, id);
  if (message === null) return null;
  return messageDocumentOf(agent, message, rev);
}

export function messageDocumentOf(agent: string, message: Message, rev: number): MessageDocument {
  const { id } = message;
  const doc = safeJson(message);
  if (doc.length <= MESSAGE_BYTES) return { agent, id, rev, doc };
  const { key, turnId, role, createdAt } = message;
  return { agent, id, rev, doc: safeJson({ id, key, turnId, role, createdAt, omitted: true }) };
}
