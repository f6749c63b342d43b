/** What an agent runs under: its provider, and what request, project and config say, the nearest winning. */
import { realpathSync } from "node:fs";
import type { Provider } from "../providers/index.ts";
import type { AnyCodec, LaunchContext } from "../providers/contract.ts";
import { LaunchRefused } from "../providers/contract.ts";
import type { Agent } from "../store/agents.ts";
import type { Store } from "../store/database.ts";
import { getInput } from "../store/inputs.ts";
import type { Project } from "../store/projects.ts";
import { getProject } from "../store/projects.ts";
import type { ResultTerms, Verify } from "../words/agent.ts";
import { findWorkspace } from "../store/workspaces.ts";
import type { PermissionMode, ProviderKind } from "../words/kinds.ts";
import type { OnLimit } from "../words/limits.ts";
import type { Budget, DayBudget } from "../words/budget.ts";
import { childEnvironment, matches } from "./environment.ts";
import type { RunLimits } from "./groups.ts";
import type { ClosingTerms } from "./model.ts";
import { given } from "../lib/given.ts";

/** What the agent's provider, project and settings come to right now. */
export interface RunSettings {
  readonly codec: AnyCodec;
  readonly permissions: PermissionMode;
  readonly limits: RunLimits;
  /** What is done when its program has ended a turn, and before that counts. */
  readonly closing: readonly ClosingTerms[];
  readonly model: string | null;
  readonly onLimit: OnLimit;
  readonly budget: Budget;
  /** Of all agents of its project; null = none. */
  readonly budgetPerDay: DayBudget | null;
  readonly launch: (run: number) => LaunchContext;
  readonly payer: () => Payer;

  readonly verify: Verify | null;
  readonly result: ResultTerms | null;
  /** What the check of a turn runs under: nothing of what pays for the agent. */
  readonly checking: (turn: string) => CheckContext;
}

export interface CheckContext {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** It runs what the repository brings. */
  readonly trusted: boolean;
}

/** What tells who pays for what it does. */
export interface Payer {
  readonly kind: ProviderKind;
  /** As the config names it. */
  readonly account?: string;
  readonly model: string | null;
  /** The child's environment, without what is ours. */
  readonly env: Readonly<Record<string, string>>;
}

export interface RunSettingsSources {
  readonly store: Store;
  readonly onLimit: OnLimit;
  readonly limits: RunLimits;
  readonly budget: Budget;
  readonly trustedRoots: readonly string[];
  readonly inheritedEnv: Readonly<Record<string, string | undefined>>;
  readonly isRoot: boolean;
  readonly self: readonly string[];
}

export function runSettingsOf(
  sources: RunSettingsSources,
  provider: Provider,
  agent: Agent,
  agentDir: string,
): RunSettings {
  const project = getProject(sources.store, agent.project);
  const verify = agent.settings.verify ?? project.defaults.verify ?? null;
  const result = resultOf(agent, project);
  return {
    codec: provider.codec,
    permissions: permissionsOf(agent, project, provider),
    limits: limitsOf(sources.limits, project.defaults.limits, agent.settings.limits),
    result,
    closing: [
      ...(keepsWork(agent) ? [{ step: "snapshot", limitMs: SNAPSHOT_MS, attempts: 0 } as const] : []),
      ...(result === null ? [] : [{ step: "result", limitMs: RESULT_MS, attempts: 1 } as const]),
      ...(verify === null ? [] : [{ step: "check", limitMs: verify.timeoutMs, attempts: verify.attempts } as const]),
    ],
    verify,
    checking: (turn) => checkContext(sources, cwdOf(sources.store, agent, project), agent, project, provider, turn),
    model: modelOf(agent, project, provider),
    onLimit: agent.settings.onLimit ?? project.defaults.onLimit ?? sources.onLimit,
    budget: budgetOf(sources.budget, project.defaults.budget, agent.settings.budget),
    budgetPerDay: project.budgetPerDay,
    launch: (run) => launchContext(sources, agent, project, provider, agentDir, run),
    payer: () => ({
      kind: provider.settings.kind,
      ...given({ account: provider.settings.account }),
      model: modelOf(agent, project, provider),
      env: environmentOf(sources, agent, provider, {}),
    }),
  };
}

function modelOf(agent: Agent, project: Project, provider: Provider): string | null {
  return agent.settings.model ?? project.defaults.model ?? provider.settings.model ?? null;
}

function environmentOf(
  { inheritedEnv }: RunSettingsSources,
  agent: Agent,
  { settings, codec }: Provider,
  ours: Readonly<Record<string, string>>,
): Record<string, string> {
  return childEnvironment({
    inherited: inheritedEnv,
    traits: codec.traits,
    passEnv: settings.passEnv,
    configured: settings.env,
    requested: agent.settings.env,
    ours,
  });
}

/** What is kept of a turn's work has so long before the turn ends without it. */
const SNAPSHOT_MS = 30_000;

/** To look at what is stored already. */
const RESULT_MS = 30_000;

const resultOf = (agent: Agent, project: Project): ResultTerms | null =>
  agent.settings.result ?? project.defaults.result ?? null;

