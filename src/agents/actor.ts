/**
 * One agent, alive: its state in memory, its process if it has one, and the transaction loop between them.
 * Commit first, then act: lines are written, processes spawned and signalled, and listeners told only after the step is
 * stored.
 */
import { rmSync } from "node:fs";
import type { Clock, Timer } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Identity } from "../process/identity.ts";
import type { AnyCodec, LaunchContext, PermissionMode } from "../providers/contract.ts";
import type { Agent, AgentSettings } from "../store/agents.ts";
import { deleteAgent, saveAgentState } from "../store/agents.ts";
import type { Store } from "../store/database.ts";
import type { EventRecord } from "../store/events.ts";
import type { GroupCommit } from "../store/group-commit.ts";
import { asPrompt, getInput } from "../store/inputs.ts";
import { markTruncated } from "../store/messages.ts";
import { grantsOf } from "../store/permissions.ts";
import type { Run } from "../store/runs.ts";
import { endRun, saveRunIdentity, saveRunProgress } from "../store/runs.ts";
import type { Bus } from "./bus.ts";
import { event } from "./ledger.ts";
import type { Live } from "./live.ts";
import type { AgentState, CauseSource, Fact, Limits } from "./model.ts";
import { nextDeadline } from "./state/time.ts";
import type { Deed, Notice, Progress, StepWork } from "./step.ts";
import { NO_PROGRESS, beginStep, storedAnswer } from "./step.ts";

/** What the agent's provider, project and settings come to right now. */
export interface Terms {
  readonly codec: AnyCodec;
  readonly permissions: PermissionMode;
  readonly launch: (run: number) => LaunchContext;
}

export interface ActorDeps {
  readonly store: Store;
  /** Of the same store: what agents write at the same time shares a commit. */
  readonly group: GroupCommit;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly log: Logger;
  readonly limits: Limits;
  readonly agentDir: string;
  readonly terms: (agent: Agent) => Terms;
  readonly newNonce: () => string;
  readonly enqueue: (agent: Agent, notice: Notice, state: AgentState) => void;
  /** Starts the process of a run; rejects when it could not come to be. */
  readonly begin: (actor: Actor, run: number, nonce: string) => Promise<void>;
  readonly purged: (id: string) => void;
  /** A named moment at which a test may kill us. */
  readonly seam: (name: string) => void;
}

export interface Actor {
  readonly id: string;
  readonly agentDir: string;
  agent(): Agent;
  state(): AgentState;
  progress(): Progress;
  live(): Live | null;
  terms(): Terms;
  /**
   * One transaction; returns what `work` returned. What it caused is done when this returns (spawns go on in the
   * background).
   */
  step<T>(source: CauseSource, work: (step: StepWork) => T): T;
  facts(source: CauseSource, ...facts: Fact[]): void;
  /**
   * Frames that arrived together; `offset` is behind the last of them. Resolves when they are stored, with those of
   * other agents.
   */
  frames(lines: readonly string[], offset: number, skipped: number): Promise<void>;
  /** A process of the latest run is there: store its identity and begin the handshake. */
  begun(identity: Identity): void;
  attach(live: Live): void;
  /** The same process, found by a new daemon with its output read. */
  adopt(): void;
  /** The process is gone and its output read. */
  ended(code: number | null, stdout?: { text: string; truncated: boolean }, never?: boolean): void;
  changeSettings(name: string | null, settings: AgentSettings): void;
  restore(run: Run): void;
  lastFrames(): readonly string[];
  /** Deadlines count from here on: before, what is stored was not yet compared with what lives. */
  activate(): void;
  close(): void;
}

const FRAMES_KEPT = 20;
const FRAME_KEPT_CHARS = 2000;
/** After the store refused a write: trying at once again helps nobody. */
const STORE_RETRY_MS = 5000;

