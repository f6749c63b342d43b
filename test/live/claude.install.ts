/**
 * The real Claude Code of exactly the version that the codec was measured against, installed once into the test cache.
 *
 * Only the package with the native program of this platform is taken: it needs neither Node nor an install script, and
 * npm under Node 20 would choose an older version of the main package.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const CLAUDE_VERSION = "2.1.330";

export type Installed = { readonly path: string } | { readonly skip: string };

/** The program's path, or why it cannot be had here. Installs when missing; safe when two test files call it at once. */
export async function installClaude(env: Readonly<Record<string, string | undefined>>): Promise<Installed> {
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) {
    return { skip: `Claude Code is tested on Linux x64 and arm64 only, not on ${process.platform} ${process.arch}` };
  }
  const name = `@anthropic-ai/claude-code-linux-${process.arch}`;
  const cache = env.AH_TEST_CACHE ?? "/var/cache/agent-harness-test";
  const home = join(cache, `@anthropic-ai/claude-code@${CLAUDE_VERSION}`);
  const program = join(home, "node_modules", name, "claude");
  if (existsSync(program)) return { path: program };

  mkdirSync(join(cache, "@anthropic-ai"), { recursive: true });
  const scratch = mkdtempSync(join(cache, "@anthropic-ai", ".install-"));
  writeFileSync(join(scratch, "package.json"), "{}");
  const log = await npmInstall(scratch, `${name}@${CLAUDE_VERSION}`);
  if (!existsSync(join(scratch, "node_modules", name, "claude"))) {
    rmSync(scratch, { recursive: true });
    return { skip: `npm could not install ${name}@${CLAUDE_VERSION}: ${log.trim().split("\n").slice(-3).join(" | ")}` };
  }
  try {
    renameSync(scratch, home);
  } catch (error) {
    rmSync(scratch, { recursive: true });
    if (!existsSync(program)) throw error; // Otherwise another test was faster with the same version.
  }
  return { path: program };
}

function npmInstall(cwd: string, spec: string): Promise<string> {
  return new Promise((resolve) => {
    const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--save-exact", spec];
    const npm = spawn("npm", args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    npm.stdout.on("data", (bytes: Buffer) => (log += bytes.toString()));
    npm.stderr.on("data", (bytes: Buffer) => (log += bytes.toString()));
    npm.on("error", (error) => resolve(`npm cannot be run: ${error.message}`));
    npm.on("close", () => resolve(log));
  });
}
