/** The real Pi, a script for Node. */
import { type Environment, installScript } from "./install.ts";
import { versionOf } from "./pins.ts";

export const PI_VERSION = versionOf(process.env, "PI");

export function installPi(env: Environment): ReturnType<typeof installScript> {
  const name = "@earendil-works/pi-coding-agent";
  return installScript(env, {
    name,
    version: PI_VERSION,
    file: `node_modules/${name}/dist/bundle/cli.js`,
    // The bundle has its own copy of it (1.5.2).
    overrides: { "marked-cjk-friendly": "npm:marked@18.0.11" },
  });
}
