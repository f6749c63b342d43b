/**
 * How OpenCode is started, and what trust and the permission modes mean to it. The child is our own bridge, which
 * starts `opencode serve`; what it must know comes as its first line, so that nothing secret stands in argv.
 * Measured with 1.18.33, by planting settings, plugins, MCP servers, commands, agents and skills in a repository.
 */
import type { PermissionRules, StartCommand } from "./lines.ts";
import { readRules } from "./lines.ts";
import { USAGE_KEYS } from "../../words/said.ts";
import type { Launch, LaunchContext, Traits } from "../contract.ts";
import { LaunchRefused } from "../contract.ts";
import { isFields } from "../read.ts";

export const traits: Traits = {
  redelivery: "dedupe",
  tornLine: "newline",
  oneshot: false,
  // A second on a warm home; a new home begins with a database migration.
  startDeadlineMs: 60_000,
  pictures: "path",
  // They are those of the session as it is stored.
  carriedTotals: USAGE_KEYS,
  metering: { tokens: "answer", costUsd: "answer" },
  // One database in the home, migrated by the first of a new version; the others would find it locked.
  startSpacingMs: 5000,
  maxPromptChars: null,
  passEnv: [
    "OPENCODE_CONFIG",
    "OPENCODE_CONFIG_DIR",
    "OPENCODE_CONFIG_CONTENT",
    "OPENCODE_AUTH_CONTENT",
    "OPENCODE_MODELS_PATH",
    "OPENCODE_MODELS_URL",
    "OPENCODE_DB",
    "OPENCODE_API_KEY",
    "OPENCODE_DISABLE_*",
    "OPENCODE_ENABLE_*",
    "OPENCODE_EXPERIMENTAL_*",
    "OPENCODE_PURE",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_API_KEY",
    "AZURE_RESOURCE_NAME",
    "CEREBRAS_API_KEY",
    "CLOUDFLARE_ACCOUNT_ID",
    "CLOUDFLARE_API_TOKEN",
    "CLOUDFLARE_GATEWAY_ID",
    "COHERE_API_KEY",
    "DEEPINFRA_API_KEY",
    "DEEPSEEK_API_KEY",
    "FIREWORKS_API_KEY",
    "GEMINI_API_KEY",
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "GOOGLE_API_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "GROQ_API_KEY",
    "HF_TOKEN",
    "MISTRAL_API_KEY",
    "MOONSHOT_API_KEY",
    "NVIDIA_API_KEY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENROUTER_API_KEY",
    "PERPLEXITY_API_KEY",
    "TOGETHER_API_KEY",
    "VERCEL_OIDC_TOKEN",
    "XAI_API_KEY",
    "ZHIPU_API_KEY",
  ],
  // What an outer OpenCode tells its tools, and the password of another server.
  stripEnv: [
    "AGENT",
    "OPENCODE",
    "OPENCODE_PID",
    "OPENCODE_CLIENT",
    "OPENCODE_PERMISSION",
    "OPENCODE_SERVER_PASSWORD",
    "OPENCODE_SERVER_USERNAME",
    // Ours to decide: trust and the permission mode lie in these.
    "OPENCODE_DISABLE_PROJECT_CONFIG",
    "OPENCODE_ENABLE_QUESTION_TOOL",
    // A sub-agent that outlives its parent's turn wakes the session by itself; nobody asked for that here.
    "OPENCODE_EXPERIMENTAL_BACKGROUND_SUBAGENTS",
  ],
};

export function launch(context: LaunchContext): Launch {
  if (context.model !== null && !/^[^/]+\/./.test(context.model)) {
    throw new LaunchRefused(
      "MODEL_UNREADABLE",
      `the model is "${context.model}", but OpenCode wants "provider/model", for example "anthropic/claude-sonnet-4-5"`,
    );
  }
  const server = [...context.command, "serve", "--hostname", "127.0.0.1", "--port", "0", ...context.args];
  const argv = [...context.self, "bridge", "opencode", "--", ...server];
  const env: Record<string, string> = {
    // A program that replaces itself, or publishes a conversation, must not do so while nobody watches.
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_SHARE: "1",
  };
  // The tool is of use only where somebody is expected to answer.
  if (context.permissions === "ask") env["OPENCODE_ENABLE_QUESTION_TOOL"] = "1";
  if (!context.trusted) {
    // opencode.json, .opencode (plugins, tools, commands, agents, skills, MCP servers) and AGENTS.md of the repository.
    env["OPENCODE_DISABLE_PROJECT_CONFIG"] = "1";
    // .claude/skills and .agents/skills. The user's own ones go with them: there is one switch for both.
    env["OPENCODE_DISABLE_EXTERNAL_SKILLS"] = "1";
    env["OPENCODE_CONFIG_CONTENT"] = withoutHelpers(context.env["OPENCODE_CONFIG_CONTENT"]);
  }
  return { argv, env };
}

