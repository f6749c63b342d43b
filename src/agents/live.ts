/**
 * A living process of an agent: its files followed, its stdin written to, its death noticed, its tree ended. I/O only.
 */
import type { Clock } from "../lib/clock.ts";
import { untilPossible } from "../lib/descriptors.ts";
import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { othersTurn, pause, waitUntil } from "../lib/wait.ts";
import type { CgroupUsage } from "../process/cgroup.ts";
import { isPopulated, usageOf } from "../process/cgroup.ts";
import { endTree } from "../process/end.ts";
import { createLineWriter } from "../process/fifo.ts";
import type { Identity } from "../process/identity.ts";
import { isAlive, isWrapperAlive, readExit, stillRuns } from "../process/identity.ts";
import type { RunPaths } from "../process/paths.ts";
import { createTail, readHead, readTail } from "../process/tail.ts";
import type { Tail } from "../process/tail.ts";
import { lives } from "../process/proc.ts";
import { treeOf } from "../process/tree.ts";
import type { ProcessInfo } from "../process/tree.ts";
import { watchRun } from "../process/watch.ts";
import type { Farewell, Traits } from "../providers/contract.ts";
import { agentFileSize } from "../process/agent-file.ts";
import { createDisk } from "./disk.ts";
import { closeGroup } from "./groups.ts";
import type { Fact } from "./model.ts";
import type { Line } from "./step.ts";

/** Whom a living process tells, and what it asks. */
export interface LiveListener {
  /**
   * Lines that arrived together, with where each begins; `offset` is behind the last of them. Resolves when they are
   * stored: no more are told before.
   */
  frames(lines: readonly string[], begins: readonly number[], offset: number, skipped: number): Promise<void>;
  /** Behind the last byte that is stored as read. */
  stored(): number;
  /** Is the agent at work? Then it may start programs that leave its tree. */
  busy(): boolean;
  /** Something of the process itself that is no frame. */
  fact(fact: Extract<Fact, { type: "note" | "torn" | "broken" }>): void;
  /** It is gone and its output read. A one-shot program's whole output comes with it. */
  ended(
    code: number | null,
    stdout?: { readonly text: string; readonly truncated: boolean },
    used?: CgroupUsage | null,
  ): void;
}

export interface Live {
  readonly identity: Identity;
  readonly paths: RunPaths;
  /** "inotify", or "sweep" where no notices can be had. */
  readonly watching: string;
  /** Its control group, where it has one. */
  readonly cgroup: string | null;
  /** What it used so far, as the last sweep saw it; null without a control group. */
  usage(): CgroupUsage | null;
  /** What could not be ended the last time. */
  survivors(): readonly ProcessInfo[];
  /** Members of its tree that live on without it, as far as they were ever seen. */
  left(): readonly ProcessInfo[];
  send(lines: readonly Line[]): void;
  /** Ends the process and all it started; null = no farewell, signals at once. */
  end(farewell: Farewell | null): void;
  /** Does nothing run in its tree but the program itself, which is so many processes? */
  isAlone(ownProcesses: number): boolean;
  tree(): readonly ProcessInfo[];
  /** Resolves when everything that was written so far is stored, and the end when it is over. */
  catchUp(): Promise<void>;
  /** It is gone: reads the rest and tells it, once. */
  finish(): Promise<void>;
  /** The sweep's look. */
  check(): void;
  stderrTail(): string;
  /** Lets go without touching the process. */
  close(): void;
}

const TERM_GRACE_MS = 3000;
const EXIT_FILE_MS = 2000;
const TORN_AGAIN_MS = 250;
/** Between the end of its input and its own. */
const CLOSING_MS = 2000;
const STDERR_TAIL_BYTES = 4000;
/** A one-shot program's answer is cut here. */
const STDOUT_CAP_BYTES = 16 * 1024 * 1024;

