/**
 * The real Codex of exactly the version that the codec was measured against, installed once into the test cache. The npm
 * package is a small launcher; the program itself is a static binary in the package of the platform, and is run directly.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const CODEX_VERSION = "0.169.0";

const PLATFORMS: Readonly<Record<string, { readonly name: string; readonly triple: string }>> = {
  x64: { name: "codex-linux-x64", triple: "x86_64-unknown-linux-musl" },
  arm64: { name: "codex-linux-arm64", triple: "aarch64-unknown-linux-musl" },
};

/** The path of the binary, or why the live tests must be skipped. Safe when two test files call it at once. */
export async function installCodex(env: Readonly<Record<string, string | undefined>>): Promise<{ readonly path: string } | { readonly skip: string }> {
  const platform = PLATFORMS[process.arch];
  if (process.platform !== "linux" || platform === undefined) {
    return { skip: `Codex is tested on Linux x64 and arm64 only, not on ${process.platform} ${process.arch}` };
  }
  const cache = env["AH_TEST_CACHE"] ?? "/var/cache/agent-harness-test";
  const home = join(cache, `@openai/codex@${CODEX_VERSION}`);
  const file = join("node_modules/@openai", platform.name, "vendor", platform.triple, "bin/codex");
  const path = join(home, file);
  if (existsSync(path)) return { path };
  try {
    mkdirSync(dirname(home), { recursive: true });
  } catch (error) {
    return { skip: `the test cache cannot be made: ${String(error)}` };
  }
  const scratch = mkdtempSync(join(dirname(home), ".install-"));
  writeFileSync(join(scratch, "package.json"), "{}");
  const log = await npmInstall(scratch, `@openai/codex@${CODEX_VERSION}`);
  if (!existsSync(join(scratch, file))) {
    rmSync(scratch, { recursive: true });
    return { skip: `npm could not install @openai/codex@${CODEX_VERSION}: ${log.trim().split("\n").slice(-3).join(" | ")}` };
  }
  try {
    renameSync(scratch, home);
  } catch (error) {
    rmSync(scratch, { recursive: true });
    if (!existsSync(path)) throw error; // Otherwise another test was faster.
  }
  return { path };
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
