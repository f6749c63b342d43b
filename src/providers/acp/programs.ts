/**
 * What single programs need to be told at the spawn, because ACP has no words for it. Everything else here is generic:
 * a program that is not in this table gets nothing but its command and arguments.
 */
import type { Launch, LaunchContext } from "../contract.ts";

interface Extras {
  readonly env: Launch["env"];
  /** The program keeps what an untrusted repository brings from running. */
  readonly enforcesTrust: boolean;
  /** Id of the `authenticate` method that needs no person, because its key is in the environment. */
  readonly login: string | null;
}

export function programExtras(context: LaunchContext): Extras {
  return isGemini(context) ? gemini(context) : { env: {}, enforcesTrust: false, login: null };
}

/**
 * `gemini`, a path to it, `node …/gemini.js`, or the package for a package runner: the command or a leading argument.
 */
function isGemini({ command }: LaunchContext): boolean {
  return command.some((word) => /(^|\/)gemini(\.js|-cli(@[\w.-]+)?)?$/.test(word));
}

/** Facts about Gemini CLI 0.61.0. */
function gemini({ env, trusted }: LaunchContext): Extras {
  return {
    env: {
      // Without it a parent process starts a second one, and passes no signal on to it.
      GEMINI_CLI_NO_RELAUNCH: "true",
      GEMINI_CLI_TRUST_WORKSPACE: trusted ? "true" : "false",
    },
    // With a key alone session/new works, but session/load asks for a login.
    login: env["GEMINI_API_KEY"] === undefined ? null : "gemini-api-key",
    enforcesTrust: true,
  };
}
