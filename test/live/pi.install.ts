/** The real Pi, a script for Node. */
import { type Environment, installScript, versionOf } from "./install.ts";

export const PI_VERSION = versionOf(process.env, "PI", "0.87.1");

export function installPi(env: Environment): ReturnType<typeof installScript> {
  const name = "@earendil-works/pi-coding-agent";
  return installScript(env, { name, version: PI_VERSION, file: `node_modules/${name}/dist/bundle/cli.js` });
}
