/**
 * How the program's own screen would be started on an agent's conversation, and the files it is told to read. Holds no
 * value of a variable that the agent was given.
 */
import type { Actor } from "../agents/actor.ts";
import { writeLaunchFiles } from "../agents/launch.ts";
import { HarnessError } from "../lib/errors.ts";
import { runHelper } from "../process/helper.ts";
import { type LaunchContext, LaunchRefused } from "../providers/contract.ts";
import type { ProviderScreen } from "../providers/screen.ts";
import { screenOfKind } from "../providers/screens.ts";
import type { ApiDeps } from "./deps.ts";

/** Variables that say where things lie are no secrets, and without them the screen would look elsewhere. */
const PLACES =
  /^(HOME|XDG_[A-Z_]+_HOME|CLAUDE_CONFIG_DIR|CODEX_HOME|PI_CODING_AGENT_DIR|OPENCODE_CONFIG(_DIR)?|OPENCODE_DB)$/;

export type Plan =
  | {
      readonly argv: readonly string[];
      readonly cwd: string;
      readonly env: Readonly<Record<string, string>>;
      /** Names of what the agent was given by its request and its provider: their values stay here. */
      readonly variables: readonly string[];
      readonly version: string | null;
    }
  | { readonly reason: string };

const HELP_MS = 5000;
const HELP_BYTES = 256 * 1024;

async function helpOf(screen: ProviderScreen, context: LaunchContext): Promise<string> {
  const argv = screen.help?.(context);
  if (argv === undefined) return "";
  const { env, cwd } = context;
  const { code, stdout } = await runHelper({ argv, env, cwd, timeoutMs: HELP_MS, maxBytes: HELP_BYTES });
  return code === 0 ? stdout : "";
}

export async function screenPlan(deps: ApiDeps, actor: Actor): Promise<Plan> {
  const agent = actor.agent();
  const configured = deps.providers.get(agent.provider);
  const screen = await screenOfKind(configured?.settings.kind);
  if (screen === null)
    return { reason: "nothing to attach to, its program has no screen: agent-harness logs -f and send are the way" };
  try {
    const context = actor.runSettings().launch(Math.max(1, agent.state.run));
    const { argv, env, files = [] } = screen.launch(context, await helpOf(screen, context));
    writeLaunchFiles(context.agentDir, files);
    const places = Object.fromEntries(Object.entries(context.env).filter(([name]) => PLACES.test(name)));
    const given = [...Object.keys(agent.settings.env), ...Object.keys(configured?.settings.env ?? {})].filter(
      (name) => places[name] === undefined,
    );
    return {
      argv,
      cwd: context.cwd,
      env: { ...places, ...env },
      variables: [...new Set(given)].sort(),
      version: actor.progress().version ?? null,
    };
  } catch (error) {
    if (error instanceof LaunchRefused || error instanceof HarnessError) return { reason: error.message };
    throw error;
  }
}
