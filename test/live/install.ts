/**
 * Real programs for the live tests: exact versions from npm, installed once into the test cache (`AH_TEST_CACHE`),
 * without any install script. What cannot be installed is a reason to skip, never a failure.
 */
import { Database } from "bun:sqlite";
import { describe } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;
export type Skip = { readonly skip: string };

/** One Node for all programs that need one: Pi wants 22.19, Gemini CLI 20, OpenClaw 24.16 or newer of 24. */
const NODE_VERSION = "24.21.0";
const CACHE = "/var/cache/agent-harness-test";

export interface Package {
  readonly name: string;
  readonly version: string;
  /** What the tests run of it, below the folder of the installation. */
  readonly file: string;
  /** What stands in for a dependency that the program never loads and that some registries do not have. */
  readonly overrides?: Readonly<Record<string, string>>;
}

/** `describe` for tests of a real program: where it cannot be had they are skipped, and the reason is told. */
export function describeReal(program: string, installed: object): (name: string, tests: () => void) => void {
  if ("skip" in installed) console.log(`skipped: the real ${program}: ${String(installed.skip)}`);
  return describe.skipIf("skip" in installed);
}

/** The path of the package's file. Two test files may ask at once: the second one waits for the first. */
export async function installPackage(
  env: Environment,
  { name, version, file, overrides = {} }: Package,
): Promise<{ readonly path: string } | Skip> {
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) {
    return { skip: `tested on Linux x64 and arm64 only, not on ${process.platform} ${process.arch}` };
  }
  const home = join(env["AH_TEST_CACHE"] ?? CACHE, `${name}@${version}`);
  const path = join(home, file);
  if (existsSync(path)) return { path };
  try {
    mkdirSync(dirname(home), { recursive: true });
    const unlock = await lock(`${home}.lock`);
    try {
      if (existsSync(path)) return { path };
      return (await install(home, `${name}@${version}`, file, overrides)) ?? { path };
    } finally {
      unlock();
    }
  } catch (error) {
    return { skip: `${name}@${version} cannot be installed: ${String(error)}` };
  }
}

/** Node as the package of this platform's binary: the package `node` would fetch it in an install script. */
export function installNode(env: Environment): Promise<{ readonly path: string } | Skip> {
  const name = `node-linux-${process.arch}`;
  return installPackage(env, { name, version: NODE_VERSION, file: `node_modules/${name}/bin/node` });
}

/** A script and the Node that runs it. */
export async function installScript(
  env: Environment,
  wanted: Package,
): Promise<{ readonly command: readonly [node: string, script: string] } | Skip> {
  const node = await installNode(env);
  if ("skip" in node) return node;
  const script = await installPackage(env, wanted);
  return "skip" in script ? script : { command: [node.path, script.path] };
}

/** Installed aside and moved into place, so that half an installation is never taken for a whole one. */
async function install(home: string, spec: string, file: string, overrides: object): Promise<Skip | null> {
  const scratch = mkdtempSync(join(dirname(home), ".install-"));
  try {
    writeFileSync(join(scratch, "package.json"), JSON.stringify({ overrides }));
    const log = await npmInstall(scratch, spec);
    if (!existsSync(join(scratch, file)))
      return { skip: `npm could not install ${spec}: ${log.trim().split("\n").slice(-3).join(" | ")}` };
    rmSync(home, { recursive: true, force: true });
    renameSync(scratch, home);
    return null;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** SQLite's lock ends with its process, however that ends. */
async function lock(path: string): Promise<() => void> {
  const database = new Database(path);
  for (;;) {
    try {
      database.run("BEGIN EXCLUSIVE");
      return () => database.close();
    } catch (error) {
      if (!String(error).includes("locked")) throw error;
      await Bun.sleep(100);
    }
  }
}

/** The engine check is off: an older npm must install what runs on the Node above. */
function npmInstall(cwd: string, spec: string): Promise<string> {
  return new Promise((resolve) => {
    const args = [
      "install",
      "--ignore-scripts",
      "--engine-strict=false",
      "--no-audit",
      "--no-fund",
      "--no-package-lock",
      "--save-exact",
      spec,
    ];
    const npm = spawn("npm", args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    npm.stdout.on("data", (bytes: Buffer) => (log += bytes.toString()));
    npm.stderr.on("data", (bytes: Buffer) => (log += bytes.toString()));
    npm.on("error", (error) => resolve(`npm cannot be run: ${error.message}`));
    npm.on("close", () => resolve(log));
  });
}
