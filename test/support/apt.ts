/**
 * System programs that a test needs: where they are, or installed from Debian's packages where the tests run as root.
 * One installation at a time, because the package manager allows no second one.
 */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LOCK = join(tmpdir(), "agent-harness-apt.lock");

/**
 * The path of `program` (or of a file, by its absolute path), installing `packages` for it when it is missing; null,
 * said aloud, where that is impossible.
 */
export async function installed(program: string, ...packages: readonly string[]): Promise<string | null> {
  const path = find(program);
  if (path !== null) return path;
  if (process.getuid?.() === 0 && Bun.which("apt-get") !== null) {
    const install = `command -v ${program} || test -e ${program} || { apt-get update -qq; apt-get install -y -qq --no-install-recommends ${packages.join(" ")}; }`;
    const run = Bun.spawn(["flock", LOCK, "sh", "-c", install], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      stdio: ["ignore", "ignore", "ignore"],
    });
    await run.exited;
  }
  const now = find(program);
  if (now === null)
    console.log(`skipped: there is no ${program} here, and it cannot be installed (${packages.join(" ")})`);
  return now;
}

/** Also where a user's PATH may not look. */
function find(program: string): string | null {
  if (program.startsWith("/")) return existsSync(program) ? program : null;
  const path = Bun.which(program);
  if (path !== null) return path;
  return ["/usr/sbin", "/sbin"].map((folder) => join(folder, program)).find((file) => existsSync(file)) ?? null;
}
