/** The real Qwen Code, one bundle for Node. */
import { type Environment, installScript } from "./install.ts";
import { versionOf } from "./pins.ts";

export const QWEN_VERSION = versionOf(process.env, "QWEN");

export function installQwen(env: Environment): ReturnType<typeof installScript> {
  const name = "@qwen-code/qwen-code";
  return installScript(env, { name, version: QWEN_VERSION, file: `node_modules/${name}/cli.js` });
}
