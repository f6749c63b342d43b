/** The real Codex: the npm package is a small launcher, the program a static binary in the package of the platform. */
import { type Environment, installPackage } from "./install.ts";
import { versionOf } from "./pins.ts";

export const CODEX_VERSION = versionOf(process.env, "CODEX");

export function installCodex(env: Environment): ReturnType<typeof installPackage> {
  const triple = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-unknown-linux-musl`;
  const file = `node_modules/@openai/codex-linux-${process.arch}/vendor/${triple}/bin/codex`;
  return installPackage(env, { name: "@openai/codex", version: CODEX_VERSION, file });
}

interface Ways {
  /** Also for commands that it knows to be harmless. */
  readonly asksForHarmless: boolean;
  /** Its code for a service that cannot be reached or that refuses. */
  readonly connectionCode: string;
  /** An empty quota is another thing to it than a burst. */
  readonly tellsQuota: boolean;
  readonly tellsCacheWrites: boolean;
  /** A second process on the same conversation is refused; ours never starts one. */
  readonly refusesSecondWriter: boolean;
}

const NEWEST: Ways = {
  asksForHarmless: true,
  connectionCode: "httpConnectionFailed",
  tellsQuota: true,
  tellsCacheWrites: true,
  refusesSecondWriter: true,
};
/** What versions that are tried by hand do their own way: the README names each of these. */
const OWN_WAYS: Readonly<Record<string, Ways>> = {
  "0.139.0": {
    ...{ asksForHarmless: false, connectionCode: "other", tellsQuota: false },
    ...{ tellsCacheWrites: false, refusesSecondWriter: false },
  },
};
export const WAYS: Ways = OWN_WAYS[CODEX_VERSION] ?? NEWEST;
