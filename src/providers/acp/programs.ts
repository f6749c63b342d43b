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
  if (runs(GEMINI, context)) return gemini(context);
  return { env: runs(QWEN, context) ? qwen : {}, enforcesTrust: false, login: null };
}

/** By the name that the program gives itself: adapters that run the agent proper as a second process. */
const OF_TWO_PROCESSES = ["@agentclientprotocol/claude-agent-acp", "@agentclientprotocol/codex-acp"];

export function processesOf(program: string | null): number {
  return program !== null && OF_TWO_PROCESSES.includes(program) ? 2 : 1;
}

/** A program, a path to it, its script for `node`, or its package for a package runner. */
const GEMINI = /(^|\/)gemini(\.js|-cli(@[\w.-]+)?)?$/;
const QWEN = /(^|\/)(qwen|qwen-code(@[\w.-]+)?|qwen-code\/(cli|cli-entry)\.js)$/;

/** It is the command or a leading argument. */
function runs(program: RegExp, { command }: LaunchContext): boolean {
  return command.some((word) => program.test(word));
}

/** Qwen Code 0.24.4: without it a parent process starts a second one, of another 200 MB. */
const qwen = { QWEN_CODE_NO_RELAUNCH: "true" };

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
