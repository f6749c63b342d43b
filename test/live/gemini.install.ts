/**
 * The real Gemini CLI of exactly the version that the codec was measured against, and a Node that runs it, installed once into
 * the test cache. Both come without their install scripts: the CLI is one bundle, and Node is taken as the package that
 * holds the program itself (`node` only fetches that one in a script).
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const GEMINI_VERSION = "0.61.0";
/** Gemini CLI 0.61.0 wants Node 20 or newer. */
export const NODE_VERSION = "24.21.0";

export type Installed = { readonly command: readonly [node: string, script: string] } | { readonly skip: string };

/** The command that runs it, or why it cannot be had here. Installs when missing; safe when two test files call it at once. */
export async function installGemini(env: Readonly<Record<string, string | undefined>>): Promise<Installed> {
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) {
    return { skip: `Gemini CLI is tested on Linux x64 and arm64 only, not on ${process.platform} ${process.arch}` };
  }
  const cache = env["AH_TEST_CACHE"] ?? "/var/cache/agent-harness-test";
  const nodePackage = `node-linux-${process.arch}`;
  const script = await install(cache, "@google/gemini-cli", GEMINI_VERSION, "bundle/gemini.js");
  if ("skip" in script) return script;
  const node = await install(cache, nodePackage, NODE_VERSION, "bin/node");
  return "skip" in node ? node : { command: [node.path, script.path] };
}

type File = { readonly path: string } | { readonly skip: string };

async function install(cache: string, name: string, version: string, file: string): Promise<File> {
  const home = join(cache, `${name}@${version}`);
  const path = join(home, "node_modules", name, file);
  if (existsSync(path)) return { path };
  mkdirSync(dirname(home), { recursive: true });
  const scratch = mkdtempSync(join(dirname(home), ".install-"));
  writeFileSync(join(scratch, "package.json"), "{}");
  const log = await npmInstall(scratch, `${name}@${version}`);
  if (!existsSync(join(scratch, "node_modules", name, file))) {
    rmSync(scratch, { recursive: true });
    return { skip: `npm could not install ${name}@${version}: ${log.trim().split("\n").slice(-3).join(" | ")}` };
  }
  try {
    renameSync(scratch, home);
  } catch (error) {
    rmSync(scratch, { recursive: true });
    if (!existsSync(path)) throw error; // Otherwise another test was faster with the same version.
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
