/**
 * Lines too long for one atomic write: put into a file and copied into the FIFO by a detached writer that outlives us,
 * so that a daemon that dies in the middle leaves no half line. Files of one line, under `spool/`:
 * `<id>.line` what is to be written, `<id>.pid` who writes it, `<id>.done` that all of it was.
 */
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withDescriptors } from "../lib/descriptors.ts";
import { HarnessError, errorCode } from "../lib/errors.ts";
import { listAgentFolder, readSmallFile } from "./agent-file.ts";
import { sameProcess } from "./identity.ts";
import type { RunPaths } from "./paths.ts";
import { toolEnv } from "./tools.ts";
import { COPY_SCRIPT, SPOOL_SCRIPT } from "./wrapper.ts";

/** `torn`: the writer ended and did not say that it was done; any part of the line may be in the FIFO. */
export type SpoolStatus = "absent" | "writing" | "done" | "torn";

type SpoolPaths = Pick<RunPaths, "spool">;

/**
 * Begun by this process and perhaps not recorded yet: without it such a line would be taken for one that nobody writes.
 */
const begun = new Set<string>();

/**
 * Writes the line (and its LF). Resolves when the writer has ended. The same id again replaces an earlier, settled
 * line.
 */
export async function spoolLine(
  paths: Pick<RunPaths, "spool" | "in">,
  id: string,
  line: string,
): Promise<"done" | "torn"> {
  const base = basePath(paths, id);
  begun.add(base);
  try {
    for (const end of [".done", ".pid", ".line"]) rmSync(base + end, { force: true });
    withDescriptors(() => writeFileSync(`${base}.line`, `${line}\n`, { mode: 0o600, flag: "wx" }));
    const args = [COPY_SCRIPT, `${base}.line`, paths.in, base];
    const writer = withDescriptors(() =>
      Bun.spawn(["/bin/sh", "-c", SPOOL_SCRIPT, "ah-spool", ...args], {
        env: toolEnv(),
        stdio: ["ignore", "ignore", "ignore"],
        detached: true,
      }),
    );
    writer.unref();
    await writer.exited;
  } finally {
    begun.delete(base);
  }
  const status = await waitSpool(paths, id); // the outer shell may have been killed while the inner one still writes
  if (status === "done") for (const end of [".line", ".pid"]) rmSync(base + end, { force: true });
  return status === "done" ? "done" : "torn";
}

/**
 * What became of a line. Settles the one open case: spooled by a daemon that died before its writer had recorded
 * itself. The line file is taken away first and the record looked for after that, the writer does it the other way
 * round: so "absent" means that nothing was written and nothing ever will be.
 */
export function spoolStatus(paths: SpoolPaths, id: string): SpoolStatus {
  const base = basePath(paths, id);
  if (existsSync(`${base}.done`)) return "done";
  if (begun.has(base)) return "writing";
  if (!existsSync(`${base}.pid`)) {
    if (!takeAway(base)) return existsSync(`${base}.done`) ? "done" : "absent";
    if (!existsSync(`${base}.pid`)) return "absent";
  }
  if (writers(base).length > 0) return "writing";
  return existsSync(`${base}.done`) ? "done" : "torn"; // it may have ended between the two looks
}

/**
 * Resolves when nobody writes this line any more. Looks again and again, less and less often, as long as a writer
 * lives.
 */
export async function waitSpool(paths: SpoolPaths, id: string): Promise<Exclude<SpoolStatus, "writing">> {
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    const status = spoolStatus(paths, id);
    if (status !== "writing") return status;
    await Bun.sleep(pauseMs);
  }
}

/** Ids of the lines that were spooled in this run and not cleaned up after. */
export function listSpools(paths: SpoolPaths): string[] {
  const ids = new Set<string>();
  for (const name of listAgentFolder(paths.spool)) {
    const match = /^(.+)\.(?:line|pid)$/.exec(name);
    if (match?.[1] !== undefined) ids.add(match[1]);
  }
  return [...ids];
}

/** Kills every writer of the run: for when the reader of its FIFO is gone. */
export function endSpoolWriters(paths: SpoolPaths): void {
  for (const id of listSpools(paths)) {
    const base = basePath(paths, id);
    takeAway(base); // one that has not recorded itself yet will find nothing to write
    for (const pid of writers(base)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        if (errorCode(error) !== "ESRCH") throw error;
      }
    }
  }
}

/** Living processes that write this line: the one that copies and the one that waits for it. */
function writers(base: string): number[] {
  const match = /^v1 (\S+) (\d+) (\d+) (\d+) (\d+)\n$/.exec(readSmallFile(`${base}.pid`, 1024) ?? "");
  if (match === null) return [];
  const [, bootId = "", pid, ticks, outerPid, outerTicks] = match;
  const recorded = [
    { pid: Number(pid), ticks: Number(ticks) },
    { pid: Number(outerPid), ticks: Number(outerTicks) },
  ];
  return recorded.filter((it) => sameProcess(bootId, it.pid, it.ticks)).map((it) => it.pid);
}

function takeAway(base: string): boolean {
  try {
    renameSync(`${base}.line`, `${base}.void`);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

function basePath(paths: SpoolPaths, id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(id)) return join(paths.spool, id);
  throw new HarnessError(
    "BAD_SPOOL_ID",
    `cannot spool a line as ${JSON.stringify(id)}, expected letters, digits, . _ -`,
  );
}
