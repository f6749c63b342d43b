/**
 * The real Pi of exactly the version that the codec was measured against, and a Node that runs it, installed once into
 * the test cache. Node comes as the package of this platform's binary, because the package `node` fetches it in an
 * install script; npm on an older Node would choose an older Pi, so the version is given and the engine check ignored.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const PI_VERSION = "0.87.1";
/** Pi needs 22.19 or newer. */
export const NODE_VERSION = "24.21.0";

const PI = "@earendil-works/pi-coding-agent";

/** `command` runs Pi: the Node program and Pi's script. */
export type InstalledPi = { readonly command: readonly string[]; readonly node: string } | { readonly skip: string };

/** Installs what is missing; safe when two test files call it at once. */
export async function installPi(env: Readonly<Record<string, string | undefined>>): Promise<InstalledPi> {
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) {
    return { skip: `Pi is tested on Linux x64 and arm64 only, not on ${process.platform} ${process.arch}` };
  }
  const cache = env.AH_TEST_CACHE ?? "/var/cache/agent-harness-test";
  const nodePackage = `node-linux-${process.arch}`;
  const node = await installPackage(cache, nodePackage, NODE_VERSION, `node_modules/${nodePackage}/bin/node`);
  if ("skip" in node) return node;
  const script = await installPackage(cache, PI, PI_VERSION, `node_modules/${PI}/dist/bundle/cli.js`);
  if ("skip" in script) return script;
  return { command: [node.path, script.path], node: node.path };
}

async function installPackage(cache: string, name: string, version: string, file: string): Promise<{ path: string } | { skip: string }> {
  const home = join(cache, `${name}@${version}`);
  const path = join(home, file);
  if (existsSync(path)) return { path };
  try {
    mkdirSync(dirname(home), { recursive: true });
  } catch (error) {
    return { skip: `the test cache cannot be made: ${String(error)}` };
  }
  const scratch = mkdtempSync(join(dirname(home), ".install-"));
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
