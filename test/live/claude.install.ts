/**
 * The real Claude Code: only the package with this platform's native program, which needs neither Node nor a script.
 */
import { type Environment, installPackage } from "./install.ts";
import { versionOf } from "./pins.ts";

export const CLAUDE_VERSION = versionOf(process.env, "CLAUDE");

/** Its answer to the handshake names its version; those before tell it in their first turn. */
export const TELLS_VERSION_AT_ONCE = Bun.semver.satisfies(CLAUDE_VERSION, ">=2.1.296");

export function installClaude(env: Environment): ReturnType<typeof installPackage> {
  const name = `@anthropic-ai/claude-code-linux-${process.arch}`;
  return installPackage(env, { name, version: CLAUDE_VERSION, file: `node_modules/${name}/claude` });
}
