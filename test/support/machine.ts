/**
 * A machine with a real systemd as PID 1: a container over this very file system, or over a root of another system, and
 * written to a tmpfs that goes with it.
 * Needs root; the kernel is this one's. It has no network but its own loopback.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installed } from "./apt.ts";
import { eventually } from "./api.ts";

export interface Machine {
  /** Its files as seen from here. */
  readonly root: string;
  readonly systemd: number;
  /**
   * Runs a shell command in it; resolves with what it printed (both streams). Throws when it fails, unless told not to.
   */
  sh(command: string, options?: { readonly mayFail?: boolean }): Promise<string>;
  close(): Promise<void>;
}

/** Why there is none here; null when there can be one. */
export async function machineProblem(): Promise<string | null> {
  if (process.getuid?.() !== 0) return "not root";
  const nspawn = await installed("systemd-nspawn", "systemd-container", "systemd");
  if (nspawn === null) return "no systemd-nspawn";
  return readFileSync("/proc/filesystems", "utf8").includes("overlay") ? null : "no overlay file system";
}

/** `below`: the folder of its system, which is only read. */
export async function startMachine(below = "/"): Promise<Machine> {
  // Not below /tmp: the container mounts its own there.
  const base = `/run/ah-machine-${process.pid}`;
  mkdirSync(base);
  await run(["mount", "-t", "tmpfs", "tmpfs", base]);
  const [up, work, root] = ["up", "work", "root"].map((name) => join(base, name)) as [string, string, string];
  for (const dir of [up, work, root]) mkdirSync(dir);
  await run(["mount", "-t", "overlay", "overlay", "-o", `lowerdir=${below},upperdir=${up},workdir=${work}`, root]);
  // Its own identity: with none at all, the first boot asks questions.
  writeFileSync(join(root, "etc/machine-id"), `${crypto.randomUUID().replaceAll("-", "")}\n`);
  const flags = ["-q", `--directory=${root}`, "--boot", "--private-network", "--register=no", "--keep-unit"];
  const nspawn = Bun.spawn(["systemd-nspawn", ...flags, "--console=pipe"], { stdio: ["ignore", "ignore", "ignore"] });
  const systemd = await eventually("its systemd", () =>
    readFileSync(`/proc/${nspawn.pid}/task/${nspawn.pid}/children`, "utf8")
      .split(" ")
      .map(Number)
      .find((pid) => pid > 0 && commandOf(pid) === "systemd"),
  );
  const enter = ["nsenter", "-t", String(systemd), "-m", "-u", "-i", "-n", "-p"];
  const sh: Machine["sh"] = async (command, { mayFail = false } = {}) => {
    const child = Bun.spawn([...enter, "sh", "-c", command], {
      env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (code !== 0 && !mayFail) throw new Error(`in the machine: ${command}\nended with ${code}: ${out}${err}`);
    return `${out}${err}`;
  };
  let state = "";
  await eventually(
    "a booted machine",
    async () => /running|degraded/.test((state = await sh("systemctl is-system-running", { mayFail: true }))),
    120_000,
  ).catch((error: unknown) => {
    throw new Error(`the machine does not come up: ${state}`, { cause: error });
  });
  return {
    root,
    systemd,
    sh,
    async close() {
      process.kill(systemd, "SIGKILL"); // the first process of its namespace: all others go with it
      nspawn.kill("SIGKILL");
      await nspawn.exited;
      await run(["umount", "-l", root]);
      await run(["umount", "-l", base]);
      rmSync(base, { recursive: true, force: true });
    },
  };
}

/** Before it became the container's systemd it is nspawn's own helper. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

async function run(argv: string[]): Promise<void> {
  const child = Bun.spawn(argv, { stdio: ["ignore", "ignore", "pipe"] });
  if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")}: ${await new Response(child.stderr).text()}`);
}
