/** The real ACP adapter of Claude Code, a script for Node; it brings the Claude Code that it runs. */
import { type Environment, installScript } from "./install.ts";
import { versionOf } from "./pins.ts";

export const CLAUDE_ACP_VERSION = versionOf(process.env, "CLAUDEACP");

export function installClaudeAcp(env: Environment): ReturnType<typeof installScript> {
  const name = "@agentclientprotocol/claude-agent-acp";
  return installScript(env, { name, version: CLAUDE_ACP_VERSION, file: `node_modules/${name}/dist/index.js` });
}
