/** How stored things look in the API. Secrets never get in: environment values and webhook tokens stay behind. */
import { sha256 } from "../lib/digest.ts";
import type { Limited, Parking } from "../words/limits.ts";
import type { Agent } from "../store/agents.ts";
import type { Attachment } from "../store/attachments.ts";
import type { Input } from "../store/inputs.ts";
import type { Permission } from "../store/permissions.ts";
import type { Project, WebhookTarget } from "../store/projects.ts";
import type { Activity, CauseFrame } from "../words/agent.ts";
import type { TurnRecord } from "../store/turns.ts";
import type { AgentState, EndedTurn, Turn } from "../words/agent.ts";
import { given } from "../lib/given.ts";

export const iso = (ms: number): string => new Date(ms).toISOString();

export const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));

function webhookView(webhook: WebhookTarget | null): unknown {
  if (webhook === null) return null;
  const { url, token, events } = webhook;
  return { url: withoutCredentials(url), hasToken: token !== undefined, ...given({ events }) };
}

/** A webhook URL may carry a secret in its user part or its query: both are cut. */
export function withoutCredentials(url: string): string {
  const parsed = new URL(url);
  const masked = parsed.search !== "" || parsed.username !== "" || parsed.password !== "";
  return `${parsed.origin}${parsed.pathname}${masked ? "?…" : ""}`;
}

export function projectView(project: Project, trusted: boolean): unknown {
  return {
    name: project.name,
    cwd: project.cwd,
    trusted,
    webhook: webhookView(project.webhook),
    defaults: project.defaults,
    budgetPerDay: project.budgetPerDay,
    createdAt: iso(project.createdAt),
  };
}

export function turnView(turn: Turn | EndedTurn | null): unknown {
  if (turn === null) return null;
  const ended = "endedAt" in turn;
  return {
    id: turn.id,
    origin: turn.origin,
    startedAt: iso(turn.startedAt),
    endedAt: ended ? iso(turn.endedAt) : null,
    outcome: ended ? turn.outcome : null,
    ...(ended && turn.error !== undefined ? { error: turn.error } : {}),
    ...(turn.verify ? { verify: turn.verify } : {}),
    ...("closing" in turn && turn.closing !== null ? { closing: turn.closing.steps[0] ?? null } : {}),
    ...parkedView(turn.parked),
  };
}

function parkedView(parked: readonly Parking[] = []): { readonly parked?: readonly unknown[] } {
  if (parked.length === 0) return {};
  return { parked: parked.map(({ from, to }) => ({ from: iso(from), to: isoOrNull(to) })) };
}

function limitView({ stage: _, stageAt: __, since, resetsAt, resumesAt, ...limit }: Limited): unknown {
  return { ...limit, since: iso(since), resetsAt: isoOrNull(resetsAt), resumesAt: iso(resumesAt) };
}

/** A turn as it is stored: with its number, its input's number and what it used. */
export function turnRecordView(turn: TurnRecord): Record<string, unknown> {
  const { parked, ...rest } = turn;
  return { ...rest, startedAt: iso(turn.startedAt), endedAt: isoOrNull(turn.endedAt), ...parkedView(parked) };
}

export function activityView(activity: Activity | null | undefined): Record<string, unknown> | null {
  return activity ? { ...activity, at: iso(activity.at) } : null;
}

/** `frame`: the line of output that decided its status, where it is to be shown. */
export function agentView(agent: Agent, frame: CauseFrame | null = null): Record<string, unknown> {
  const { state, settings } = agent;
  return {
    id: agent.id,
    project: agent.project,
    name: agent.name,
    provider: agent.provider,
    status: state.status,
    cause: { ...state.cause, at: iso(state.cause.at), ...(frame === null ? {} : { frame }) },
    process: state.process,
    turn: turnView(state.turn ?? state.lastTurn),
    activity: activityView(agent.activity),
    queuedInputs: queuedInputs(state),
    held: state.held,
    pendingPermissions: state.open.filter((each) => !each.answered).length,
    backgroundTasks: state.background,
    usage: state.usage,
    ...given({ resources: agent.resources }),
    retrying: state.retrying,
    ...(state.limited === null ? {} : { limit: limitView(state.limited) }),
    ...(state.startError === null ? {} : { error: state.startError }),
    model: settings.model,
    permissions: settings.permissions,
    systemPrompt: settings.systemPrompt,
    env: Object.keys(settings.env).sort(),
    webhook: webhookView(settings.webhook),
    metadata: settings.metadata,
    ...given({ limits: settings.limits, verify: settings.verify, result: settings.result, onLimit: settings.onLimit }),
    workspace: settings.workspace?.kind ?? "shared",
    ...(settings.snapshots === true ? { snapshots: true } : {}),
    ...given({ budget: settings.budget }),
    ...(state.overspent === null ? {} : { overspent: { ...state.overspent, until: isoOrNull(state.overspent.until) } }),
    session: state.session,
    createdAt: iso(agent.createdAt),
    updatedAt: iso(agent.updatedAt),
  };
}

/** Waiting ones; the one that is worked on is not among them. */
function queuedInputs(state: AgentState): number {
  return state.queue.length;
}

export function inputView(input: Input, attachments: readonly Attachment[]): unknown {
  return {
    n: input.n,
    text: input.text,
    raw: input.raw,
    mode: input.mode,
    origin: input.origin,
    state: input.state,
    turnId: input.turn,
    ...(attachments.length === 0
      ? {}
      : { attachments: attachments.map(({ name, mediaType, bytes }) => ({ name, mediaType, bytes })) }),
    createdAt: iso(input.createdAt),
    endedAt: isoOrNull(input.endedAt),
  };
}

/** What a person who says yes has seen: changes when anything of the request does. */
export function permissionHash({ agent, id, kind, tool, title, detail, options, subagent }: Permission): string {
  return sha256(JSON.stringify([agent, id, kind, tool, title, detail, options, subagent])).toString("hex");
}

export function permissionView(permission: Permission): Record<string, unknown> {
  const { id, kind, tool, title, detail, options, state, answer, settledBy, subagent, turn } = permission;
  return {
    id,
    kind,
    tool,
    title,
    detail,
    options,
    hash: permissionHash(permission),
    state,
    turnId: turn,
    createdAt: iso(permission.createdAt),
    settledAt: isoOrNull(permission.settledAt),
    ...(answer === null ? {} : { answer }),
    ...(settledBy === null ? {} : { settledBy }),
    ...(subagent === null ? {} : { subagent }),
  };
}
