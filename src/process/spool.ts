/**
 * Lines too long for one atomic write: put into a file and copied into the FIFO by a detached writer that outlives us,
 * so that a daemon that dies in the middle leaves no half line. Files of one line, under `spool/`:
 * `<id>.line` what is to be written, `<id>.pid` who writes it, `<id>.whole` that all of it is in the FIFO but its LF,
 * `<id>.done` that the LF is, too.
 */
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isShortage, withDescriptors } from "../lib/descriptors.ts";
import { HarnessError } from "../lib/errors.ts";
import { listAgentFolder, readSmallFile } from "./agent-file.ts";
import { sameProcess } from "./identity.ts";
import type { RunPaths } from "./paths.ts";
import { toolEnv } from "./tools.ts";
import { COPY_SCRIPT, SPOOL_SCRIPT } from "./wrapper.ts";

/**
 * `whole`: the writer ended when all was written but perhaps the LF. `torn`: it ended before; any part of the line may
 * be in the FIFO, but no LF, so that its program has not heeded it.
 */
export type SpoolStatus = "absent" | "writing" | "whole" | "done" | "torn";

type SpoolPaths = Pick<RunPaths, "spool">;

/**
 * Begun by this process and perhaps not recorded yet: without it such a line would be taken for one that nobody writes.
 */
const begun = new Set<string>();

/**
 * Writes the line and its LF; `whole`: the LF may be missing; `absent`: the writer could not begin. Resolves when it
 * has ended. The same id again replaces an earlier, settled line.
 */
export async function spoolLine(
  paths: Pick<RunPaths, "spool" | "in">,
  id: string,
  line: string,
): Promise<Exclude<SpoolStatus, "writing">> {
  const base = basePath(paths, id);
  begun.add(base);
  try {
    for (const end of [".done", ".whole", ".pid", ".line"]) rmSync(base + end, { force: true });
    withDescriptors(() => writeFileSync(`${base}.line`, line, { mode: 0o600, flag: "wx" }));
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
  if (status === "done") tidy(base);
  return status;
}

/** The LF of a whole line was written by us. Where that cannot be recorded, the next daemon writes one more. */
export function spoolEnded(paths: SpoolPaths, id: string): void {
  const base = basePath(paths, id);
  if (unlessClosed(() => renameSync(`${base}.whole`, `${base}.done`))) tidy(base);
}

/** The prompt itself is not left lying about. */
function tidy(base: string): void {
  for (const end of [".line", ".pid", ".whole"]) unlessClosed(() => rmSync(base + end, { force: true }));
}

/**
 * False: it is not there, or an agent has made of its folder what we cannot change. Neither may keep anybody from
 * telling the process's end.
 */
function unlessClosed(change: () => void): boolean {
  try {
    change();
    return true;
  } catch (error) {
    if (isShortage(error)) throw error;
    return false;
  }
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
  if (!isRecorded(base)) {
    if (!takeAway(base)) return existsSync(`${base}.done`) ? "done" : "absent";
    if (!isRecorded(base)) return "absent";
  }
  if (writers(base).length > 0) return "writing";
  if (existsSync(`${base}.done`)) return "done"; // it may have ended between the two looks
  return existsSync(`${base}.whole`) ? "whole" : "torn";
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
      unlessClosed(() => process.kill(pid, "SIGKILL")); // gone meanwhile; or a forged record names somebody else's
    }
  }
}

const recordOf = (base: string): RegExpExecArray | null =>
  /^v1 (\S+) (\d+) (\d+) (\d+) (\d+)\n$/.exec(readSmallFile(`${base}.pid`, 1024) ?? "");

/** A record that the disk had no room for is none: its writer ended there. What stands behind it needs none. */
const isRecorded = (base: string): boolean => existsSync(`${base}.whole`) || recordOf(base) !== null;

/** Living processes that write this line: the one that copies and the one that waits for it. */
function writers(base: string): number[] {
  const match = recordOf(base);
  if (match === null) return [];
  const [, bootId = "", pid, ticks, outerPid, outerTicks] = match;
  const recorded = [
    { pid: Number(pid), ticks: Number(ticks) },
    { pid: Number(outerPid), ticks: Number(outerTicks) },
  ];
  return recorded.filter((it) => sameProcess(bootId, it.pid, it.ticks)).map((it) => it.pid);
}

const takeAway = (base: string): boolean => unlessClosed(() => renameSync(`${base}.line`, `${base}.void`));

function basePath(paths: SpoolPaths, id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(id)) return join(paths.spool, id);
  throw new HarnessError(
    "BAD_SPOOL_ID",
    `cannot spool a line as ${JSON.stringify(id)}, expected letters, digits, . _ -`,
  );
}
