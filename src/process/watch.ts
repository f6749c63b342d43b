/**
 * Notices instead of looking: inotify on the run's folder for its output, the end of the `alive` FIFO for its death,
 * and the caller's one shared sweep as the backstop of both (a SIGKILL makes no inotify event, a watch may not be had).
 */
import { closeSync, readSync, statfsSync, watch } from "node:fs";
import { basename } from "node:path";
import { withDescriptors } from "../lib/descriptors.ts";
import { errorCode, errorText } from "../lib/errors.ts";
import { agentFileSize, openAgentFifo } from "./agent-file.ts";
import type { RunPaths } from "./paths.ts";

/** How often the caller looks at all live runs by itself, for what no notice tells. */
export const SWEEP_MS = 5000;

export interface RunWatch {
  /** `sweep`: no notices of output; it is seen when the sweep looks. */
  readonly mode: "inotify" | "sweep";
  /** Why there is no inotify, for people; null when there is. */
  readonly reason: string | null;
  close(): void;
}

export interface WatchOptions {
  readonly paths: RunPaths;
  /** The output may have grown. May come often, and when nothing did. */
  readonly onOutput: () => void;
  /**
   * The wrapper is gone, once: `exit` is written, or never will be. The program may still live if the wrapper was
   * killed.
   */
  readonly onGone: () => void;
  /** The watch was lost later: from here on it is the sweep. */
  readonly onLost: (reason: string) => void;
}

/** Call `onOutput`'s work once by hand after this: what was written before the watch stood gave no notice. */
export function watchRun({ paths, onOutput, onGone, onLost }: WatchOptions): RunWatch {
  const alive = watchAlive(paths.alive, onGone);
  const output = watchFolder(paths, onOutput, onLost);
  return {
    mode: output.reason === null ? "inotify" : "sweep",
    reason: output.reason,
    close() {
      alive.close();
      output.close();
    },
  };
}

/**
 * Bun 1.4.5 drops a change that comes within about 2 ms of the one before it on the same file, also when it is the last
 * one (tested): after a notice the file is looked at until it has been quiet for this long.
 */
const LOOK_AGAIN_MS = 5;

/**
 * The folder, not the file: a file watch misses replacements. Our own writes to `in` are in it too and are left out.
 */
function watchFolder(paths: RunPaths, onOutput: () => void, onLost: (reason: string) => void) {
  const none = (reason: string) => ({ reason, close: () => undefined });
  const network = networkFileSystem(paths.dir);
  if (network !== null) return none(`${paths.dir} is on ${network}, where changes are not told`);
  const out = basename(paths.out);
  let size = -1;
  let again: ReturnType<typeof setTimeout> | null = null;
  const noticeGrowth = (): void => {
    again = null;
    const now = agentFileSize(paths.out) ?? -1;
    if (now === size) return;
    size = now;
    again = setTimeout(noticeGrowth, LOOK_AGAIN_MS);
    onOutput();
  };
  try {
    const onChange = (_event: string, name: string | null): void => {
      if (name !== out && name !== null) return;
      if (again === null) {
        size = -1; // replaced by one of the same size is news too
        noticeGrowth();
      } else onOutput();
    };
    const watcher = withDescriptors(() => watch(paths.dir, onChange));
    const close = (): void => {
      watcher.close();
      if (again !== null) clearTimeout(again);
    };
    watcher.on("error", (error) => {
      close();
      onLost(errorText(error));
    });
    return { reason: null, close };
  } catch (error) {
    const cure = errorCode(error) === "ENOSPC" ? " (raise fs.inotify.max_user_watches)" : "";
    return none(`cannot watch ${paths.dir}: ${errorText(error)}${cure}`);
  }
}

const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0x6969: "NFS",
  0x517b: "SMB",
  0xff534d42: "CIFS",
  0xfe534d42: "SMB2",
  0x01021997: "9p",
  0x65735546: "FUSE",
  0x00c36400: "Ceph",
  0x5346414f: "AFS",
};

function networkFileSystem(dir: string): string | null {
  try {
    return NETWORK_FILE_SYSTEMS[statfsSync(dir).type >>> 0] ?? null;
  } catch {
    return null; // the watch itself will say what is wrong with the folder
  }
}

/**
 * Calls `onGone` once when nobody holds the FIFO open for writing. A non-blocking descriptor waits in the event loop's
 * epoll: no thread and no timer. Nothing is ever written to it.
 */
export function watchAlive(path: string, onGone: () => void): { close(): void } {
  let closed = false;
  const finish = (): boolean => {
    if (closed) return false;
    closed = true;
    return true;
  };
  const opened = openAgentFifo(path, "read");
  if (opened.is !== "file") {
    // The folder was never finished or is removed, or something else stands there: the process itself must tell.
    queueMicrotask(() => finish() && onGone());
    return { close: () => void finish() };
  }
  const { fd } = opened;
  if (nobodyWrites(fd)) {
    closeSync(fd);
    queueMicrotask(() => finish() && onGone());
    return { close: () => void finish() };
  }
  const follow = () => Bun.file(fd).stream().getReader();
  let reader: ReturnType<typeof follow>;
  try {
    reader = withDescriptors(follow);
  } catch {
    // No descriptor for it: the sweep looks at the process all the same.
    closeSync(fd);
    return { close: () => void finish() };
  }
  closeSync(fd); // the stream has made a copy, which it closes itself
  const read = async (): Promise<void> => {
    try {
      while (!(await reader.read()).done);
    } catch {
      // a descriptor that cannot be read tells nothing more either: look at the process
    }
    if (finish()) onGone();
  };
  void read();
  return { close: () => void (finish() && reader.cancel().catch(() => undefined)) };
}

/** A FIFO that had no writer when it was opened never reports a hang-up to epoll; a read tells. */
function nobodyWrites(fd: number): boolean {
  try {
    return readSync(fd, Buffer.alloc(1)) === 0;
  } catch (error) {
    if (errorCode(error) === "EAGAIN") return false;
    throw error;
  }
}