export interface LiveOptions {
  readonly listener: LiveListener;
  readonly traits: Pick<Traits, "oneshot" | "tornLine">;
  readonly paths: RunPaths;
  readonly identity: Identity;
  readonly offset: number;
  /** Nothing of it is told before: neither what it writes nor its end. */
  readonly held?: Promise<void>;
  readonly cgroup?: string;
  /** What its output may hold of the disk. */
  readonly outputBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export function openLive(options: LiveOptions): Live {
  const { listener, traits, paths, identity, offset, held = Promise.resolve(), cgroup, clock, log } = options;
  const where = cgroup === undefined ? {} : { cgroup };
  let used = cgroup === undefined ? null : usageOf(cgroup);
  const writer = createLineWriter({ paths, clock });
  let closed = false;
  let finishing: Promise<void> | null = null;
  let ending = false;
  let treeEnded = false;
  let survivors: readonly ProcessInfo[] = [];
  /** Whom a scan has seen in its tree, and who may have left it since. */
  let seen: readonly ProcessInfo[] = [];
  const disk = createDisk({
    paths,
    headBytes: traits.oneshot ? STDOUT_CAP_BYTES : 0,
    maxBytes: options.outputBytes,
    read: listener.stored,
    clock,
    onFull: (bytes) =>
      listener.fact({
        type: "broken",
        code: "OUTPUT_LIMIT",
        message: `its output holds ${bytes} bytes of the disk, limits.runOutputBytes is ${options.outputBytes}: the process was ended`,
      }),
  });
  let sending: Promise<void> = Promise.resolve();

  const follow = (from: number): Tail =>
    createTail({
      path: paths.out,
      offset: from,
      blocks: traits.oneshot,
      onShrunk: () => outputLost(),
      async onBatch({ lines, begins, endOffset, skipped }) {
        await held;
        if (!closed) await listener.frames(lines, begins, endOffset, skipped.length);
      },
      onError(error) {
        log.error("cannot store what the agent wrote, will read it again", { error });
        if (!closed) tail = follow(listener.stored());
      },
    });
  let tail = follow(offset);

  const watch = watchRun({
    paths,
    onOutput() {
      tail.poke();
      disk.checkUse();
    },
    // Without its wrapper a program may live on; the sweep will see its end then.
    onGone: () => {
      try {
        if (!isAlive(identity)) void live.finish();
      } catch (error) {
        log.warn("cannot look at the agent's process now, the next sweep does", { error });
      }
    },
    onLost: (reason) => log.warn("no notices of output any more, looking every few seconds instead", { reason }),
  });
  if (watch.reason !== null)
    log.warn("no notices of output, looking every few seconds instead", { reason: watch.reason });
  tail.poke();

  const cannotBeTold = (why: string): void =>
    listener.fact({ type: "broken", code: "INPUT_CLOSED", message: `the program lives, but ${why}` });

  const sendOne = async ({ text, id }: Line): Promise<void> => {
    if (closed) return;
    if (id !== undefined && (await writer.isWritten(id))) return; // an earlier daemon had sent it
    const options = id === undefined ? {} : { id, spooled: true };
    let result = await writer.write(text, options);
    // As often as it takes: a line that is given up here is one that the program never hears of.
    for (let tries = 1; result === "torn" && traits.tornLine === "newline" && !closed; tries++) {
      if (tries > 1) await pause(clock, TORN_AGAIN_MS);
      await writer.mend();
      result = await writer.write(text, options);
    }
    if (result === "torn" && !closed) listener.fact({ type: "torn" });
    if (result === "gone") await inputClosed();
  };

  /** Nobody reads what it is told. A program that is on its way out closes its input first: it gets a moment. */
  const inputClosed = async (): Promise<void> => {
    const over = (): boolean => closed || ending || !isAlive(identity);
    if (await waitUntil(clock, over, CLOSING_MS)) return;
    cannotBeTold("has closed its input: it can be told nothing any more");
  };

  /** What it writes cannot be read any more, or not told apart from what was read. */
  const outputLost = (): void => {
    if (closed || ending) return;
    const size = agentFileSize(paths.out);
    const read = listener.stored();
    if (size !== null && size >= read) return;
    const what = size === null ? "is not there any more" : `was cut to ${size} bytes, of which ${read} had been read`;
    const message = `the program lives, but its output cannot be read any more: its file ${what}`;
    listener.fact({ type: "broken", code: "OUTPUT_LOST", message });
  };

  const onWait = (error: unknown): void => log.warn("cannot write to the agent now, trying again", { error });

  const endAll = async (graceMs: number): Promise<void> => {
    const result = await endTree({ identity, paths, graceMs, clock, known: seen, ...where });
    treeEnded = true;
    survivors = result.survivors;
    if (survivors.length > 0)
      log.warn("some processes of the agent could not be ended", { pids: survivors.map((each) => each.pid) });
  };

  const finish = async (): Promise<void> => {
    await held;
    if (closed) return;
    await waitUntil(clock, () => readExit(paths) !== null || !isWrapperAlive(identity), EXIT_FILE_MS);
    writer.gone();
    const exit = readExit(paths);
    // A plain command that ended well may leave a daemon behind on purpose. What an agent leaves has lost its master.
    const leavesOnPurpose = traits.oneshot && !ending && exit?.code === 0;
    if (!treeEnded && !leavesOnPurpose && treeOf(identity, where).length > 0) await endAll(0);
    if (closed) return;
    const { shrunk } = await tail.drain({ final: true });
    if (closed) return;
    if (shrunk)
      listener.fact({
        type: "note",
        level: "warn",
        code: "output_shrunk",
        message: "the output file is shorter than what was read of it: what came after may be lost",
      });
    const whole = traits.oneshot ? readHead(paths.out, STDOUT_CAP_BYTES) : undefined;
    // So much text was work, and to store it is more: whoever asks meanwhile is not to wait for both.
    if (whole !== undefined) await othersTurn();
    if (closed) return;
    if (cgroup !== undefined) {
      // The last of it may still be on its way out of the kernel.
      if (!leavesOnPurpose) await waitUntil(clock, () => !isPopulated(cgroup), EXIT_FILE_MS);
      used = closeGroup(cgroup) ?? used;
    }
    if (leavesOnPurpose && cgroup === undefined) seen = treeOf(identity, { known: seen });
    listener.ended(readExit(paths)?.code ?? null, whole, used);
    await disk.settle();
  };

  const live: Live = {
    identity,
    paths,
    watching: watch.mode,
    cgroup: cgroup ?? null,
    usage: () => used,
    survivors: () => survivors,
    left: () => [...seen, ...survivors].filter(lives),
    send(lines) {
      for (const line of lines) {
        // What cannot be tried for want of a descriptor is tried until it can: the program waits for it, too.
        sending = sending
          .then(() => untilPossible(clock, () => sendOne(line), { wanted: () => !closed, onWait }))
          .catch((error: unknown) => {
            log.error("cannot write to the agent", { error });
            const tell = (): void => {
              if (!closed && !ending) cannotBeTold(`it can be told nothing any more: ${errorText(error)}`);
            };
            return untilPossible(clock, tell, { wanted: () => !closed });
          })
          .catch((error: unknown) => log.error("cannot store that an agent can be told nothing", { error }));
      }
    },
    end(farewell) {
      if (ending) return;
      ending = true;
      const possibly = <T>(work: () => Promise<T>): Promise<T> =>
        untilPossible(clock, work, {
          wanted: () => !closed,
          onWait: (error) => log.warn("cannot end the agent's process now, trying again", { error }),
        });
      void (async () => {
        if (farewell !== null && farewell.lines.length > 0) {
          live.send(farewell.lines.map((text) => ({ text })));
          await possibly(() => waitUntil(clock, () => !isAlive(identity), farewell.graceMs));
        }
        await possibly(async () => {
          if (!closed && isAlive(identity)) await endAll(TERM_GRACE_MS);
        });
        await live.finish();
      })().catch((error: unknown) => log.error("cannot end the agent's process", { error: errorText(error) }));
    },
    isAlone: (ownProcesses) => treeOf(identity, where).length <= ownProcesses,
    tree: () => treeOf(identity, where),
    async catchUp() {
      await tail.drain();
      if (!closed && !stillRuns(identity)) await live.finish();
    },
    finish: () =>
      (finishing ??= finish().catch((error: unknown) => {
        log.error("cannot store the end of a process, the next sweep tries again", { error });
        finishing = null;
      })),
    check() {
      if (closed) return;
      tail.poke();
      if (cgroup !== undefined) used = usageOf(cgroup) ?? used;
      if (!stillRuns(identity)) return void live.finish();
      outputLost();
      disk.checkUse();
      if (cgroup === undefined && listener.busy()) seen = treeOf(identity, { known: seen });
    },
    stderrTail: () => readTail(paths.err, STDERR_TAIL_BYTES).text,
    close() {
      if (closed) return;
      closed = true;
      watch.close();
      tail.close();
      writer.close();
    },
  };
  return live;
}
