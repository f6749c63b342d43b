/**
 * `make dist`: one archive a target with everything a box needs, and their checksums. The same sources give the same
 * bytes in any folder: names, order, owners and times are fixed, and the compiler is given the same relative paths.
 *
 *     dist.ts OUTDIR LEVEL TARGETS COMPILE_FLAGS…     (TARGETS: all, or names with commas between)
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { unitOf } from "../src/cli/units.ts";
import { VERSION } from "../src/lib/version.ts";
import runtimes from "./runtimes.json";

const ROOT = join(import.meta.dir, "..");
/** The first day that every tar and file system can write down. */
const TIMES = process.env["SOURCE_DATE_EPOCH"] ?? "315532800";
/** The largest window that `zstd -d` and `tar --zstd` open without being told. */
const ZSTD = ["--long=27", "--threads=1", "--force", "--quiet"];
const SHELLS = ["bash", "zsh", "fish"] as const;

type TargetName = keyof typeof runtimes.targets;
const isTarget = (name: string): name is TargetName => name in runtimes.targets;

function run(argv: readonly string[], cwd = ROOT): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  if (exitCode !== 0) throw new Error(`${argv.slice(0, 3).join(" ")} … ended with ${exitCode}: ${stderr.toString()}`);
  return stdout.toString();
}

/**
 * The runtime that the program is compiled into: of npm's package, by its published integrity, kept outside of the
 * checkout. Its own runtime is good enough for this machine's target only when it is that very package's.
 */
function runtimeOf(name: TargetName): string {
  const { package: packed, integrity } = runtimes.targets[name];
  const cache = process.env["AH_DIST_CACHE"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "agent-harness");
  const home = join(cache, `${packed}-${runtimes.version}`);
  const program = join(home, "package/bin/bun");
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "fetch-"));
  try {
    run(["npm", "pack", "--silent", `@oven/${packed}@${runtimes.version}`], folder);
    const tarball = join(folder, `oven-${packed}-${runtimes.version}.tgz`);
    const found = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
    if (found !== integrity) throw new Error(`the runtime ${packed} is not what was published: got ${found}, expected ${integrity}`);
    run(["tar", "-xzf", tarball], folder);
    rmSync(tarball);
    chmodSync(join(folder, "package/bin/bun"), 0o755);
    if (!existsSync(home)) renameSync(folder, home);
    return program;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The current folder, the entry's relative path and the outfile's name go into the bytes: always the same three. */
function compile(name: TargetName, flags: readonly string[], to: string): void {
  const folder = join(ROOT, ".build", "dist.d");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const entry = relative(folder, join(ROOT, "src/main.ts"));
  const pages = [...new Bun.Glob("*.page").scanSync(join(ROOT, ".build/page"))].sort().map((page) => join("../page", page));
  const others = flags.filter((flag) => !flag.startsWith("--target="));
  const target = [`--target=${runtimes.targets[name].compile}`, `--compile-executable-path=${runtimeOf(name)}`];
  const assets = ["--asset-naming=[name].[ext]", "--loader", ".page:file"];
  run([process.execPath, "build", ...others, ...target, entry, ...pages, ...assets, "--outfile", "agent-harness"], folder);
  renameSync(join(folder, "agent-harness"), to);
}

function stage(name: TargetName, flags: readonly string[], dir: string): void {
  for (const folder of ["bin", "systemd", "completions", "examples"]) mkdirSync(join(dir, folder), { recursive: true });
  compile(name, flags, join(dir, "bin/agent-harness"));
  linkSync(join(dir, "bin/agent-harness"), join(dir, "bin/webhook-receiver"));
  for (const file of ["README.md", "LICENSE"]) copyFileSync(join(ROOT, file), join(dir, file));
  for (const program of ["agent-harness", "webhook-receiver"] as const)
    writeFileSync(
      join(dir, "systemd", `${program}.service`),
      unitOf({ program, user: false, binDir: "/usr/local/bin" }).text,
    );
  for (const shell of SHELLS)
    writeFileSync(join(dir, "completions", `agent-harness.${shell}`), run([join(ROOT, "agent-harness"), "completion", shell]));
  for (const file of ["harness.json", "receiver.json", "compose.yaml", "Containerfile"])
    copyFileSync(join(import.meta.dir, "examples", file), join(dir, "examples", file));
  copyFileSync(join(import.meta.dir, "install.sh"), join(dir, "install.sh"));
  for (const [path, mode] of [["bin/agent-harness", 0o755], ["install.sh", 0o755]] as const) chmodSync(join(dir, path), mode);
}

function pack(parent: string, name: string, level: string, outdir: string): string {
  const tar = join(parent, `${name}.tar`);
  const fixed = ["--format=gnu", "--sort=name", `--mtime=@${TIMES}`, "--owner=0", "--group=0", "--numeric-owner"];
  run(["tar", ...fixed, "--mode=u+rw,go+r-w,a-s", "-cf", tar, name], parent);
  const archive = join(outdir, `${name}.tar.zst`);
  run(["zstd", ...ZSTD, `-${level}`, tar, "-o", archive], parent);
  return archive;
}

function main([outdir = "", level = "9", wanted = "all", ...flags]: readonly string[]): void {
  const names = wanted === "all" ? Object.keys(runtimes.targets) : wanted.split(",");
  const unknown = names.find((name) => !isTarget(name));
  if (unknown !== undefined) throw new Error(`there is no target ${unknown}, only ${Object.keys(runtimes.targets).join(", ")}`);
  mkdirSync(outdir, { recursive: true });
  const work = mkdtempSync(join(ROOT, ".build", "dist-"));
  try {
    const sums: string[] = [];
    for (const name of names.filter(isTarget)) {
      const folder = `agent-harness-${VERSION}-${name}`;
      stage(name, flags, join(work, folder));
      const archive = pack(work, folder, level, outdir);
      const sum = createHash("sha256").update(readFileSync(archive)).digest("hex");
      sums.push(`${sum}  ${folder}.tar.zst\n`);
      console.log(`${sum}  ${archive}`);
      rmSync(join(work, folder), { recursive: true });
      rmSync(join(work, `${folder}.tar`));
    }
    writeFileSync(join(outdir, "SHA256SUMS"), sums.join(""));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(`make dist: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
