/**
 * The real OpenCode: the program of this platform's package, to which the main package's script would only make a link.
 */
import { type Environment, installPackage } from "./install.ts";
import { versionOf } from "./pins.ts";

export const OPENCODE_VERSION = versionOf(process.env, "OPENCODE");

export function installOpenCode(env: Environment): ReturnType<typeof installPackage> {
  return installPackage(env, {
    name: "opencode-ai",
    version: OPENCODE_VERSION,
    file: `node_modules/opencode-linux-${process.arch}/bin/opencode`,
  });
}
