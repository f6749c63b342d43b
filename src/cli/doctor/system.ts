/** The machine: how many files may be watched, and whether a restart of our unit would take the agents with it. */
import { readFileSync } from "node:fs";
import type { Check } from "./check.ts";
import { ok, warn } from "./check.ts";

const LEAST_WATCHES = 8192;
const LEAST_INSTANCES = 128;

/** `run` starts a program and gives what it prints; null when it cannot be run. */
export function checkSystem(run: (argv: readonly string[]) => string | null): readonly Check[] {
  return [checkWatches(), checkGit(run(["git", "version"])), ...checkUnit(run)];
}

/** Agents' work is kept and compared with any git; merging it without a work tree came with 2.38. */
function checkGit(said: string | null): Check {
  const found = /\bgit version (\d+)\.(\d+)\S*/.exec(said ?? "");
  if (found === null) return warn("git", "none: agents get no folders of their own", "install git 2.38 or newer");
  const [version, major, minor] = [found[0].replace("git version ", ""), Number(found[1]), Number(found[2])];
  if (major > 2 || (major === 2 && minor >= 38)) return ok("git", version);
  return warn("git", `${version}: agents' work cannot be merged by merge`, "install git 2.38 or newer");
}

function checkWatches(): Check {
  const limit = (name: string): number => {
    try {
      return Number(readFileSync(`/proc/sys/fs/inotify/${name}`, "utf8"));
    } catch {
      return Number.POSITIVE_INFINITY;
    }
  };
  const [watches, instances] = [limit("max_user_watches"), limit("max_user_instances")];
  if (watches < LEAST_WATCHES || instances < LEAST_INSTANCES)
    return warn(
      "inotify",
      `${watches} watches, ${instances} instances`,
      `sysctl fs.inotify.max_user_watches=${Math.max(watches, 65_536)} fs.inotify.max_user_instances=${Math.max(instances, 512)}`,
    );
  return ok("inotify", `${watches} watches, ${instances} instances`);
}

function checkUnit(run: (argv: readonly string[]) => string | null): readonly Check[] {
  const found = [["systemctl"], ["systemctl", "--user"]]
    .map((command) => run([...command, "show", "agent-harness.service", "-p", "LoadState,KillMode,Delegate"]))
    .map(
      (text) => new Map((text ?? "").split("\n").map((line) => [line.split("=")[0] ?? "", line.split("=")[1] ?? ""])),
    )
    .find((facts) => facts.get("LoadState") === "loaded");
  if (found === undefined) return [ok("unit", "none of ours is loaded")];
  if (found.get("KillMode") !== "process")
    return [
      warn(
        "unit",
        `KillMode=${found.get("KillMode") ?? "?"}: a restart of the daemon ends the agents`,
        "KillMode=process (agent-harness systemd prints a unit)",
      ),
    ];
  if (found.get("Delegate") !== "yes")
    return [
      warn("unit", "no Delegate=yes: agents get no control groups of their own", "agent-harness systemd prints a unit"),
    ];
  return [ok("unit", "KillMode=process, Delegate=yes")];
}
