/** The real Gemini CLI, one bundle for Node. */
import { type Environment, installScript } from "./install.ts";
import { versionOf } from "./pins.ts";

export const GEMINI_VERSION = versionOf(process.env, "GEMINI");

export function installGemini(env: Environment): ReturnType<typeof installScript> {
  const name = "@google/gemini-cli";
  return installScript(env, { name, version: GEMINI_VERSION, file: `node_modules/${name}/bundle/gemini.js` });
}
