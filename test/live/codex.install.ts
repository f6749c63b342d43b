/** The real Codex: the npm package is a small launcher, the program a static binary in the package of the platform. */
import { type Environment, installPackage } from "./install.ts";
import { versionOf } from "./pins.ts";

export const CODEX_VERSION = versionOf(process.env, "CODEX");

export function installCodex(env: Environment): ReturnType<typeof installPackage> {
  const triple = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-unknown-linux-musl`;
  const file = `node_modules/@openai/codex-linux-${process.arch}/vendor/${triple}/bin/codex`;
  return installPackage(env, { name: "@openai/codex", version: CODEX_VERSION, file });
}
