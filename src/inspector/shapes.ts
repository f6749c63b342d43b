/** What the API's answers look like, and the readers that make them out of JSON. Nothing else reads an answer. */
import { fields, isTrue, list, number, numberOrNull, strings, text, textOrNull, time } from "./read.ts";

export interface Usage {
  readonly input: number | null;
  readonly output: number | null;
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
  readonly costUsd: number | null;
}

export interface Problem {
  readonly code: string;
  readonly message: string;
}

export interface Turn {
  readonly id: string;
  readonly n: number | null;
  readonly origin: string;
  readonly input: number | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly outcome: string | null;
  readonly error: Problem | null;
  readonly usage: Usage | null;
  /** What a check said of it, for who shows it. */
  readonly verify: unknown;
  /** What it gave that fits the schema that was asked for; null = nothing, or none was asked for. */
  readonly result: { readonly value: unknown } | null;
}

export interface Activity {
  readonly kind: string;
  readonly text: string;
  readonly at: number | null;
}

export interface Cause {
  readonly source: string;
  readonly detail: string;
  readonly at: number | null;
  readonly frame: Frame | null;
}

export interface Frame {
  readonly run: number;
  readonly offset: number;
  readonly text: string;
  readonly truncated: boolean;
}

export interface Agent {
  readonly id: string;
  readonly project: string;
  readonly name: string | null;
  readonly provider: string;
  /** One of ours, or a word that a newer daemon has: shown as it is. */
  readonly status: string;
  readonly cause: Cause;
  readonly process: string;
  readonly turn: Turn | null;
  readonly queuedInputs: number;
  readonly held: boolean;
  readonly pendingPermissions: number;
  readonly backgroundTasks: number;
  readonly usage: Usage;
  readonly retrying: { readonly attempt: number; readonly reason: string; readonly status: number | null } | null;
  readonly error: Problem | null;
  readonly model: string | null;
  readonly permissions: string | null;
  readonly session: string | null;
  /** What lies in its folder is kept at each turn's end. */
  readonly keepsWork: boolean;
  /** What it waits for at its account, for who shows it. */
  readonly limit: unknown;
  readonly budgeted: boolean;
  readonly activity: Activity | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface Project {
  readonly name: string;
  readonly cwd: string;
  readonly trusted: boolean;
  readonly provider: string | null;
}

export interface Permission {
  readonly id: string;
  /** Another box of the fleet than the one that the page is about; null = that one. */
  readonly node: string | null;
  /** Nothing was heard of that box for a while. */
  readonly unreachable: boolean;
  readonly project: string;
  readonly agent: string;
  readonly agentName: string | null;
  readonly kind: string;
  readonly tool: string;
  readonly title: string;
  readonly detail: unknown;
  readonly options: readonly string[];
  /** What was shown, for the daemon to compare with what is asked; null where it does not give one. */
  readonly hash: string | null;
  readonly state: string;
  readonly createdAt: number;
  readonly settledAt: number | null;
  readonly settledBy: string | null;
  readonly decision: string | null;
  readonly turnId: string | null;
  readonly subagent: string | null;
}

export interface Provider {
  readonly name: string;
  readonly kind: string;
  readonly version: string | null;
  readonly available: boolean;
  readonly reason: string | null;
  readonly login: string | null;
}

export function readUsage(value: unknown): Usage {
  const usage = fields(value);
  const costUsd = numberOrNull(usage["costUsd"]);
  return {
    input: numberOrNull(usage["inputTokens"]),
    output: numberOrNull(usage["outputTokens"]),
    cacheRead: numberOrNull(usage["cacheReadTokens"]),
    cacheWrite: numberOrNull(usage["cacheWriteTokens"]),
    // A sum of nothing, because nobody told a price, is no cost.
    costUsd: costUsd === 0 && number(usage["unpricedTokens"]) > 0 ? null : costUsd,
  };
}

export function readProblem(value: unknown): Problem | null {
  const { code, message } = fields(value);
  return code === undefined && message === undefined ? null : { code: text(code), message: text(message) };
}

export function readTurn(value: unknown): Turn | null {
  const turn = fields(value);
  if (typeof turn["id"] !== "string") return null;
  return {
    id: turn["id"],
    n: numberOrNull(turn["n"]),
    origin: text(turn["origin"]),
    input: numberOrNull(turn["input"]),
    startedAt: time(turn["startedAt"]) ?? 0,
    endedAt: time(turn["endedAt"]),
    outcome: textOrNull(turn["outcome"]),
    error: readProblem(turn["error"]),
    usage: turn["usage"] === undefined || turn["usage"] === null ? null : readUsage(turn["usage"]),
    verify: turn["verify"],
    result: "result" in turn ? { value: turn["result"] } : null,
  };
}

export function readActivity(value: unknown): Activity | null {
  const activity = fields(value);
  if (typeof activity["text"] !== "string") return null;
  return { kind: text(activity["kind"]), text: activity["text"], at: time(activity["at"]) };
}

export function readCause(value: unknown): Cause {
  const { source, detail, at, frame } = fields(value);
  const { run, offset, text: words, truncated } = fields(frame);
  return {
    source: text(source),
    detail: text(detail),
    at: time(at),
    frame:
      typeof words === "string"
        ? { run: number(run), offset: number(offset), text: words, truncated: isTrue(truncated) }
        : null,
  };
}

export function readAgent(value: unknown): Agent | null {
  const agent = fields(value);
  if (typeof agent["id"] !== "string" || typeof agent["project"] !== "string") return null;
  const retrying = fields(agent["retrying"]);
  return {
    id: agent["id"],
    project: agent["project"],
    name: textOrNull(agent["name"]),
    provider: text(agent["provider"]),
    status: text(agent["status"]),
    cause: readCause(agent["cause"]),
    process: text(agent["process"]),
    turn: readTurn(agent["turn"]),
    queuedInputs: number(agent["queuedInputs"]),
    held: isTrue(agent["held"]),
    pendingPermissions: number(agent["pendingPermissions"]),
    backgroundTasks: number(agent["backgroundTasks"]),
    usage: readUsage(agent["usage"]),
    retrying: readRetrying(retrying),
    error: readProblem(agent["error"]),
    model: textOrNull(agent["model"]),
    permissions: textOrNull(agent["permissions"]),
    session: textOrNull(agent["session"]),
    keepsWork: isTrue(agent["snapshots"]) || agent["workspace"] === "worktree" || agent["workspace"] === "copy",
    limit: agent["limit"],
    budgeted: agent["budget"] !== undefined || agent["overspent"] !== undefined,
    activity: readActivity(agent["activity"]),
    createdAt: time(agent["createdAt"]) ?? 0,
    updatedAt: time(agent["updatedAt"]) ?? 0,
  };
}

export function readRetrying(value: unknown): Agent["retrying"] {
  const { attempt, reason, status } = fields(value);
  return typeof attempt === "number" ? { attempt, reason: text(reason), status: numberOrNull(status) } : null;
}

export function readProject(value: unknown): Project | null {
  const { name, cwd, trusted, defaults } = fields(value);
  if (typeof name !== "string") return null;
  return { name, cwd: text(cwd), trusted: isTrue(trusted), provider: textOrNull(fields(defaults)["provider"]) };
}

export interface Place {
  readonly project: string;
  readonly agent: string;
  readonly name?: string | null;
  readonly node?: string;
  readonly unreachable?: boolean;
}

/** `place`: of whom, where the answer itself does not say it. */
export function readPermission(value: unknown, place?: Place): Permission | null {
  const permission = fields(value);
  if (typeof permission["id"] !== "string") return null;
  return {
    id: permission["id"],
    node: place?.node ?? null,
    unreachable: place?.unreachable ?? false,
    project: place?.project ?? text(permission["project"]),
    agent: place?.agent ?? text(permission["agent"]),
    agentName: place?.name ?? textOrNull(permission["name"]),
    kind: text(permission["kind"]),
    tool: text(permission["tool"]),
    title: text(permission["title"]),
    detail: permission["detail"],
    options: strings(permission["options"]),
    hash: textOrNull(permission["hash"]),
    state: text(permission["state"]),
    createdAt: time(permission["createdAt"]) ?? 0,
    settledAt: time(permission["settledAt"]),
    settledBy: textOrNull(permission["settledBy"]),
    decision: textOrNull(fields(permission["answer"])["decision"]),
    turnId: textOrNull(permission["turnId"]),
    subagent: textOrNull(permission["subagent"]),
  };
}

export function readProvider(value: unknown): Provider | null {
  const { name, kind, version, available, reason, login } = fields(value);
  if (typeof name !== "string") return null;
  return {
    name,
    kind: text(kind),
    version: textOrNull(version),
    available: isTrue(available),
    reason: textOrNull(reason),
    login: textOrNull(fields(login)["detail"]),
  };
}

/** Every value that the reader takes; the others are left out. */
export function readAll<T>(value: unknown, read: (each: unknown) => T | null): T[] {
  return list(value).flatMap((each) => read(each) ?? []);
}
