/** A unix socket for a group of users: `listenMode` 0660. Never wider than it has to be, not even for a moment. */
import { chmodSync, chownSync, readFileSync } from "node:fs";
import { HarnessError, errorCode, errorText } from "../lib/errors.ts";

/** `path` is bound 0600 and ours. Throws LISTEN_FAILED. */
export function shareWith(path: string, group: string): void {
  const gid = /^\d+$/.test(group) ? Number(group) : gidOf(group);
  if (gid === null)
    throw new HarnessError("LISTEN_FAILED", `listenGroup: there is no group ${JSON.stringify(group)} on this machine`);
  try {
    chownSync(path, process.getuid?.() ?? 0, gid);
    chmodSync(path, 0o660);
  } catch (error) {
    const why = errorCode(error) === "EPERM" ? "the daemon's user must be a member of it" : errorText(error);
    throw new HarnessError("LISTEN_FAILED", `cannot give unix:${path} to the group ${group}: ${why}`, { cause: error });
  }
}

/** The local file first; what else the machine knows of groups (LDAP, systemd-homed) only its own tool can tell. */
function gidOf(name: string): number | null {
  return find(readFileSync("/etc/group", "utf8"), name) ?? find(getent(name), name);
}

/** group(5): `name:password:gid:members`. */
function find(lines: string, name: string): number | null {
  const found = lines.split("\n").find((line) => line.startsWith(`${name}:`));
  const digits = found?.split(":")[2] ?? "";
  return /^\d+$/.test(digits) ? Number(digits) : null;
}

function getent(name: string): string {
  try {
    const done = Bun.spawnSync(["getent", "group", name], { stdin: "ignore", stderr: "ignore", timeout: 5000 });
    return done.stdout.toString();
  } catch {
    return ""; // there is no such tool here
  }
}
