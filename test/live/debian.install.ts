/**
 * A bare Debian 12 with its systemd and curl, and nothing of ours: made once into the test cache by mmdebstrap from the
 * mirror that this machine is set up for.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { installed } from "../support/apt.ts";
import type { Environment, Skip } from "./install.ts";

const CACHE = "/var/cache/agent-harness-test";
const SUITE = "bookworm";
const PACKAGES = "systemd,systemd-sysv,dbus,curl,procps";

export async function installDebian(env: Environment): Promise<{ readonly path: string } | Skip> {
  if (process.getuid?.() !== 0) return { skip: "a root of another system can be made by root only" };
  const home = join(env["AH_TEST_CACHE"] ?? CACHE, "debian12");
  if (existsSync(join(home, "etc/os-release"))) return { path: home };
  if ((await installed("mmdebstrap", "mmdebstrap")) === null) return { skip: "no mmdebstrap" };
  const mirror = mirrorOf("/etc/apt/sources.list.d");
  if (mirror === null) return { skip: "this machine names no Debian mirror" };
  const made = `${home}.new.${process.pid}`;
  mkdirSync(dirname(home), { recursive: true });
  const run = Bun.spawn(["mmdebstrap", "--variant=minbase", `--include=${PACKAGES}`, SUITE, made, mirror], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [code, said] = await Promise.all([run.exited, new Response(run.stderr).text()]);
  if (code !== 0 || existsSync(home)) {
    rmSync(made, { recursive: true, force: true });
    if (existsSync(home)) return { path: home };
    return { skip: `a bare Debian cannot be made: ${said.trim().split("\n").at(-1) ?? code}` };
  }
  renameSync(made, home);
  return { path: home };
}

/** As a line of a sources.list; the first stanza of the machine's own. */
function mirrorOf(folder: string): string | null {
  if (!existsSync(folder)) return null;
  for (const name of readdirSync(folder).filter((each) => each.endsWith(".sources"))) {
    const text = readFileSync(join(folder, name), "utf8");
    const uri = /^URIs:\s*(\S+)/m.exec(text)?.[1];
    const key = /^Signed-By:\s*(\/\S+)/m.exec(text)?.[1];
    if (uri !== undefined) return `deb ${key === undefined ? "" : `[signed-by=${key}] `}${uri} ${SUITE} main`;
  }
  return null;
}
