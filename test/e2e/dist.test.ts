// file-timeout: 1200 s
/**
 * The release archives: the same bytes from two folders, what each program needs of a box, and the installer. The
 * program for this machine runs in a root with nothing but the C library; those for others are run where that can be
 * had (arm64 by user emulation) or looked at (musl), and the output says which.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { VERSION } from "../../src/lib/version.ts";
import { installed } from "../support/apt.ts";

const ROOT = join(import.meta.dir, "../..");
const dir = mkdtempSync(join(tmpdir(), "ah-dist-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const tools = [
  await installed("zstd", "zstd"),
  await installed("readelf", "binutils"),
  Bun.which("npm"),
  Bun.which("make"),
];
const can = tools.every((tool) => tool !== null) && process.arch === "x64";
if (!can) console.log("skipped: release archives need zstd, readelf, make and npm, on x64");
const isRoot = process.getuid?.() === 0;
const TARGETS = ["linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl"];

interface Ran {
  readonly code: number;
  readonly out: string;
}
function sh(
  argv: readonly string[],
  { cwd = dir, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Ran {
  const base = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? dir };
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { cwd, env: { ...base, ...env } });
  return { code: exitCode, out: `${stdout}${stderr}` };
}
function must(argv: readonly string[], options?: Parameters<typeof sh>[1]): string {
  const { code, out } = sh(argv, options);
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}: ${out}`);
  return out;
}

/** A checkout of its own: what a build needs, in another folder. */
function checkout(name: string): string {
  const folder = join(dir, name);
  mkdirSync(folder);
  for (const each of ["src", "nix", "package.json", "bun.lock", "tsconfig.json", "Makefile", "README.md", "LICENSE"])
    cpSync(join(ROOT, each), join(folder, each), { recursive: true });
  symlinkSync(join(ROOT, ".toolchain"), join(folder, ".toolchain"));
  return folder;
}

function unpack(target: string, into: string): string {
  mkdirSync(into, { recursive: true });
  must(["tar", "--zstd", "-xf", join(dir, "one/dist", `agent-harness-${VERSION}-${target}.tar.zst`), "-C", into]);
  return join(into, `agent-harness-${VERSION}-${target}`);
}

describe.skipIf(!can)("make dist", () => {
  beforeAll(() => {
    must(["make", "dist", "LEVEL=1", `BUN=${process.execPath}`], { cwd: checkout("one") });
    must(["make", "dist", "LEVEL=1", "TARGETS=linux-x64,linux-arm64-musl", `BUN=${process.execPath}`], {
      cwd: checkout("another folder".replace(" ", "-")),
    });
  }, 1_000_000);

  test("gives the same bytes in two folders", () => {
    const sums = (folder: string): string[] =>
      readFileSync(join(dir, folder, "dist/SHA256SUMS"), "utf8")
        .trim()
        .split("\n");
    expect(sums("one").length).toBe(4);
    for (const line of sums("another-folder")) expect(sums("one")).toContain(line);
    must(["sha256sum", "--check", "--strict", "SHA256SUMS"], { cwd: join(dir, "one/dist") });
  });

  test("packs one executable under two names, with all that a box needs", () => {
    const folder = unpack("linux-x64", join(dir, "unpacked"));
    expect(statSync(join(folder, "bin/agent-harness")).ino).toBe(statSync(join(folder, "bin/webhook-receiver")).ino);
    const files = [...new Bun.Glob("**/*").scanSync(folder)].sort();
    expect(files).toEqual([
      "LICENSE",
      "README.md",
      "bin/agent-harness",
      "bin/webhook-receiver",
      "completions/agent-harness.bash",
      "completions/agent-harness.fish",
      "completions/agent-harness.zsh",
      "examples/Containerfile",
      "examples/compose.yaml",
      "examples/harness.json",
      "examples/receiver.json",
      "install.sh",
      "systemd/agent-harness.service",
      "systemd/webhook-receiver.service",
    ]);
    for (const file of files) expect(statSync(join(folder, file)).mtimeMs).toBe(315532800000);
  });

  const NEEDS: Readonly<Record<string, readonly string[]>> = {
    "linux-x64": ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2"],
    "linux-arm64": ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-aarch64.so.1"],
    "linux-x64-musl": ["libc.musl-x86_64.so.1", "libstdc++.so.6"],
    "linux-arm64-musl": ["libc.musl-aarch64.so.1", "libstdc++.so.6"],
  };
  test.each(TARGETS)("%s needs these libraries, and no newer C library than is said", (target) => {
    const program = join(unpack(target, join(dir, "looked-at", target)), "bin/agent-harness");
    const needed = [...must(["readelf", "-d", program]).matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name);
    expect(needed.filter((name) => !NEEDS[target]?.includes(name ?? ""))).toEqual([]);
    const versions = [...must(["readelf", "-V", program]).matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) =>
      Number(minor),
    );
    if (target.endsWith("-musl")) expect(versions).toEqual([]);
    else expect(Math.max(...versions)).toBeLessThanOrEqual(17);
    if (target.endsWith("-musl")) console.log(`looked at, not run: ${target} (there is no musl with libstdc++ here)`);
  });

  test("the program for arm64 runs by user emulation with the C library alone", async () => {
    const qemu = await installed("qemu-aarch64-static", "qemu-user-static");
    const library = "/usr/aarch64-linux-gnu";
    const libc = await installed(`${library}/lib/libc.so.6`, "libc6-arm64-cross");
    if (qemu === null || libc === null) return console.log("skipped: no emulation of arm64 here");
    const program = join(unpack("linux-arm64", join(dir, "arm")), "bin/agent-harness");
    expect(must([qemu, "-L", library, program, "version"]).trim()).toContain(VERSION);
  }, 120_000);

  test.skipIf(!isRoot)("the program for this machine runs in a root with five files and /proc", () => {
    const root = join(dir, "root");
    const folder = unpack("linux-x64", join(dir, "for-root"));
    const libraries = [
      "/lib64/ld-linux-x86-64.so.2",
      ...["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0"].map((name) => `/lib/x86_64-linux-gnu/${name}`),
    ];
    for (const file of libraries) cpSync(file, join(root, file), { dereference: true });
    for (const each of ["proc", "tmp", "bin"]) mkdirSync(join(root, each));
    for (const name of ["agent-harness", "webhook-receiver"])
      cpSync(join(folder, "bin", name), join(root, "bin", name));
    must(["mount", "-t", "proc", "proc", join(root, "proc")]);
    try {
      expect(must(["chroot", root, "/bin/agent-harness", "version"])).toContain(VERSION);
      expect(must(["chroot", root, "/bin/webhook-receiver", "version"])).toContain(VERSION);
    } finally {
      must(["umount", join(root, "proc")]);
    }
  });
});

