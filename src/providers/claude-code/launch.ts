/** How Claude Code is started: argv, environment, files, and what is refused before a process exists. */
import { USAGE_KEYS } from "../../words/said.ts";
import type { Launch, LaunchContext, Traits } from "../contract.ts";
import { LaunchRefused } from "../contract.ts";
import type { PermissionMode } from "../../words/kinds.ts";

export const claudeTraits: Traits = {
  redelivery: "dedupe",
  // Half a line makes invalid JSON of the next one, and on that the program exits.
  tornLine: "restart",
  oneshot: false,
  startDeadlineMs: 60_000,
  pictures: "data",
  results: { tool: "StructuredOutput" },
  carriedTotals: USAGE_KEYS,
  // The cost comes when a turn is over; within one, the program's own fence holds it (`--max-budget-usd`).
  metering: { tokens: "answer", costUsd: "turn" },
  totalsDieWithIt: true,
  maxPromptChars: null,
  // Cloud credentials (AWS, Google) are not among them: who runs the model there names them in `passEnv`.
  passEnv: [
    "ANTHROPIC_*",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_MAX_RETRIES",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
    "CLAUDE_CODE_SUBAGENT_MODEL",
    "MAX_THINKING_TOKENS",
    "MCP_TIMEOUT",
    "MCP_TOOL_TIMEOUT",
    "API_TIMEOUT_MS",
    "BASH_DEFAULT_TIMEOUT_MS",
    "BASH_MAX_TIMEOUT_MS",
    "IS_SANDBOX",
  ],
  // What the program sets for its children: with these it would behave as a child session of another agent. By name,
  // because the credential CLAUDE_CODE_OAUTH_TOKEN must get through.
  stripEnv: [
    "CLAUDECODE",
    "CLAUDE_CODE_CHILD_*",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_EXECPATH",
    "CLAUDE_CODE_MESSAGING_*",
    "CLAUDE_CODE_SESSION_*",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_PID",
    "CLAUDE_EFFORT",
    "AI_AGENT",
  ],
};

/** A session id with this prefix is free: the program itself said that it has no conversation of that id. */
const FREE = "new:";

export function freeSession(id: string): string {
  return `${FREE}${id}`;
}

/** The session id this launch resumes, or null when it begins a conversation. */
export function resumedSession({ session }: LaunchContext): string | null {
  return session === null || session.startsWith(FREE) ? null : session;
}

/**
 * Every permission mode answers through us (`stdio`): without that the program denies silently what it would have
 * asked.
 */
const modes: Readonly<Record<PermissionMode, string>> = { ask: "default", allow: "bypassPermissions", deny: "default" };

export function claudeLaunch(context: LaunchContext): Launch {
  const { env } = context;
  if (
    context.permissions === "allow" &&
    context.isRoot &&
    env["IS_SANDBOX"] !== "1" &&
    env["CLAUDE_CODE_BUBBLEWRAP"] !== "1"
  ) {
    throw new LaunchRefused(
      "ROOT_REFUSED",
      'Claude Code refuses permissions "allow" when it runs as root: run the daemon as another user, use permissions "ask", ' +
        "or, when this machine is a sandbox, set IS_SANDBOX=1 in the environment of the agent or of the provider",
    );
  }
  const resumed = resumedSession(context);
  const begun = context.session?.startsWith(FREE) === true ? context.session.slice(FREE.length) : context.agentUuid;
  return {
    argv: [
      ...context.command,
      "-p",
      "--input-format",
      "stream-json",
      "--output-format",
      "stream-json",
      "--verbose",
      "--include-partial-messages",
      "--permission-prompt-tool",
      "stdio",
      "--permission-mode",
      modes[context.permissions],
      ...(resumed === null ? ["--session-id", begun] : ["--resume", resumed]),
      // In this mode the program asks nobody before it runs a repository's hooks and MCP servers. Only the first of
      // these flags keeps project and local settings, hooks, agents, commands, skills and plugins out; the second is
      // for `.mcp.json`, at the price of the user's own MCP servers (`--mcp-config` in `args` brings chosen ones back).
      ...(context.trusted ? [] : ["--setting-sources", "user", "--strict-mcp-config"]),
      ...(context.model === null ? [] : ["--model", context.model]),
      ...systemPrompt(context).argv,
      // A second fence, for it tells its cost only when a turn is over. It counts what this process spends.
      ...(context.maxCostUsd === undefined ? [] : ["--max-budget-usd", context.maxCostUsd.toFixed(4)]),
      // A tool for the result, which the program demands at the end of every turn. It holds for the whole process.
      ...(context.resultSchema === undefined ? [] : ["--json-schema", JSON.stringify(context.resultSchema)]),
      ...context.args,
    ],
    env: {
      // Without these two there is no authoritative end of a turn, and a failed start would be a bare exit code.
      CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS: "1",
      CLAUDE_CODE_STARTUP_FAILURE_RESULTS: "1",
      ...unlessSet(env, {
        DISABLE_TELEMETRY: "1",
        DISABLE_ERROR_REPORTING: "1",
        DISABLE_AUTOUPDATER: "1",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
        // The default of 10 makes three minutes of seeming work out of a wrong key (401 is retried, too).
        CLAUDE_CODE_MAX_RETRIES: "4",
      }),
    },
    files: systemPrompt(context).files,
  };
}

const SYSTEM_PROMPT_FILE = "claude-code/system-prompt.md";

/**
 * As a file: in argv, every user of the machine could read it, and the kernel hands over no long one. The flag is left
 * out of the program's help and holds in each of its modes (2.1.268 to 2.1.332).
 */
export function systemPrompt({ systemPrompt: content, agentDir }: LaunchContext) {
  if (content === null) return { argv: [], files: [] };
  return {
    argv: ["--append-system-prompt-file", `${agentDir}/${SYSTEM_PROMPT_FILE}`],
    files: [{ path: SYSTEM_PROMPT_FILE, content }],
  };
}

function unlessSet(
  env: Readonly<Record<string, string>>,
  defaults: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(defaults).filter(([name]) => env[name] === undefined));
}
