/**
 * What single programs need to be told at the spawn, because ACP has no words for it. Everything else here is generic:
 * a program that is not in this table gets nothing but its command and arguments.
 */
import type { Launch, LaunchContext } from "../provider.ts";

type Extras = Pick<Launch, "env" | "files"> & {
  /** The program keeps what an untrusted repository brings from running. */
  readonly enforcesTrust: boolean;
};

export function programExtras(context: LaunchContext): Extras {
  return isGemini(context) ? gemini(context) : { env: {}, enforcesTrust: false };
}

const DEFAULTS_FILE = "gemini-defaults.json";

/** `gemini`, a path to it, or `node …/gemini.js`, as the command or among its leading arguments. */
function isGemini({ command }: LaunchContext): boolean {
  return command.some((word) => /(^|\/)gemini(\.js)?$/.test(word));
}

/** Facts about Gemini CLI 0.61.0. */
function gemini({ agentDir, env, trusted }: LaunchContext): Extras {
  return {
    env: {
      // Without it a parent process starts a second one and passes no signal on to it.
      GEMINI_CLI_NO_RELAUNCH: "true",
      GEMINI_CLI_TRUST_WORKSPACE: trusted ? "true" : "false",
      ...(env["GEMINI_CLI_SYSTEM_DEFAULTS_PATH"] === undefined ? { GEMINI_CLI_SYSTEM_DEFAULTS_PATH: `${agentDir}/${DEFAULTS_FILE}` } : {}),
    },
    // Defaults are the weakest settings: whatever the user or the machine's owner has set wins.
    files: [{ path: DEFAULTS_FILE, content: JSON.stringify(geminiDefaults(env)) }],
    enforcesTrust: true,
  };
}

function geminiDefaults(env: Readonly<Record<string, string>>): unknown {
  // A key in the environment is enough for session/new, but session/load wants the way of login chosen in the settings.
  const auth = env["GEMINI_API_KEY"] === undefined ? {} : { auth: { selectedType: "gemini-api-key" } };
  return { general: { enableAutoUpdate: false }, security: { folderTrust: { enabled: true }, ...auth } };
}
