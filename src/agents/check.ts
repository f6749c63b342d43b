/**
 * Runs an agent's check: a process tree of its own under the wrapper of any run, found again by the next daemon,
 * without what pays for the agent. Tells how it ended; what that means for the turn is decided elsewhere. Loaded when
 * the first agent has one.
 */
import { dirname, join } from "node:path";
import type { Clock, Timer } from "../lib/clock.ts";
import { isShortage, untilPossible } from "../lib/descriptors.ts";
import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { scrub } from "../lib/scrub.ts";
import { discardAgentFolder, listAgentFolder } from "../process/agent-file.ts";
import type { Identity } from "../process/identity.ts";
import { isAlive, readIdentity } from "../process/identity.ts";
import { checkPaths } from "../process/paths.ts";
import { spawnRun } from "../process/spawn.ts";
import { readTail } from "../process/tail.ts";
import { SWEEP_MS } from "../process/watch.ts";
import { endLeftovers } from "../process/leftovers.ts";
import type { Store } from "../store/database.ts";
import { allChecks, deleteCheck, findCheck, insertCheck, saveCheckIdentity } from "../store/checks.ts";
import type { Verify } from "../words/agent.ts";
import { TAIL_BYTES, commandText, feedbackText, readable } from "./check-words.ts";
import type { Closer, ClosingAbout, Found, StepUnderWay } from "./closing.ts";
import type { Groups } from "./groups.ts";
import { describeOutOfMemory } from "./groups.ts";
import type { Live } from "./live.ts";
import { openLive } from "./live.ts";
import { asIdentity, recorded } from "./reconcile.ts";
import { given } from "../lib/given.ts";

export interface CheckDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly groups: Groups;
  readonly outputBytes: number;
  readonly newNonce: () => string;
  /** A named moment at which a test may kill us. */
  readonly seam: (name: string) => void;
}

const SECRET_NAME = /key|token|secret|passw|credential|auth/i;

/** Escapes of colours take room, too, before they are taken out. */
const READ_BYTES = 4 * TAIL_BYTES;

export const createCheckCloser =
  (deps: CheckDeps): Closer =>
  (about) => {
    const { verify, checking } = about.settings;
    const settled = (found: Found["found"]): StepUnderWay => ({
      done: Promise.resolve({ found, source: "check" }),
      expire: () => undefined,
      cancel: () => undefined,
      release: () => undefined,
    });
    // It was taken away since the turn began to be closed: nobody asks any more.
    if (verify === null) return settled({ is: "good" });
    const { cwd, env, trusted } = checking(about.turn);
    if (!trusted) {
      const message =
        "the project is not trusted any more, and a check runs what the repository brings: it was not run";
      return settled({ is: "bad", code: "PROJECT_UNTRUSTED", message, feedback: null });
    }
    return runCheck(deps, about, { verify, cwd, env });
  };

/** Of the variables that it was given: what its output is likely to show of them is no matter of a chat. */
const secretsOf = (env: Readonly<Record<string, string>>): string[] =>
  Object.entries(env).flatMap(([name, value]) => (SECRET_NAME.test(name) ? [value] : []));

