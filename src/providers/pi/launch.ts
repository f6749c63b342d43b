/**
 * How Pi is started: the same command line begins a conversation and resumes it. Facts: Pi's docs/cli.md, security.md.
 */
import { EXTENSION_FILE, EXTENSION_SOURCE } from "./extension.ts";
import { USAGE_KEYS } from "../../words/said.ts";
import type { Launch, LaunchContext, Traits } from "../contract.ts";

const SYSTEM_PROMPT_FILE = "pi/system-prompt.md";

export const traits: Traits = {
  redelivery: "history",
  tornLine: "newline",
  oneshot: false,
  startDeadlineMs: 30_000,
  pictures: "data",
  // The statistics of the session are asked for at the start.
  carriedTotals: USAGE_KEYS,
  metering: { tokens: "answer", costUsd: "answer" },
  maxPromptChars: null,
  passEnv: [
    "PI_CODING_AGENT_DIR",
    "PI_PACKAGE_DIR",
    "PI_CACHE_RETENTION",
    "PI_RADIUS_GATEWAY",
    "AI_GATEWAY_API_KEY",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_OAUTH_TOKEN",
    "ANT_LING_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_API_VERSION",
    "AZURE_OPENAI_BASE_URL",
    "AZURE_OPENAI_DEPLOYMENT_NAME_MAP",
    "AZURE_OPENAI_RESOURCE_NAME",
    "BASETEN_API_KEY",
    "CEREBRAS_API_KEY",
    "CLOUDFLARE_ACCOUNT_ID",
    "CLOUDFLARE_API_KEY",
    "CLOUDFLARE_GATEWAY_ID",
    "DEEPSEEK_API_KEY",
    "FIREWORKS_API_KEY",
    "GEMINI_API_KEY",
    "GROQ_API_KEY",
    "KIMI_API_KEY",
    "META_API_KEY",
    "MINIMAX_API_KEY",
    "MISTRAL_API_KEY",
    "MOONSHOT_API_KEY",
    "NVIDIA_API_KEY",
    "OPENAI_API_KEY",
    "OPENCODE_API_KEY",
    "OPENROUTER_API_KEY",
    "QWEN_TOKEN_PLAN_API_KEY",
    "QWEN_TOKEN_PLAN_CN_API_KEY",
    "TOGETHER_API_KEY",
    "XAI_API_KEY",
    "XIAOMI_API_KEY",
    "XIAOMI_TOKEN_PLAN_AMS_API_KEY",
    "XIAOMI_TOKEN_PLAN_CN_API_KEY",
    "XIAOMI_TOKEN_PLAN_SGP_API_KEY",
    "ZAI_API_KEY",
    "ZAI_CODING_CN_API_KEY",
  ],
  // What an outer Pi tells its tools, and the switch that would put sessions elsewhere.
  stripEnv: [
    "AI_AGENT",
    "PI_CODING_AGENT",
    "PI_CODING_AGENT_SESSION_DIR",
    "PI_SESSION_ID",
    "PI_SESSION_FILE",
    "PI_PROVIDER",
    "PI_MODEL",
    "PI_REASONING_LEVEL",
  ],
};

export function launch(context: LaunchContext): Launch {
  const files: { path: string; content: string }[] = [];
  const argv = [
    ...context.command,
    ...context.args,
    "--mode",
    "rpc",
    // Given, so that a session folder named by the repository's settings is not used: Pi reads those even before trust.
    "--session-dir",
    `${context.agentDir}/pi/sessions`,
    "--session-id",
    context.session ?? context.agentUuid,
    context.trusted ? "--approve" : "--no-approve",
  ];
  if (context.model !== null) argv.push("--model", context.model);
  if (context.permissions !== "allow") {
    files.push({ path: EXTENSION_FILE, content: EXTENSION_SOURCE });
    argv.push("-e", `${context.agentDir}/${EXTENSION_FILE}`);
  }
  if (context.systemPrompt !== null) {
    // A file, because a text that happens to be the name of one would be read as that file.
    files.push({ path: SYSTEM_PROMPT_FILE, content: context.systemPrompt });
    argv.push("--append-system-prompt", `${context.agentDir}/${SYSTEM_PROMPT_FILE}`);
  }
  return { argv, env: quietEnv(context.env), files };
}

/** No calls home at the start; who wants them sets the variable. */
function quietEnv(env: Readonly<Record<string, string>>): Record<string, string> {
  const quiet = { PI_OFFLINE: "1", PI_TELEMETRY: "0", PI_SKIP_VERSION_CHECK: "1" };
  return Object.fromEntries(Object.entries(quiet).filter(([name]) => env[name] === undefined));
}
