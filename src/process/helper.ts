/**
 * Runs a small program to its end and takes what it says: within a time, within a size, and without waiting for pipes
 * that something it left behind still holds open. It leads a group of its own, which is gone when this returns.
 */
import { withDescriptors } from "../lib/descriptors.ts";
import { errorText } from "../lib/errors.ts";
import { withNotedUmask } from "../lib/umask.ts";
import { given } from "../lib/given.ts";

export interface HelperRequest {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A descriptor for its stdin, or the bytes that it reads there; it has none without. */
  readonly stdin?: number | Uint8Array;
  readonly timeoutMs: number;
  /** Of each stream; a program that says more is ended. */
  readonly maxBytes: number;
  /** Ends it before its time. */
  readonly signal?: AbortSignal;
  /** So long its last words are waited for; then the answer counts as `late`. Without: a moment, and no matter. */
  readonly drainMs?: number;
}

export interface HelperAnswer<Output = string> {
  /** null: ended by a signal, ours or another's. 127 and a message in `stderr`: it could not be started. */
  readonly code: number | null;
  readonly stdout: Output;
  readonly stderr: string;
  /** What we ended it for. */
  readonly stopped: "late" | "flood" | "unwanted" | null;
  /** Why it could not be started. */
  readonly cause?: unknown;
}

/** Behind the end of a program its last words are still in the pipe. */
const DRAIN_MS = 200;

/** Never rejects. */
export async function runHelper(request: HelperRequest): Promise<HelperAnswer> {
  const answer = await runForBytes(request);
  return { ...answer, stdout: answer.stdout.toString("utf8") };
}

/** The same, for output that is not text, or whose text may be of any encoding. */
export async function runForBytes(request: HelperRequest): Promise<HelperAnswer<Buffer>> {
  const { argv, env, cwd, stdin, timeoutMs, maxBytes, signal, drainMs } = request;
  const start = () =>
    Bun.spawn([...argv], {
      env,
      ...given({ cwd }),
      stdio: [stdin ?? "ignore", "pipe", "pipe"],
      detached: true,
    });
  let child: ReturnType<typeof start>;
  try {
    child = withNotedUmask(() => withDescriptors(start));
  } catch (error) {
    return { code: 127, stdout: Buffer.alloc(0), stderr: errorText(error), stopped: null, cause: error };
  }
  let stopped: HelperAnswer["stopped"] = null;
  const stop = (why: NonNullable<HelperAnswer["stopped"]>): void => {
    stopped ??= why;
    endGroup(child.pid, "SIGKILL");
  };
  const out = collect(child.stdout, maxBytes, () => stop("flood"));
  const err = collect(child.stderr, maxBytes, () => stop("flood"));
  const timer = setTimeout(() => stop("late"), timeoutMs);
  const unwanted = (): void => stop("unwanted");
  signal?.addEventListener("abort", unwanted);
  if (signal?.aborted === true) unwanted();
  await child.exited;
  clearTimeout(timer);
  signal?.removeEventListener("abort", unwanted);
  const whole = Promise.all([out.done, err.done]).then(() => true);
  const drained = await Promise.race([whole, Bun.sleep(drainMs ?? DRAIN_MS).then(() => false)]);
  if (!drained && drainMs !== undefined) stopped ??= "late";
  endGroup(child.pid, "SIGKILL"); // what it left behind
  return { code: child.exitCode, stdout: out.end(), stderr: err.end().toString("utf8"), stopped };
}

/** The leader of the group is ours; nobody may be left in it. */
export function endGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // nobody of it is left, or nobody that is ours
  }
}

/** Takes what comes up to a size. `end` lets go of the pipe and gives what there is. */
function collect(stream: ReadableStream<Uint8Array>, maxBytes: number, onFlood: () => void) {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const read = async (): Promise<void> => {
    try {
      for (;;) {
        const part = await reader.read();
        if (part.done) return;
        const room = maxBytes - bytes;
        if (room > 0) chunks.push(part.value.subarray(0, room));
        bytes += part.value.length;
        if (bytes > maxBytes) return onFlood();
      }
    } catch {
      // it broke off: what came is all there is
    }
  };
  return {
    done: read(),
    end(): Buffer {
      reader.cancel().catch(() => undefined);
      return Buffer.concat(chunks);
    },
  };
}