/** Language servers and formatters are programs that come out of the repository's node_modules. */
function withoutHelpers(given: string | undefined): string {
  const config = given === undefined || given.trim() === "" ? {} : parsed(given);
  if (!isFields(config)) {
    throw new LaunchRefused(
      "CONFIG_UNREADABLE",
      "OPENCODE_CONFIG_CONTENT is no JSON object, so it cannot be made safe for an untrusted project: mend it, or trust the project",
    );
  }
  return JSON.stringify({ ...config, lsp: false, formatter: false });
}

export function startCommand(context: LaunchContext, grants: readonly unknown[]): StartCommand {
  return {
    cmd: "start",
    session: context.session,
    // Given, because OpenCode would ask the model for one.
    title: `agent-harness ${context.agentId}`,
    directory: context.cwd,
    model: context.model,
    system: context.systemPrompt,
    permission: permissionRules(context, grants),
  };
}

const READ = { "*": "allow", "*.env": "ask", "*.env.*": "ask", "*.env.example": "allow" };

/**
 * "*" comes first and so loses to all the others; it catches the tools of MCP servers and whatever a new version adds.
 */
const ASK: PermissionRules = {
  "*": "ask",
  read: READ,
  glob: "allow",
  grep: "allow",
  list: "allow",
  lsp: "allow",
  skill: "allow",
  task: "allow",
  todoread: "allow",
  todowrite: "allow",
  bash: "ask",
  edit: "ask",
  webfetch: "ask",
  websearch: "ask",
  external_directory: "ask",
  doom_loop: "ask",
  plan_enter: "deny",
  plan_exit: "deny",
};

/** What was allowed for good, as rules: OpenCode itself forgets it with the process. */
export function permissionRules(
  { permissions, env }: Pick<LaunchContext, "permissions" | "env">,
  grants: readonly unknown[],
): PermissionRules {
  const given = readRules(parsed(env["OPENCODE_PERMISSION"] ?? ""));
  if (permissions === "allow") return { ...given, question: "deny" };
  const rules: Record<string, PermissionRules[string]> = {
    ...given,
    ...ASK,
    question: permissions === "ask" ? "allow" : "deny",
  };
  if (permissions === "deny") return rules;
  for (const { permission, always } of heldGrants(grants).held) {
    const rule = rules[permission] ?? "ask";
    const allowed = Object.fromEntries(always.map((pattern) => [pattern, "allow"]));
    rules[permission] = { ...(typeof rule === "string" ? { "*": rule } : rule), ...allowed };
  }
  return rules;
}

/** One grant; a longer one is not offered. */
const GRANT_BYTES = 8 * 1024;
/** All of them: one variable carries the rules, and the kernel starts no program with one of more than 128 KiB. */
const GRANTS_BYTES = 64 * 1024;

const bytesOf = ({ permission, always }: Grant): number => Buffer.byteLength(JSON.stringify([permission, always]));

export const isGrantable = (grant: Grant): boolean => grant.always.length > 0 && bytesOf(grant) <= GRANT_BYTES;

/** Those that a new process can be given, the newest before all others, in their order; and how many cannot. */
export function heldGrants(grants: readonly unknown[]): { readonly held: readonly Grant[]; readonly dropped: number } {
  const all = grants.map(readGrant).filter(({ permission, always }) => permission !== "" && always.length > 0);
  let room = GRANTS_BYTES;
  const held = all.toReversed().filter((grant) => {
    if (!isGrantable(grant) || bytesOf(grant) > room) return false;
    room -= bytesOf(grant);
    return true;
  });
  return { held: held.toReversed(), dropped: all.length - held.length };
}

export interface Grant {
  readonly permission: string;
  readonly always: readonly string[];
}

export function readGrant(value: unknown): Grant {
  if (!isFields(value) || typeof value["permission"] !== "string" || !Array.isArray(value["always"]))
    return { permission: "", always: [] };
  return { permission: value["permission"], always: value["always"].map(String) };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined; // OpenCode ignores rules that are no JSON, too.
  }
}
