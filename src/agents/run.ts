/**
 * The process of an agent's latest run: how it begins, is taken over from an earlier daemon, and ends. It brings the
 * world (`live.ts`, `launch.ts`) and the agent's books together and decides nothing about a status.
 */
import type { Clock } from "../lib/clock.ts";
import { isShortage, untilPossible } from "../lib/descriptors.ts";
import { HarnessError, errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { discardAgentFolder } from "../process/agent-file.ts";
import type { CgroupUsage } from "../process/cgroup.ts";
import type { Identity } from "../process/identity.ts";
import { readIdentity } from "../process/identity.ts";
import { runPaths } from "../process/paths.ts";
import type { ProcessInfo } from "../process/proc.ts";
import { lives } from "../process/proc.ts";
import { LaunchRefused } from "../providers/contract.ts";
import type { Store } from "../store/database.ts";
import { asPrompt, countSameBefore, getInput } from "../store/inputs.ts";
import { grantsOf } from "../store/permissions.ts";
import { endRun, saveRunAccount, saveRunIdentity } from "../store/runs.ts";
import { isBusy } from "../words/agent.ts";
import type { AgentState, CauseSource } from "../words/agent.ts";
import type { PromptInput } from "../words/said.ts";
import type { Groups } from "./groups.ts";
import { describeOutOfMemory } from "./groups.ts";
import { promptOf } from "./attachments.ts";
import type { LaunchRequest } from "./launch.ts";
import type { Live } from "./live.ts";
import { openLive } from "./live.ts";
import type { Fact } from "./model.ts";
import type { Pass, StartGate, Waiting } from "./start-gate.ts";
import type { Line, Progress, StepWork } from "./step.ts";
import { storedAnswer } from "./step.ts";
import type { RunSettings } from "./run-settings.ts";
import { given } from "../lib/given.ts";

/** The agent's books, as its process needs them. */
export interface RunBooks {
  readonly id: string;
  readonly agentDir: string;
  state(): AgentState;
  progress(): Progress;
  runSettings(): RunSettings;
  step(source: CauseSource, work: (step: StepWork) => void): void;
  facts(source: CauseSource, ...facts: Fact[]): void;
  frames(lines: readonly string[], begins: readonly number[], offset: number, skipped: number): Promise<void>;
}

export interface RunDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly groups: Groups;
  /** What the output of a run may hold of the disk. */
  readonly outputBytes: number;
  /** Of all agents: starts of one provider wait for each other where it needs that. */
  readonly gate: StartGate;
  readonly launch: (request: LaunchRequest) => Promise<Identity>;
  /** Which account its next process is on. */
  readonly payer: () => Promise<string>;
  /** Makes what the agent needs before it starts; null: nothing. Rejects with what stands in the way. */
  readonly prepare: (signal: AbortSignal) => Promise<void> | null;
  /** A named moment at which a test may kill us. */
  readonly seam: (name: string) => void;
}

export interface AgentRun {
  live(): Live | null;
  /** A start is under way, or waits for what it needs. */
  isStarting(): boolean;
  /** What earlier processes left behind, as far as a scan has seen it. */
  left(): readonly ProcessInfo[];
  /**
   * Starts the process of a run whose row is committed. Whatever goes wrong becomes the run's end. Rejects only when
   * the store cannot be written.
   */
  start(run: number, nonce: string): Promise<void>;
  /** Its start is not wanted any more: one that waits for others ends at once, one that hangs after a moment. */
  giveUpStart(): void;
  /** It is ready: others of its provider may start. */
  settled(): void;
  /**
   * Follows a process of the latest run from a byte of its output on. `fresh`: it was told nothing yet, so nothing of
   * it is told before `begun` is stored.
   */
  follow(identity: Identity, offset: number, fresh: boolean): Live;
  attach(live: Live): void;
  /** It is there and was told nothing yet: stores its identity and who pays ("" = not known), begins the handshake. */
  begun(identity: Identity, account: string): void;
  /** All that its program has written is stored, its end too when it is gone. */
  caughtUp(): Promise<void>;
  /** The same process, found by a new daemon with its output read. */
  adopt(): void;
  send(lines: readonly Line[]): void;
  /** The process is gone and its output read. `never`: it did not come to be. */
  ended(
    code: number | null,
    stdout?: { text: string; truncated: boolean },
    never?: boolean,
    used?: CgroupUsage | null,
  ): void;
  /** Lets go without touching the process. */
  close(): void;
}