/** In a folder of its own always, in the project's where that was asked for. */
export const keepsWork = ({ settings }: Agent): boolean =>
  settings.workspace !== undefined || settings.snapshots === true;

/** Where it works. Of a workspace that is not made yet nobody knows. */
function cwdOf(store: Store, agent: Agent, project: Project): string {
  if (agent.settings.workspace === undefined) return project.cwd;
  const workspace = findWorkspace(store, agent.id);
  if (workspace?.state === "ready") return workspace.cwd;
  throw new LaunchRefused("WORKSPACE_FAILED", "its workspace is not made yet: it is made when the agent first starts");
}

function permissionsOf(agent: Agent, project: Project, provider: Provider): PermissionMode {
  return agent.settings.permissions ?? project.defaults.permissions ?? provider.settings.permissions ?? "ask";
}

/** The agent's own word wins over its project's, and that over the config's. */
function limitsOf(
  { agentMemoryBytes, agentTasks, agentCpuWeight }: RunLimits,
  project: Partial<RunLimits> = {},
  agent: Partial<RunLimits> = {},
): RunLimits {
  return { agentMemoryBytes, agentTasks, agentCpuWeight, ...project, ...agent };
}

/** Each limit by itself: the nearest word about it counts. */
export function budgetOf(config: Budget, project: Budget = {}, agent: Budget = {}): Budget {
  return { ...config, ...project, ...agent };
}

function launchContext(
  sources: RunSettingsSources,
  agent: Agent,
  project: Project,
  provider: Provider,
  agentDir: string,
  run: number,
): LaunchContext {
  const { settings, codec } = provider;
  const ours = { AH_AGENT_ID: agent.id, AH_PROJECT: project.name, AH_RUN: String(run) };
  const env = environmentOf(sources, agent, provider, ours);
  const flight = agent.state.flight;
  const result = resultOf(agent, project);
  const input = codec.traits.oneshot && flight !== null ? getInput(sources.store, flight.input) : null;
  return {
    command: resolveCommand(provider, env, project.cwd),
    args: settings.args,
    agentId: agent.id,
    agentUuid: agent.uuid,
    session: agent.state.session,
    cwd: cwdOf(sources.store, agent, project),
    agentDir,
    model: modelOf(agent, project, provider),
    permissions: permissionsOf(agent, project, provider),
    systemPrompt: agent.settings.systemPrompt ?? project.defaults.systemPrompt ?? null,
    trusted: isTrusted(project, sources.trustedRoots),
    env,
    isRoot: sources.isRoot,
    self: sources.self,
    ...(agent.state.fence === null ? {} : { maxCostUsd: agent.state.fence.usd }),
    ...(result === null ? {} : { resultSchema: result.schema }),
    ...(input === null ? {} : { prompt: { text: input.text, as: settings.promptAs ?? "stdin" } }),
  };
}

function checkContext(
  { inheritedEnv, trustedRoots }: RunSettingsSources,
  cwd: string,
  { id, settings }: Agent,
  project: Project,
  { codec, settings: { passEnv } }: Provider,
  turn: string,
): CheckContext {
  // What the provider reads is what it is paid with, whoever gave it.
  const paying = [...codec.traits.passEnv, ...passEnv];
  const env = childEnvironment({
    inherited: inheritedEnv,
    traits: { passEnv: [], stripEnv: codec.traits.stripEnv },
    passEnv: [],
    configured: {},
    requested: Object.fromEntries(Object.entries(settings.env).filter(([name]) => !matches(name, paying))),
    ours: { AH_AGENT_ID: id, AH_PROJECT: project.name, AH_TURN: turn },
  });
  return { cwd, env, trusted: isTrusted(project, trustedRoots) };
}

function resolveCommand(
  { name, settings }: Provider,
  env: Readonly<Record<string, string>>,
  cwd: string,
): readonly string[] {
  const [program, ...args] = settings.command;
  if (program === undefined) return [];
  const found = findProgram(program, env["PATH"], cwd);
  if (found === null) {
    throw new LaunchRefused(
      "PROVIDER_UNAVAILABLE",
      `provider "${name}": the program "${program}" is not in PATH: install it, or set providers.${name}.command`,
    );
  }
  return [found, ...args];
}

/**
 * A path with a slash is taken from the project's folder, a bare name from PATH. null = not there, or not executable.
 */
export function findProgram(program: string, path: string | undefined, cwd: string): string | null {
  return Bun.which(program, { PATH: path ?? "", cwd });
}

/** What the project says, else whether its real folder lies under a trusted root. */
export function isTrusted(project: Pick<Project, "trusted" | "cwd">, trustedRoots: readonly string[]): boolean {
  if (project.trusted !== null) return project.trusted;
  return trustedRoots.some((root) => isUnder(project.cwd, root));
}

/**
 * Both after symlinks, as they are now: a folder may have become a link since. What is not there lies under nothing.
 */
export function isUnder(path: string, root: string): boolean {
  try {
    const [real, under] = [realpathSync(path), realpathSync(root)];
    return real === under || real.startsWith(under.endsWith("/") ? under : `${under}/`);
  } catch {
    return false;
  }
}
