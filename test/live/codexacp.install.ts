/** The real ACP adapter of Codex, a script for Node; it brings the Codex that it runs. */
import { type Environment, installScript } from "./install.ts";
import { versionOf } from "./pins.ts";

export const CODEX_ACP_VERSION = versionOf(process.env, "CODEXACP");

export function installCodexAcp(env: Environment): ReturnType<typeof installScript> {
  const name = "@agentclientprotocol/codex-acp";
  return installScript(env, { name, version: CODEX_ACP_VERSION, file: `node_modules/${name}/dist/index.js` });
}