export function createRun(deps: RunDeps, books: RunBooks): AgentRun {
  const { store, clock, log, groups, outputBytes, gate, launch, payer, prepare, seam } = deps;
  let live: Live | null = null;
  let left: readonly ProcessInfo[] = [];
  let closed = false;
  /** A start that waits for others of its provider. */
  let inLine: Waiting | null = null;
  let pass: Pass | null = null;
  let preparing: AbortController | null = null;
  let launching = new AbortController();
  /** Lets be told what the process does; also of one that is let go, so that nothing waits for ever. */
  let release = (): void => undefined;

  const leaveGate = (): void => {
    pass?.();
    pass = null;
  };

  let starting = false;

  /** Resolves when this start may go; false when nobody wants it any more. */
  const through = async (): Promise<boolean> => {
    const { kind, traits } = books.runSettings().codec;
    if (traits.startSpacingMs === undefined) return true;
    const entered = gate.enter(kind, traits.startSpacingMs);
    if (typeof entered === "function") {
      pass = entered;
      return true;
    }
    books.facts("timer", { type: "start_in_line", detail: `waits for another start of ${kind}` });
    inLine = entered;
    pass = await entered.pass;
    inLine = null;
    if (pass === null || closed || books.state().intent !== null) return false;
    books.facts("timer", { type: "start_begins" });
    return true;
  };

  /** False: nobody wants this start any more. */
  const prepared = async (): Promise<boolean> => {
    const unwanted = new AbortController();
    const making = prepare(unwanted.signal);
    if (making === null) return true;
    preparing = unwanted;
    const wanted = (): boolean => !closed && books.state().intent === null;
    books.facts("timer", { type: "start_in_line", detail: "its workspace is being made" });
    try {
      await making;
    } catch (error) {
      if (wanted()) throw error;
    } finally {
      preparing = null;
    }
    if (!wanted()) return false;
    books.facts("timer", { type: "start_begins" });
    return true;
  };

  /** Inputs that an earlier process got and never confirmed; of this one with `sameRun`. */
  const unconfirmed = (sameRun: boolean): PromptInput[] => {
    const { flight, queue, run } = books.state();
    const written = [...(flight === null || flight.accepted ? [] : [{ id: flight.input, run: flight.run }]), ...queue];
    return written
      .filter((each) => each.run !== null && (each.run === run) === sameRun)
      .flatMap((each) => getInput(store, each.id) ?? [])
      .map((input) => ({
        ...promptOf(store, books.agentDir, books.runSettings(), input, clock.now()),
        sameBefore: countSameBefore(store, input),
      }));
  };

  /**
   * The process of the run. Where it could not come to be for want of descriptors, processes, memory or disk, nothing
   * has failed: it is tried again, and what it waits for is shown. null: nobody wants it any more.
   */
  const launched = async (run: number, nonce: string): Promise<Identity | null> => {
    const paths = runPaths(books.agentDir, run);
    const wanted = (): boolean => !closed && books.state().run === run && books.state().intent === null;
    const { signal: unwanted } = launching;
    let tried = false;
    const attempt = async (): Promise<Identity> => {
      // It may have been started, and only its record could not be read.
      const found = tried ? readIdentity(paths) : null;
      if (found !== null && found.nonce === nonce) return found;
      if (tried) await discardAgentFolder(paths.dir);
      tried = true;
      const { id: agent, agentDir } = books;
      return launch({ agent, agentDir, groups, settings: books.runSettings(), run, nonce, unwanted });
    };
    const onWait = (error: unknown): void => {
      const message = `cannot start now, trying again: ${errorText(error)}`;
      try {
        books.facts("timer", { type: "start_waits", message });
      } catch (untold) {
        if (!isShortage(untold)) throw untold; // the store is what is missing: the next wait tells it
      }
    };
    try {
      return await untilPossible(clock, attempt, { wanted, onWait });
    } catch (error) {
      if (isShortage(error)) return null;
      throw error;
    }
  };

  const it: AgentRun = {
    live: () => live,
    left: () => left.filter(lives),
    isStarting: () => starting,
    async start(run, nonce) {
      starting = true;
      launching = new AbortController();
      try {
        if (!(await prepared()) || !(await through())) {
          leaveGate();
          if (!closed) it.ended(null, undefined, true);
          return;
        }
        const account = await payer();
        const identity = await launched(run, nonce);
        seam("spawned");
        if (closed) return; // the next daemon finds it by its `pid` file
        if (identity === null) return it.ended(null, undefined, true);
        await untilPossible(clock, () => void (live ?? it.follow(identity, 0, true)), { wanted: () => !closed });
        await untilPossible(clock, () => it.begun(identity, account), { wanted: () => !closed });
        if (books.state().intent !== null) live?.end(null);
      } catch (error) {
        if (closed) return;
        if (isShortage(error)) {
          // Whether it runs is not known by that: it is looked for as after a restart.
          live?.close();
          release();
          live = null;
          throw error;
        }
        const known = error instanceof LaunchRefused || error instanceof HarnessError;
        if (!known) log.error("cannot start an agent's process", { run, error });
        // One that somebody wanted to end has ended by that, whatever it says.
        const asked = books.state().intent !== null;
        const code = known ? error.code : "START_FAILED";
        if (!asked) books.facts("exit", { type: "start_failed", code, message: errorText(error) });
        it.ended(null, undefined, asked);
      } finally {
        starting = false;
      }
    },
    follow(identity, offset, fresh) {
      const { run } = books.state();
      const cgroup = groups.find(books.id, run);
      const { promise: held, resolve } = Promise.withResolvers<void>();
      const opened = openLive({
        paths: runPaths(books.agentDir, run),
        ...given({ cgroup }),
        identity,
        offset,
        held,
        clock,
        log,
        traits: books.runSettings().codec.traits,
        outputBytes,
        listener: {
          frames: books.frames,
          stored: () => books.progress().offset,
          busy: () => isBusy(books.state().status),
          fact: (fact) => books.facts("reconcile", fact),
          ended: (code, stdout, used) => it.ended(code, stdout, false, used),
        },
      });
      it.attach(opened);
      release = resolve;
      if (!fresh) release();
      return opened;
    },
    giveUpStart() {
      inLine?.giveUp();
      preparing?.abort();
      if (!closed) launching.abort(); // else it outlives us
    },
    settled: leaveGate,
    attach(next) {
      live?.close();
      release();
      live = next;
    },
    begun(identity, account) {
      const { run } = books.state();
      books.step("frame", (step) => {
        saveRunIdentity(store, books.id, run, identity);
        if (account !== "") saveRunAccount(store, books.id, run, account);
        if (step.state().startInLine) step.fact({ type: "start_begins" });
        const settings = books.runSettings();
        const { codec } = settings;
        step.codec(() =>
          codec.start({
            launch: settings.launch(run),
            nowMs: clock.now(),
            unconfirmed: codec.traits.redelivery === "history" ? unconfirmed(false) : [],
            grants: grantsOf(store, books.id),
          }),
        );
        const { flight } = books.state();
        const input = codec.traits.oneshot && flight !== null ? getInput(store, flight.input) : null;
        if (input === null) return;
        step.codec((state) => codec.prompt(state, asPrompt(input, clock.now()), clock.now()));
        // An abort that came while it was being started: its codec, which is new, must know whose the end to come is.
        const { turn } = step.state();
        if (turn !== null && turn.interrupt !== null) step.codec((state) => codec.interrupt(state, clock.now()));
      });
      release();
    },
    async caughtUp() {
      await live?.catchUp();
    },
    adopt() {
      const { codec } = books.runSettings();
      books.step("reconcile", (step) => {
        const { open, turn, limited } = step.state();
        step.codec((state) =>
          codec.adopt(state, {
            nowMs: clock.now(),
            // A provable line needs no asking: the spool says whether it went out (see below).
            unconfirmed: codec.traits.redelivery === "dedupe" ? unconfirmed(true) : [],
            unsettled: open
              .filter((each) => each.answered)
              .flatMap((each) => storedAnswer(store, books.id, each.id) ?? []),
            open: open.map((each) => each.ref),
            interrupting: turn !== null && (turn.interrupt !== null || limited?.stage === "leaving"),
          }),
        );
      });
      it.send(books.progress().outbox.map(({ id, line }) => ({ id, text: line })));
    },
    send(lines) {
      if (lines.length > 0) live?.send(lines);
    },
    ended(code, stdout, never = false, used = null) {
      const from = live;
      const killed = used !== null && used.oomKills > 0 ? describeOutOfMemory(used) : null;
      const stderrTail = [from?.stderrTail() ?? "", killed ?? ""].filter((part) => part !== "").join("\n");
      const { run } = books.state();
      live = null;
      leaveGate();
      try {
        books.step("exit", (step) => {
          const { codec } = books.runSettings();
          const { codec: state } = books.progress();
          const context = { code, stderrTail, ...given({ stdout }) };
          const facts = state === null ? [] : codec.exit(state, context);
          // A turn that we ended ends as we said, not as the exit of its program looks.
          const { broken } = books.state();
          step.lastWords();
          for (const fact of facts) if (broken === null || fact.type !== "turn_ended") step.fact(fact);
          if (killed !== null) step.fact({ type: "note", level: "warn", code: "out_of_memory", message: killed });
          endRun(store, books.id, run, code, clock.now(), used);
          step.fact({ type: "exit", code, stderrTail, never });
        });
      } catch (error) {
        live ??= from; // not stored, so not over: the next sweep tells it again
        throw error;
      }
      left = [...left.filter(lives), ...(from?.left() ?? [])];
      from?.close();
      release();
      log.info("process ended", { run, code, status: books.state().status });
    },
    close() {
      closed = true;
      it.giveUpStart();
      leaveGate();
      live?.close();
      release();
      live = null;
    },
  };
  return it;
}
