/** The daemon's config: its keys, defaults and environment variables, and the frozen value that everybody reads. */
import type { Infer } from "../lib/check.ts";
import { array, boolean, integer, object, oneOf, optional, record, string } from "../lib/check.ts";
import type { LogLevel } from "../lib/log.ts";
import { LOG_LEVELS, redact } from "../lib/log.ts";
import { budget } from "../lib/budgets.ts";
import { resourceLimits } from "../lib/resources.ts";
import { isLoopback } from "../lib/ip.ts";
import type { Budget } from "../words/budget.ts";
import { PERMISSION_MODES, PROMPT_WAYS, PROVIDER_KINDS } from "../words/kinds.ts";
import type { OnLimit } from "../words/limits.ts";
import { ON_LIMIT } from "../words/limits.ts";
import { NAME, NAME_WORDS } from "../words/names.ts";
import type { NoticeEvent } from "../words/notices.ts";
import { NOTICE_EVENTS } from "../words/notices.ts";
import type { ProviderKind, ProviderSettings } from "../words/kinds.ts";
import type { Address } from "../lib/address.ts";
import type { FleetConfig } from "./fleet.ts";
import { fleetSchema, resolveFleet } from "./fleet.ts";
import type { ConfigResult, ConfigSpec, FileOptions, ResolveContext } from "./load.ts";
import { DEFAULT_HOST, DEFAULT_PORT, addressesOf, listenKeys } from "./listen.ts";
import { loadConfig } from "./load.ts";
import { defaultStateDir } from "./state-dir.ts";
import * as values from "./values.ts";
import { given } from "../lib/given.ts";

export interface HarnessConfig {
  /** Where it listens, one or two. */
  readonly addresses: readonly Address[];
  /** What these keys come to, for whoever shows them; host and port only where they have a say. */
  readonly host?: string;
  readonly port?: number;
  readonly listenMode: string;
  readonly stateDir: string;
  readonly logLevel: LogLevel;
  readonly allowedHosts: readonly string[];
  readonly auth: { readonly token?: string };
  readonly webhook: {
    readonly url?: string;
    readonly token?: string;
    /** `whsec_…` */
    readonly secret?: string;
    readonly events: readonly NoticeEvent[];
    readonly allowedHosts: readonly string[];
  };
  readonly providers: Readonly<Record<string, ProviderSettings>>;
  readonly projects: {
    /** Empty = a project may lie anywhere. */
    readonly roots: readonly string[];
    readonly trustedRoots: readonly string[];
  };
  readonly limits: {
    readonly maxAgents: number;
    readonly parkIdleMs: number;
    readonly turnTimeoutMs: number;
    readonly stallWarnMs: number;
    readonly toolStallWarnMs: number;
    readonly permissionTimeoutMs: number;
    /** How long a turn waits for its account's allowance, all waits together; 0 = as long as it takes. */
    readonly limitMaxWaitMs: number;
    /** What the output of one run may hold of the disk. */
    readonly runOutputBytes: number;
    /** What new and changed files of one snapshot may come to. */
    readonly snapshotBytes: number;
    /** Of each run, where a control group can be had; 0 = no limit. */
    readonly agentMemoryBytes: number;
    readonly agentTasks: number;
    readonly agentCpuWeight: number;
  };
  readonly onLimit: OnLimit;
  readonly retention: { readonly eventsDays: number; readonly workspacesDays: number };
  /** Of each agent that has no word of its own about it, nor its project. */
  readonly budget: Budget;
  /** Absent: this box is alone. */
  readonly fleet?: FleetConfig;
}

/** The program that a kind runs unless the config says otherwise; also the providers that exist without config. */
const BUILT_IN: Readonly<Partial<Record<ProviderKind, string>>> = {
  "claude-code": "claude",
  codex: "codex",
  opencode: "opencode",
  pi: "pi",
};

const LONGEST_MS = 365 * 24 * 60 * 60 * 1000;
const milliseconds = integer({ min: 0, max: LONGEST_MS });
const hosts = array(values.hostName, { max: 100 });
const folders = array(values.absolutePath, { max: 1000 });
const passVariable = string({
  pattern: /^(?!AH_)[A-Za-z_][A-Za-z0-9_]*\*?$/,
  what: "a variable name, or a prefix ending in *, that does not begin with AH_",
});