export function createActor(deps: ActorDeps, initial: Agent): Actor {
  const { store, clock, bus } = deps;
  const log = deps.log.child({ agent: initial.id });
  let agent = initial;
  let progress: Progress = NO_PROGRESS;
  let nonce = "";
  let live: Live | null = null;
  let timer: Timer | null = null;
  let active = false;
  let closed = false;
  const recent: string[] = [];

  /** A step within a transaction that the caller has opened; what it gives must be called once that is committed. */
  const prepare = <T>(source: CauseSource, work: (step: StepWork) => T): (() => T) => {
    const now = clock.now();
    const { codec, permissions } = deps.terms(agent);
    const { traits } = codec;
    const before = { state: agent.state, progress };
    let newNonce = nonce;
    const events: EventRecord[] = [];
    const step = beginStep(
      {
        store,
        codec,
        entry: { store, project: agent.project, agent: agent.id, now, events },
        env: {
          nowMs: now,
          source,
          agentId: agent.id,
          permissions,
          limits: deps.limits,
          oneshot: traits.oneshot,
          redelivery: traits.redelivery,
          tornLine: traits.tornLine,
          startDeadlineMs: traits.startDeadlineMs,
        },
        newNonce: () => (newNonce = deps.newNonce()),
        enqueue: (notice, state) => deps.enqueue(agent, notice, state),
      },
      agent.state,
      progress,
    );
    const value = work(step);
    const result = step.result();
    if (result.state !== before.state) saveAgentState(store, agent.id, result.state, now);
    if (result.progress !== before.progress && result.state.run > 0)
      saveRunProgress(store, agent.id, result.state.run, result.progress);
    return () => {
      agent = { ...agent, state: result.state, updatedAt: now };
      progress = result.progress;
      nonce = newNonce;
      if (result.lines.length > 0) live?.send(result.lines);
      bus.committed({ agent: agent.id, events });
      for (const each of result.deltas) bus.delta(each);
      arm();
      for (const deed of result.deeds) carryOut(deed);
      return value;
    };
  };

  const commit = <T>(source: CauseSource, work: (step: StepWork) => T): T =>
    store.transact(() => prepare(source, work))();

  const arm = (): void => {
    timer?.cancel();
    timer = null;
    if (!active) return;
    const at = nextDeadline(agent.state, { limits: deps.limits, ...deps.terms(agent).codec.traits });
    if (at !== null) timer = clock.setTimer(Math.max(0, at - clock.now()), tick);
  };

  const tick = (): void => {
    try {
      actor.facts("timer", { type: "tick" });
    } catch (error) {
      log.error("cannot store that a deadline passed, will try again", { error });
      timer = clock.setTimer(STORE_RETRY_MS, tick);
    }
  };

  const carryOut = (deed: Deed): void => {
    switch (deed.do) {
      case "spawn":
        deps
          .begin(actor, deed.run, nonce)
          .catch((error: unknown) => log.error("cannot store how a start went", { run: deed.run, error }));
        return;
      case "end":
        return live?.end(deed.gently ? deps.terms(agent).codec.farewell(progress.codec) : null);
      case "inspect_tree":
        if (live !== null) actor.facts("timer", { type: "park", clean: live.isAlone() });
        return;
      case "purge":
        forget();
        actor.close();
        rmSync(deps.agentDir, { recursive: true, force: true });
        return deps.purged(agent.id);
    }
  };

  const forget = (): void => {
    const events: EventRecord[] = [];
    store.transact(() => {
      event({ store, project: agent.project, agent: agent.id, now: clock.now(), events }, "agent_deleted", {
        agent: { id: agent.id, name: agent.name },
      });
      deleteAgent(store, agent.id);
    });
    bus.committed({ agent: agent.id, events });
  };

  /** Inputs that an earlier process got and never confirmed. */
  const unconfirmed = (sameRun: boolean) => {
    const { flight, queue, run } = agent.state;
    const written = [...(flight === null || flight.accepted ? [] : [{ id: flight.input, run: flight.run }]), ...queue];
    return written
      .filter((each) => each.run !== null && (each.run === run) === sameRun)
      .flatMap((each) => getInput(store, each.id) ?? [])
      .map((input) => asPrompt(input, clock.now()));
  };

  const actor: Actor = {
    id: initial.id,
    agentDir: deps.agentDir,
    agent: () => agent,
    state: () => agent.state,
    progress: () => progress,
    live: () => live,
    terms: () => deps.terms(agent),
    step: commit,
    facts(source, ...facts) {
      commit(source, (step) => {
        for (const each of facts) step.fact(each);
      });
    },
    async frames(lines, offset, skipped) {
      for (const line of lines.slice(-FRAMES_KEPT)) recent.push(line.slice(0, FRAME_KEPT_CHARS));
      recent.splice(0, Math.max(0, recent.length - FRAMES_KEPT));
      const work = (step: StepWork): void => {
        step.progress({ offset, skippedLines: progress.skippedLines + skipped });
        if (skipped > 0)
          step.fact({
            type: "note",
            level: "warn",
            code: "line_too_long",
            message: `${skipped} line(s) of more than 16 MiB were skipped`,
          });
        step.touched();
        for (const raw of lines) step.frame({ raw, json: parse(raw) });
      };
      const from = live;
      // Let go of meanwhile: the next daemon reads these lines again. Another process: they are none of its own.
      await deps.group.write(
        () => (closed || live !== from ? null : prepare("frame", work)),
        (act) => act?.(),
      );
    },
    begun(identity) {
      const { run } = agent.state;
      commit("frame", (step) => {
        saveRunIdentity(store, agent.id, run, identity);
        const { codec, launch } = deps.terms(agent);
        step.codec(() =>
          codec.start({
            launch: launch(run),
            nowMs: clock.now(),
            unconfirmed: codec.traits.redelivery === "history" ? unconfirmed(false) : [],
            grants: grantsOf(store, agent.id),
          }),
        );
        const flight = agent.state.flight;
        const input = codec.traits.oneshot && flight !== null ? getInput(store, flight.input) : null;
        if (input !== null) step.codec((state) => codec.prompt(state, asPrompt(input, clock.now()), clock.now()));
      });
    },
    attach(next) {
      live?.close();
      live = next;
    },
    adopt() {
      const { codec } = deps.terms(agent);
      commit("reconcile", (step) => {
        const { open, turn } = step.state();
        step.touched();
        step.codec((state) =>
          codec.adopt(state, {
            nowMs: clock.now(),
            // A provable line needs no asking: the spool says whether it went out (see below).
            unconfirmed: codec.traits.redelivery === "dedupe" ? unconfirmed(true) : [],
            unsettled: open
              .filter((each) => each.answered)
              .flatMap((each) => storedAnswer(store, agent.id, each.id) ?? []),
            open: open.map((each) => each.ref),
            interrupting: turn !== null && turn.interrupt !== null,
          }),
        );
      });
      if (progress.outbox.length > 0) live?.send(progress.outbox.map(({ id, line }) => ({ id, text: line })));
    },
    ended(code, stdout, never = false) {
      const from = live;
      const stderrTail = from?.stderrTail() ?? "";
      const { run } = agent.state;
      live = null;
      try {
        commit("exit", (step) => {
          const { codec } = deps.terms(agent);
          if (progress.codec !== null)
            for (const fact of codec.exit(progress.codec, {
              code,
              stderrTail,
              ...(stdout === undefined ? {} : { stdout }),
            }))
              step.fact(fact);
          if (stdout?.truncated === true) markTruncated(store, agent.id, run);
          endRun(store, agent.id, run, code, clock.now());
          step.fact({ type: "exit", code, stderrTail, never });
        });
      } catch (error) {
        live ??= from; // not stored, so not over: the next sweep tells it again
        throw error;
      }
      from?.close();
      log.info("process ended", { run, code, status: agent.state.status });
    },
    changeSettings(name, settings) {
      agent = { ...agent, name, settings };
    },
    restore(run) {
      nonce = run.nonce;
      progress = {
        codec: run.codec,
        offset: run.offset,
        frames: run.frames,
        unknownFrames: run.unknownFrames,
        skippedLines: run.skippedLines,
        version: run.version,
        outbox: run.outbox,
      };
    },
    lastFrames: () => recent,
    activate() {
      active = true;
      arm();
    },
    close() {
      closed = true;
      active = false;
      timer?.cancel();
      live?.close();
      live = null;
    },
  };
  return actor;
}

function parse(raw: string): unknown {
  try {
    return JSON.parse(raw) as unknown;
  } catch {
    return undefined; // the codec is told that the line is no JSON
  }
}
