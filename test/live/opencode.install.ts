/**
 * The real OpenCode of exactly the version that the codec was measured against, installed once into the test cache.
 *
 * Scripts stay off: the package's own one only links the program of this platform's package, which is run here directly.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const OPENCODE_VERSION = "1.18.33";
const PACKAGE = `opencode-ai@${OPENCODE_VERSION}`;

export type Installed = { readonly path: string } | { readonly skip: string };

/** The program's path, or why it cannot be had here. Installs when missing; safe when two test files call it at once. */
export async function installOpenCode(env: Readonly<Record<string, string | undefined>>): Promise<Installed> {
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) {
    return { skip: `OpenCode is tested on Linux x64 and arm64 only, not on ${process.platform} ${process.arch}` };
  }
  const cache = env["AH_TEST_CACHE"] ?? "/var/cache/agent-harness-test";
  const home = join(cache, PACKAGE);
  const inside = join("node_modules", `opencode-linux-${process.arch}`, "bin/opencode");
  const program = join(home, inside);
  if (existsSync(program)) return { path: program };
  try {
    mkdirSync(cache, { recursive: true });
    const scratch = mkdtempSync(join(cache, ".opencode-install-"));
    writeFileSync(join(scratch, "package.json"), "{}");
    const log = await npmInstall(scratch);
    if (!existsSync(join(scratch, inside))) {
      rmSync(scratch, { recursive: true });
      return { skip: `npm could not install ${PACKAGE}: ${log.trim().split("\n").slice(-3).join(" | ")}` };
    }
    try {
      renameSync(scratch, home);
    } catch (error) {
      rmSync(scratch, { recursive: true });
      if (!existsSync(program)) throw error; // Otherwise another test was faster with the same version.
    }
    return { path: program };
  } catch (error) {
    return { skip: `${PACKAGE} cannot be installed into ${cache}: ${String(error)}` };
  }
}

function npmInstall(cwd: string): Promise<string> {
  return new Promise((resolve) => {
    const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--save-exact", PACKAGE];
    const npm = spawn("npm", args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    npm.stdout.on("data", (bytes: Buffer) => (log += bytes.toString()));
    npm.stderr.on("data", (bytes: Buffer) => (log += bytes.toString()));
    npm.on("error", (error) => resolve(`npm cannot be run: ${error.message}`));
    npm.on("close", () => resolve(log));
  });
}