const provider = object({
  kind: optional(oneOf(...PROVIDER_KINDS)),
  command: optional(values.command),
  args: optional(array(string({ max: 128 * 1024, pattern: /^[^\0]*$/, what: "a string without NUL" }), { max: 1000 })),
  env: optional(values.childVariables),
  passEnv: optional(array(passVariable, { max: 256 })),
  model: optional(string({ min: 1, max: 256 })),
  permissions: optional(oneOf(...PERMISSION_MODES)),
  enabled: optional(boolean()),
  promptAs: optional(oneOf(...PROMPT_WAYS)),
  account: optional(string({ pattern: NAME, what: NAME_WORDS })),
});

const harnessFile = object({
  ...listenKeys,
  stateDir: optional(values.absolutePath),
  logLevel: optional(oneOf(...LOG_LEVELS)),
  allowedHosts: optional(hosts),
  auth: optional(object({ token: optional(values.bearerToken), tokenFile: optional(values.secretPath) })),
  webhook: optional(
    object({
      url: optional(values.httpUrl),
      token: optional(values.bearerToken),
      tokenFile: optional(values.secretPath),
      secret: optional(values.signingSecret),
      secretFile: optional(values.secretPath),
      events: optional(array(oneOf(...NOTICE_EVENTS), { max: NOTICE_EVENTS.length })),
      allowedHosts: optional(hosts),
    }),
  ),
  providers: optional(
    record(provider, {
      maxKeys: 100,
      keyPattern: NAME,
      keyWhat: "a provider name of 1 to 64 letters, digits, dots, dashes or underscores",
    }),
  ),
  projects: optional(object({ roots: optional(folders), trustedRoots: optional(folders) })),
  limits: optional(
    object({
      maxAgents: optional(integer({ min: 1, max: 100_000 })),
      parkIdleMs: optional(milliseconds),
      turnTimeoutMs: optional(milliseconds),
      stallWarnMs: optional(milliseconds),
      toolStallWarnMs: optional(milliseconds),
      permissionTimeoutMs: optional(milliseconds),
      limitMaxWaitMs: optional(milliseconds),
      runOutputBytes: optional(integer({ min: 1024 * 1024 })),
      snapshotBytes: optional(integer({ min: 1024 * 1024 })),
      ...resourceLimits,
    }),
  ),
  onLimit: optional(oneOf(...ON_LIMIT)),
  budget: optional(budget),
  retention: optional(
    object({
      eventsDays: optional(integer({ min: 1, max: 36_500 })),
      workspacesDays: optional(integer({ min: 1, max: 36_500 })),
    }),
  ),
  fleet: optional(fleetSchema),
});
export type HarnessFile = Infer<typeof harnessFile>;

export const harnessSpec: ConfigSpec<HarnessFile, HarnessConfig> = {
  fileName: "harness.json",
  pathVariable: "AH_CONFIG",
  schema: harnessFile,
  env: [
    { variable: "AH_HOST", key: ["host"] },
    { variable: "AH_PORT", key: ["port"], type: "integer" },
    { variable: "AH_LISTEN", key: ["listen"], type: "list" },
    { variable: "AH_STATE_DIR", key: ["stateDir"] },
    { variable: "AH_LOG_LEVEL", key: ["logLevel"] },
    { variable: "AH_AUTH_TOKEN", key: ["auth", "token"], replaces: [["auth", "tokenFile"]] },
    { variable: "AH_WEBHOOK_URL", key: ["webhook", "url"] },
    { variable: "AH_WEBHOOK_TOKEN", key: ["webhook", "token"], replaces: [["webhook", "tokenFile"]] },
    { variable: "AH_WEBHOOK_SECRET", key: ["webhook", "secret"], replaces: [["webhook", "secretFile"]] },
    { variable: "AH_FLEET_URL", key: ["fleet", "url"], replaces: [["fleet", "urlFile"]] },
    { variable: "AH_FLEET_KEY", key: ["fleet", "key"], replaces: [["fleet", "keyFile"]] },
    { variable: "AH_FLEET_NODE", key: ["fleet", "node"] },
  ],
  resolve: resolveHarness,
};

export function loadHarnessConfig(options: FileOptions): ConfigResult<HarnessConfig> {
  return loadConfig(harnessSpec, options);
}

