/**
 * The real OpenCode: the program of this platform's package, to which the main package's script would only make a link.
 */
import { type Environment, installPackage, versionOf } from "./install.ts";

export const OPENCODE_VERSION = versionOf(process.env, "OPENCODE", "1.18.33");

export function installOpenCode(env: Environment): ReturnType<typeof installPackage> {
  return installPackage(env, {
    name: "opencode-ai",
    version: OPENCODE_VERSION,
    file: `node_modules/opencode-linux-${process.arch}/bin/opencode`,
  });
}