interface Terms {
  readonly verify: Verify;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

function runCheck(deps: CheckDeps, about: ClosingAbout, { verify, cwd, env }: Terms): StepUnderWay {
  const { store, clock, log, groups, seam } = deps;
  const { agent, agentDir, turn, settings } = about;
  const n = about.lost + 1;
  // A name for both: every check of the agent has one of its own.
  const name = `${turn.slice(agent.id.length + 1)}-${n}`;
  const paths = checkPaths(agentDir, name);
  const group = `check-${name}`;
  const { promise: done, resolve, reject } = Promise.withResolvers<Found>();
  let live: Live | null = null;
  let sweep: Timer | null = null;
  let wanted = true;
  let released = false;
  /** Why it was ended by us. */
  let cut: string | null = null;

  const end = (why: string | null): void => {
    cut ??= why;
    live?.end(null);
  };

  const follow = (identity: Identity): Live => {
    let read = 0;
    const cgroup = groups.find(agent.id, group);
    const opened = openLive({
      paths,
      ...given({ cgroup }),
      identity,
      offset: 0,
      clock,
      log,
      traits: { oneshot: false, tornLine: "newline" },
      outputBytes: deps.outputBytes,
      listener: {
        frames: async (_lines, _begins, offset) => void (read = offset),
        stored: () => read,
        busy: () => true,
        fact: (fact) => fact.type === "broken" && end(fact.message),
        ended(code, _stdout, used) {
          const killed = used && used.oomKills > 0 ? describeOutOfMemory(used) : null;
          over(code, killed);
        },
      },
    });
    const look = (): void => {
      opened.check();
      sweep = clock.setTimer(SWEEP_MS, look);
    };
    sweep = clock.setTimer(SWEEP_MS, look);
    return opened;
  };

  const over = (code: number | null, killed: string | null): void => {
    sweep?.cancel();
    const printed = readTail(paths.out, READ_BYTES).text;
    const errors = readTail(paths.err, READ_BYTES).text;
    const tail = readable(scrub(printed === "" ? errors : printed, secretsOf(agent.settings.env)));
    live?.close();
    const record = (): void => deleteCheck(store, turn, n);
    if (!wanted) return record();
    seam("check_ended");
    resolve({ ...finding(code, cut ?? killed, tail), source: "check", record });
  };

  const finding = (code: number | null, why: string | null, tail: string): Pick<Found, "found"> => {
    if (code === 0 && why === null) return { found: { is: "good", checked: { passed: true, exitCode: 0, tail } } };
    // Nobody of us ended it, and nobody knows how it ended.
    if (code === null && why === null)
      return {
        found: {
          is: "lost",
          message: "the check was lost: it was killed together with its wrapper, or the box went down",
        },
      };
    const ended =
      why ??
      (code !== null && code > 128 ? `ended with code ${code} or signal ${code - 128}` : `ended with code ${code}`);
    const exitCode = why === null ? code : null;
    const left =
      (settings.closing.find(({ step }) => step === "check")?.attempts ?? 0) - (agent.state.fed.check ?? 0) - 1;
    const mark = deps.newNonce().slice(0, 12);
    return {
      found: {
        is: "bad",
        code: "VERIFY_FAILED",
        message: `the check \`${commandText(verify)}\` ${ended}`,
        feedback: feedbackText(verify, ended, tail, mark, left),
        checked: { passed: false, exitCode, tail },
      },
    };
  };

  /** A full disk is no reason to take a check for lost, nor to run it twice. */
  const whenStored = <T>(work: () => T): Promise<T> => untilPossible(clock, work, { wanted: () => !released });

  /** Of an earlier daemon, or a new one; null: nobody wants it any more. */
  const begin = async (): Promise<Identity | null> => {
    const row = await whenStored(() => findCheck(store, turn, n));
    if (row !== null) {
      const found = row.identity === null ? await recorded(paths, row.nonce, clock) : asIdentity(row.identity);
      if (found !== null) return found;
    }
    for (const old of listAgentFolder(dirname(paths.dir))) await discardAgentFolder(join(dirname(paths.dir), old));
    const nonce = row?.nonce ?? deps.newNonce();
    const insert = (): void => insertCheck(store, { agent: agent.id, turn, n, nonce });
    if (row === null) await whenStored(() => store.transact(insert));
    seam("check_stored");
    const attempt = async (): Promise<Identity> => {
      const found = readIdentity(paths);
      if (found !== null && found.nonce === nonce) return found;
      await discardAgentFolder(paths.dir);
      const cgroup = groups.make(agent.id, group, settings.limits);
      const argv = typeof verify.command === "string" ? ["/bin/sh", "-c", verify.command] : verify.command;
      return spawnRun({
        paths,
        // One stream, so that what it says stands in the order in which it was said.
        argv: ["/bin/sh", "-c", 'exec "$@" 2>&1', "check", ...argv],
        env,
        cwd,
        nonce,
        input: { kind: "file", path: "/dev/null" },
        ...given({ cgroup }),
      });
    };
    try {
      const onWait = (error: unknown): void => log.warn("cannot start a check now, trying again", { turn, error });
      return await untilPossible(clock, attempt, { wanted: () => wanted, onWait });
    } catch (error) {
      if (isShortage(error)) return null;
      store.transact(() => deleteCheck(store, turn, n));
      throw new Error(`the check could not be started: ${errorText(error)}`, { cause: error });
    }
  };

  const start = async (): Promise<void> => {
    const identity = await begin();
    seam("check_spawned");
    if (released) return;
    if (identity === null) return deleteCheck(store, turn, n);
    await whenStored(() => store.transact(() => saveCheckIdentity(store, turn, n, identity)));
    if (released) return;
    live = follow(identity);
    seam("check_followed");
    if (!wanted || cut !== null) live.end(null);
    if (!isAlive(identity)) await live.finish();
  };
  start().catch(reject);

  return {
    done,
    expire: () => end(`did not end within ${verify.timeoutMs} ms and was ended`),
    cancel() {
      wanted = false;
      end(null);
    },
    release() {
      released = true;
      wanted = false;
      sweep?.cancel();
      live?.close();
    },
  };
}

/** Checks of turns that were ended while we were away or just before we died: nobody waits for them. */
export async function endLeftChecks(
  { store, clock, log }: Pick<CheckDeps, "store" | "clock" | "log">,
  isWanted: (agent: string, turn: string) => boolean,
): Promise<void> {
  const left = (await untilPossible(clock, () => allChecks(store))).filter(({ agent, turn }) => !isWanted(agent, turn));
  if (left.length === 0) return;
  const survivors = await endLeftovers(new Set(left.map(({ nonce }) => nonce)), [], clock);
  if (survivors.length > 0)
    log.warn("some processes of a check could not be ended", { pids: survivors.map(({ pid }) => pid) });
  const forget = (): void => left.forEach(({ turn, n }) => deleteCheck(store, turn, n));
  await untilPossible(clock, () => store.transact(forget));
}