function resolveHarness(file: HarnessFile, context: ResolveContext): HarnessConfig {
  const { auth = {}, webhook = {}, projects = {}, limits = {}, retention = {} } = file;
  const token = context.secret("auth.token", auth.token, "auth.tokenFile", auth.tokenFile, values.bearerToken);
  const webhookToken = context.secret(
    "webhook.token",
    webhook.token,
    "webhook.tokenFile",
    webhook.tokenFile,
    values.bearerToken,
  );
  const secret = context.secret(
    "webhook.secret",
    webhook.secret,
    "webhook.secretFile",
    webhook.secretFile,
    values.signingSecret,
  );
  const fleet = resolveFleet(file.fleet, context);
  const addresses = addressesOf(file, context.problem);
  const tokenIsMeant = token !== undefined || auth.tokenFile !== undefined || context.broken("auth");
  for (const address of addresses) {
    if (address.type === "unix" || context.broken("listen") || isLoopback(address.host) || tokenIsMeant) continue;
    context.problem(
      file.listen === undefined ? "host" : "listen",
      `got ${JSON.stringify(address.host)}, expected a loopback address while there is no auth.token: whoever can call may run code; set auth.token, auth.tokenFile or AH_AUTH_TOKEN`,
    );
  }
  return {
    addresses,
    ...(file.listen === undefined ? { host: file.host ?? DEFAULT_HOST, port: file.port ?? DEFAULT_PORT } : {}),
    listenMode: file.listenMode ?? "0600",
    stateDir: file.stateDir ?? defaultStateDir(context),
    logLevel: file.logLevel ?? "info",
    allowedHosts: file.allowedHosts ?? [],
    auth: { ...given({ token }) },
    webhook: {
      ...given({ url: webhook.url, token: webhookToken, secret }),
      events: webhook.events ?? NOTICE_EVENTS,
      allowedHosts: webhook.allowedHosts ?? [],
    },
    providers: resolveProviders(file.providers ?? {}, context),
    projects: { roots: projects.roots ?? [], trustedRoots: projects.trustedRoots ?? [] },
    limits: {
      maxAgents: 200,
      parkIdleMs: 600_000,
      turnTimeoutMs: 0,
      stallWarnMs: 300_000,
      toolStallWarnMs: 1_800_000,
      permissionTimeoutMs: 0,
      limitMaxWaitMs: 24 * 60 * 60 * 1000,
      runOutputBytes: 1024 * 1024 * 1024,
      snapshotBytes: 1024 * 1024 * 1024,
      agentMemoryBytes: 0,
      agentTasks: 0,
      agentCpuWeight: 0,
      ...limits,
    },
    onLimit: file.onLimit ?? "park",
    retention: { eventsDays: retention.eventsDays ?? 30, workspacesDays: retention.workspacesDays ?? 30 },
    budget: file.budget ?? {},
    ...given({ fleet }),
  };
}

function resolveProviders(
  configured: NonNullable<HarnessFile["providers"]>,
  context: ResolveContext,
): Record<string, ProviderSettings> {
  const resolved: Record<string, ProviderSettings> = {};
  for (const name of new Set([...Object.keys(BUILT_IN), ...Object.keys(configured)])) {
    const { kind: givenKind, command: givenCommand, ...given } = configured[name] ?? {};
    const path = `providers.${name}`;
    const kind = givenKind ?? kindNamed(name);
    if (kind === undefined) {
      if (!context.broken(`${path}.kind`))
        context.problem(`${path}.kind`, `missing, expected one of ${PROVIDER_KINDS.join(", ")}`);
      continue;
    }
    const command = givenCommand ?? BUILT_IN[kind];
    if (command === undefined && !context.broken(`${path}.command`)) {
      context.problem(
        `${path}.command`,
        `missing, expected the program to run, because kind "${kind}" has no default one`,
      );
    }
    if (given.promptAs !== undefined && kind !== "command") {
      context.problem(
        `${path}.promptAs`,
        `got ${JSON.stringify(given.promptAs)}, expected only in a provider of kind "command"`,
      );
    }
    resolved[name] = {
      args: [],
      env: {},
      passEnv: [],
      enabled: true,
      ...given,
      kind,
      command: typeof command === "string" ? [command] : (command ?? []),
    };
  }
  return resolved;
}

function kindNamed(name: string): ProviderKind | undefined {
  return name === "claude-code" || name === "codex" || name === "opencode" || name === "pi" ? name : undefined;
}

/** For people (`agent-harness config`): secrets masked, and no value of a child's environment. */
export function printableConfig(config: HarnessConfig): unknown {
  const providers = Object.entries(config.providers).map(([name, settings]) => [
    name,
    { ...settings, env: Object.fromEntries(Object.keys(settings.env).map((key) => [key, "[redacted]"])) },
  ]);
  const hidden = { url: "[redacted]", keys: config.fleet?.keys.map(() => "[redacted]") };
  const fleet = config.fleet === undefined ? {} : { fleet: { ...config.fleet, ...hidden } };
  return redact({ ...config, ...fleet, providers: Object.fromEntries(providers) });
}