describe.skipIf(!can)("install.sh", () => {
  const folder = (): string => unpack("linux-x64", join(dir, "installed-from"));
  const install = (prefix: string, ...more: string[]): Ran =>
    sh(["sh", join(folder(), "install.sh"), "--no-units", "--prefix", prefix, ...more]);
  const filesBelow = (prefix: string): string[] =>
    [...new Bun.Glob("**/*").scanSync({ cwd: prefix, dot: true })].sort();

  test("installs below a prefix without a network, again over itself, and takes everything away", () => {
    const prefix = join(dir, "prefix");
    const first = install(prefix);
    expect([first.code, first.out]).toEqual([0, expect.stringContaining(`installed below ${prefix}`)]);
    expect(must([join(prefix, "bin/webhook-receiver"), "version"])).toContain(VERSION);
    expect(statSync(join(prefix, "bin/agent-harness")).ino).toBe(statSync(join(prefix, "bin/webhook-receiver")).ino);
    const files = filesBelow(prefix);
    expect(files).toContain("share/bash-completion/completions/agent-harness");
    expect(install(prefix).code).toBe(0);
    expect(filesBelow(prefix)).toEqual(files);
    expect(install(prefix, "--uninstall").code).toBe(0);
    expect(filesBelow(prefix)).toEqual([]);
    expect(install(prefix, "--uninstall")).toEqual({
      code: 1,
      out: `install.sh: nothing of it is installed below ${prefix}\n`,
    });
  }, 60_000);

  test("upgrades a program that runs", async () => {
    const prefix = join(dir, "running");
    install(prefix);
    const child = Bun.spawn([join(prefix, "bin/webhook-receiver"), "serve"], {
      env: {
        HOME: join(dir, "home"),
        PATH: process.env["PATH"] ?? "",
        AH_RECEIVER_PORT: "0",
        AH_RECEIVER_STATE_DIR: join(dir, "inbox"),
      },
      stdio: ["ignore", "ignore", "pipe"],
    });
    try {
      const reader = child.stderr.getReader();
      expect(new TextDecoder().decode((await reader.read()).value)).toContain("listens");
      expect(install(prefix).code).toBe(0);
      expect(child.exitCode).toBeNull();
    } finally {
      child.kill();
      await child.exited;
    }
  }, 60_000);

  test("says what is wrong, and writes nothing", () => {
    const prefix = join(dir, "untouched");
    expect(sh(["sh", join(folder(), "install.sh"), "--prefix", "relative"]).out).toContain(
      'the prefix is "relative", expected an absolute path',
    );
    expect(sh(["sh", join(folder(), "install.sh"), "--frob"]).out).toContain("there is no option --frob");
    const other = unpack("linux-arm64", join(dir, "wrong-machine"));
    // Without emulation this machine cannot start it; with it (a registered handler) it has no libraries.
    const { code, out } = sh(["sh", join(other, "install.sh"), "--prefix", prefix]);
    expect([code, out]).toEqual([1, expect.stringContaining("does not run here")]);
    expect(existsSync(prefix)).toBe(false);
  });

  test("without root it goes to the user's own folder", () => {
    const home = join(dir, "user-home");
    mkdirSync(home);
    writeFileSync(join(home, ".keep"), "");
    const from = folder();
    const argv = ["sh", join(from, "install.sh")];
    const run = isRoot
      ? sh(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...argv, "--prefix", join(home, ".local")], {
          env: { HOME: home },
        })
      : sh(argv, { env: { HOME: home } });
    if (isRoot) {
      // Only root can give the folder away first.
      expect(run.code).not.toBe(0);
      must(["chown", "-R", "65534:65534", home]);
      must(["chmod", "755", dir, join(dir, "installed-from"), from]);
      const again = sh(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...argv], {
        env: { HOME: home },
      });
      expect([again.code, again.out]).toEqual([0, expect.stringContaining(`installed below ${home}/.local`)]);
    } else expect(run.code).toBe(0);
    expect(readdirSync(join(home, ".local/bin")).sort()).toEqual(["agent-harness", "webhook-receiver"]);
    expect(basename(home)).toBe("user-home");
  }, 60_000);
});
