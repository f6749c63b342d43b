/** What the config says and where things lie: config file, token, state folder, address. Reads, changes nothing. */
import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { HarnessConfig } from "../../config/harness.ts";
import { loadHarnessConfig } from "../../config/harness.ts";
import type { Environment } from "../../config/load.ts";
import { errorText } from "../../lib/errors.ts";
import { bytes } from "../figures.ts";
import type { Check } from "./check.ts";
import { fail, ok, warn } from "./check.ts";
import { given } from "../../lib/given.ts";

export interface Setup {
  readonly checks: readonly Check[];
  /** null: it is not usable, so what depends on it cannot be looked at. */
  readonly config: HarnessConfig | null;
}

export function checkSetup(path: string | undefined, env: Environment): Setup {
  const loaded = loadHarnessConfig({ env, ...given({ path }) });
  if (!loaded.ok) {
    const credentials = loaded.problems.every(({ message }) => message.includes("CREDENTIALS_DIRECTORY"));
    const checks = loaded.problems.map(({ path: key, message }) =>
      credentials
        ? warn("config", `${key}: ${message}`, "nothing: the daemon's unit can read it")
        : fail("config", `${key === "" ? "" : `${key}: `}${message}`, `edit ${loaded.source ?? "the environment"}`),
    );
    return { checks, config: null };
  }
  const config = loaded.value;
  return {
    config,
    checks: [checkFile(loaded.source, config), checkToken(config), ...checkStateDir(config.stateDir)],
  };
}

function checkFile(source: string | null, { auth }: HarnessConfig): Check {
  if (source === null) return ok("config", "no file: the defaults");
  const mode = statSync(source).mode & 0o777;
  if ((mode & 0o022) !== 0)
    return fail("config", `${source} can be written by others (${mode.toString(8)})`, `chmod go-w ${source}`);
  if (auth.token !== undefined && (mode & 0o044) !== 0)
    return warn(
      "config",
      `${source} can be read by others (${mode.toString(8)})`,
      `chmod 600 ${source}, or use tokenFile`,
    );
  return ok("config", source);
}

const STRONG = 24;

function checkToken({ auth, addresses }: HarnessConfig): Check {
  if (auth.token === undefined) {
    if (addresses.every(({ type }) => type === "unix")) return ok("token", "none needed: the socket's mode guards it");
    return warn("token", "none: every local user has control", "set auth.tokenFile, or listen on a unix socket");
  }
  if (auth.token.length < STRONG)
    return warn("token", `short (${auth.token.length} characters)`, "openssl rand -hex 32 makes a long one");
  return ok("token", `set (${auth.token.length} characters)`);
}

const LEAST_FREE = 500 * 1024 * 1024;
/** Magic numbers of file systems where locks, FIFOs or inotify are not what they are on a disk (statfs(2)). */
const NETWORK: Readonly<Record<number, string>> = {
  0x6969: "NFS",
  0xff534d42: "CIFS",
  0xfe534d42: "SMB2",
  0x01021997: "9p",
  0x65735546: "FUSE",
  0x5346414f: "AFS",
};

function checkStateDir(stateDir: string): readonly Check[] {
  if (!existsSync(stateDir)) {
    const parent = nearestFolder(stateDir);
    try {
      accessSync(parent, constants.W_OK | constants.X_OK);
      return [ok("state", `${stateDir} (will be made)`)];
    } catch {
      return [
        fail("state", `${stateDir} cannot be made in ${parent}`, `mkdir -p ${stateDir}, owned by the daemon's user`),
      ];
    }
  }
  try {
    const { uid, mode } = statSync(stateDir);
    const checks: Check[] = [];
    const owner = process.getuid?.();
    if (owner !== undefined && owner !== 0 && uid !== owner)
      checks.push(warn("state", `${stateDir} belongs to user ${uid}`, `run this as that user`));
    if ((mode & 0o077) !== 0)
      checks.push(
        warn("state", `${stateDir} is open to others (${(mode & 0o777).toString(8)})`, `chmod 700 ${stateDir}`),
      );
    const { bavail, bsize, type } = statfsSync(stateDir);
    const free = bavail * bsize;
    const network = NETWORK[type];
    if (network !== undefined)
      checks.push(warn("state", `${stateDir} lies on ${network}`, "set stateDir to a folder on a local disk"));
    if (free < LEAST_FREE) checks.push(fail("disk", `${bytes(free)} free`, `free some space at ${stateDir}`));
    else checks.push(ok("disk", `${bytes(free)} free`));
    return checks.some(({ name }) => name === "state") ? checks : [ok("state", stateDir), ...checks];
  } catch (error) {
    return [fail("state", `${stateDir}: ${errorText(error)}`, "make it a folder of the daemon's user")];
  }
}

function nearestFolder(path: string): string {
  const parent = dirname(path);
  return existsSync(parent) || parent === path ? parent : nearestFolder(parent);
}
