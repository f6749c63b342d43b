/** The real OpenClaw, a script for Node. */
import { type Environment, installScript } from "./install.ts";

export const OPENCLAW_VERSION = "2026.9.6";

export function installOpenclaw(env: Environment): ReturnType<typeof installScript> {
  return installScript(env, {
    name: "openclaw",
    version: OPENCLAW_VERSION,
    file: "node_modules/openclaw/openclaw.mjs",
  });
}
