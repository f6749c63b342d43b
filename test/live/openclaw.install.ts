/**
 * The real OpenClaw of exactly the version that the sink was measured against, and a Node that it accepts, installed once
 * into the test cache. Node comes as the package of this platform's binary, because the package `node` fetches that in
 * an install script.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const OPENCLAW_VERSION = "2026.9.6";
/** OpenClaw needs 24.16 or newer of 24, or 26.1. */
export const NODE_VERSION = "24.21.0";

/** `command` runs OpenClaw: the Node program and OpenClaw's script. */
export type InstalledOpenclaw = { readonly command: readonly [string, string] } | { readonly skip: string };

/** Installs what is missing; safe when two test files call it at once. */
export async function installOpenclaw(env: Readonly<Record<string, string | undefined>>): Promise<InstalledOpenclaw> {
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) {
    return { skip: `OpenClaw is tested on Linux x64 and arm64 only, not on ${process.platform} ${process.arch}` };
  }
  const cache = env.AH_TEST_CACHE ?? "/var/cache/agent-harness-test";
  const nodePackage = `node-linux-${process.arch}`;
  const node = await install(cache, nodePackage, NODE_VERSION, `node_modules/${nodePackage}/bin/node`);
  if ("skip" in node) return node;
  const script = await install(cache, "openclaw", OPENCLAW_VERSION, "node_modules/openclaw/openclaw.mjs");
  return "skip" in script ? script : { command: [node.path, script.path] };
}

async function install(cache: string, name: string, version: string, file: string): Promise<{ path: string } | { skip: string }> {
  const home = join(cache, `${name}@${version}`);
  const path = join(home, file);
  if (existsSync(path)) return { path };
  let scratch: string;
  try {
    mkdirSync(cache, { recursive: true });
    scratch = mkdtempSync(join(cache, ".install-"));
  } catch (error) {
    return { skip: `the test cache cannot be made: ${String(error)}` };
  }
  writeFileSync(join(scratch, "package.json"), "{}");
  const log = await npmInstall(scratch, `${name}@${version}`);
  if (!existsSync(join(scratch, file))) {
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
    const args = ["install", "--ignore-scripts", "--engine-strict=false", "--no-audit", "--no-fund", "--no-package-lock", "--save-exact", spec];
    const npm = spawn("npm", args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    npm.stdout.on("data", (bytes: Buffer) => (log += bytes.toString()));
    npm.stderr.on("data", (bytes: Buffer) => (log += bytes.toString()));
    npm.on("error", (error) => resolve(`npm cannot be run: ${error.message}`));
    npm.on("close", () => resolve(log));
  });
}
