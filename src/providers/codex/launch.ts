/**
 * How Codex is started: argv, and the parameters of the thread. Owns what trust and the permission modes mean to it.
 * Measured with 0.169.0, by planting hooks, MCP servers and settings in a repository.
 */
import type { Launch, LaunchContext } from "../contract.ts";
import type { Fields } from "../read.ts";

/**
 * As settings, for an unknown name of `--disable` or `--enable` ends Codex, and names come and go; here it only warns,
 * and a later `--enable` of the user's wins.
 */
const feature = (name: string, on: boolean): readonly string[] => ["-c", `features.${name}=${on}`];

const SWITCHED_OFF = [
  // Would start turns by itself, again and again, until the model says that the goal is reached.
  "goals",
  // Sub-agents outlive the turn of their parent and an interrupt.
  "multi_agent",
  // Both look up hosts on the internet at every start.
  "plugins",
  "apps",
  // Would offer to install MCP servers that a skill asks for.
  "skill_mcp_dependency_install",
  // A refused connection would be tried for ever, so the turn would never fail.
  "unbounded_connection_retries",
];

export const switches = (): readonly string[] => SWITCHED_OFF.flatMap((name) => feature(name, false));

export function codexLaunch(context: LaunchContext): Launch {
  const { command, args, cwd, trusted, permissions } = context;
  return {
    argv: [
      ...command,
      "app-server",
      ...switches(),
      "-c",
      folderTrust(cwd, trusted),
      ...questions(permissions),
      ...args,
    ],
    env: {},
  };
}

/**
 * Says what the project is worth for this process only; Codex's own notes about it (config.toml) stay untouched, and it
 * writes none. A folder's word wins over its parent's, so all of them are named: else the repository's top folder, once
 * trusted by the user in Codex's own interface, would load its settings in an agent that works further down.
 */
export function folderTrust(cwd: string, trusted: boolean): string {
  const level = trusted ? "trusted" : "untrusted";
  return `projects={${ancestors(cwd)
    .map((folder) => `${tomlString(folder)}={trust_level="${level}"}`)
    .join(",")}}`;
}

function ancestors(cwd: string): readonly string[] {
  const names = cwd.split("/").filter((name) => name !== "");
  return names.map((_, index) => `/${names.slice(0, names.length - index).join("/")}`).concat("/");
}

/** JSON's escapes are TOML's, but TOML wants DEL escaped, too. */
function tomlString(value: string): string {
  return JSON.stringify(value).replaceAll("\u007f", "\\u007F");
}

/** The model may ask the person something: only useful where somebody is expected to answer. */
function questions(permissions: LaunchContext["permissions"]): readonly string[] {
  if (permissions !== "ask") return [];
  return [...feature("default_mode_request_user_input", true), "-c", "suppress_unstable_features_warning=true"];
}

/** For `thread/start` and for `thread/resume`, which forgets all of this. */
export function threadParams({ cwd, model, permissions, systemPrompt, trusted }: LaunchContext): Fields {
  return {
    cwd,
    ...(model === null ? {} : { model }),
    ...(systemPrompt === null ? {} : { developerInstructions: systemPrompt }),
    ...policy(permissions),
    // Codex wants each hook of a trusted project to be reviewed in its own interface as well; here trust is one
    // decision.
    ...(trusted ? { config: { bypass_hook_trust: true } } : {}),
  };
}

/**
 * "untrusted" is Codex's word for: every command and every patch is asked for, harmless ones, too, in any sandbox. What
 * a person allowed must then really run: in a closed sandbox Codex runs it there first, takes "exit code 0" for success
 * though nothing was written, and runs it a second time in the open when it failed.
 */
function policy(permissions: LaunchContext["permissions"]): Fields {
  if (permissions === "allow")
    return { approvalPolicy: "never", approvalsReviewer: "user", sandbox: "danger-full-access" };
  // The user's settings may name a model as the reviewer; we promise that a person is asked.
  const asks = { approvalPolicy: "untrusted", approvalsReviewer: "user" };
  return { ...asks, sandbox: permissions === "ask" ? "danger-full-access" : "read-only" };
}
