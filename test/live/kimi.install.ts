/** The real Kimi Code, one bundle for Node. */
import { type Environment, installScript } from "./install.ts";
import { versionOf } from "./pins.ts";

export function installKimi(env: Environment): ReturnType<typeof installScript> {
  const name = "@moonshot-ai/kimi-code";
  return installScript(env, { name, version: versionOf(env, "KIMI"), file: `node_modules/${name}/dist/main.mjs` });
}
