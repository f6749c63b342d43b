/** The real Gemini CLI, one bundle for Node. */
import { type Environment, installScript, versionOf } from "./install.ts";

export const GEMINI_VERSION = versionOf(process.env, "GEMINI", "0.61.0");

export function installGemini(env: Environment): ReturnType<typeof installScript> {
  const name = "@google/gemini-cli";
  return installScript(env, { name, version: GEMINI_VERSION, file: `node_modules/${name}/bundle/gemini.js` });
}
