/**
 * One agent in memory: its row, its progress, and the loop of transactions over them. Commit first, then act: lines are
 * written, processes begun and ended only after the step is stored. Its process is `run.ts`'s, its statuses the
 * reducer's.
 */
import { discardAgentFolder } from "../process/agent-file.ts";
import type { Timer } from "../lib/clock.ts";
import { soon } from "../lib/descriptors.ts";
import { unreachable } from "../lib/unreachable.ts";
import { tryJson } from "../lib/json.ts";
import type { Agent, AgentSettings } from "../store/agents.ts";
import { deleteAgent, saveAgentSettings, saveAgentState } from "../store/agents.ts";
import type { Input } from "../store/inputs.ts";
import type { Run } from "../store/runs.ts";
import { saveRunProgress } from "../store/runs.ts";
import type { AgentState, CauseSource, Elapsed } from "../words/agent.ts";
import type { Overspent, Standing } from "../words/budget.ts";
import type { ActorDeps } from "./actor-deps.ts";
import { createTeller, earlierActivity } from "./activity.ts";
import { promptOf } from "./attachments.ts";
import type { AgentClosing } from "./closing.ts";
import { createClosing } from "./closing.ts";
import type { AgentEntry } from "./journal.ts";
import { event } from "./journal.ts";
import type { Live } from "./live.ts";
import type { Fact, Notice, Surroundings } from "./model.ts";
import { joined } from "./pieces.ts";
import type { AgentRun } from "./run.ts";
import { createRun } from "./run.ts";
import { silenceMeter } from "./silence.ts";
import { spentOf, standings } from "./state/budget.ts";
import { nextDeadline, ranSince } from "./state/time.ts";
import type { Act, Progress, StepResult, StepWork } from "./step.ts";
import { NO_PROGRESS, beginStep } from "./step.ts";
import type { RunSettings } from "./run-settings.ts";
import { surroundingsOf } from "./surroundings.ts";
import { given } from "../lib/given.ts";

export interface Actor {
  readonly id: string;
  readonly agentDir: string;
  readonly run: AgentRun;
  agent(): Agent;
  state(): AgentState;
  progress(): Progress;
  live(): Live | null;
  runSettings(): RunSettings;
  /** How each limit of its budget stands, and which of them lets no further turn begin. */
  budget(): { readonly standings: readonly Standing[]; readonly spent: Overspent | null };
  /**
   * One transaction; returns what `work` returned. What it caused is done when this returns (starts and ends of
   * processes go on in the background).
   */
  step<T>(source: CauseSource, work: (step: StepWork) => T): T;
  facts(source: CauseSource, ...facts: Fact[]): void;
  /**
   * Lines that arrived together, each with where it begins; `offset` is behind the last of them. Resolves when they are
   * stored, with those of other agents.
   */
  frames(lines: readonly string[], begins: readonly number[], offset: number, skipped: number): Promise<void>;
  /**
   * `restart`: the running process has the old ones and is replaced before the next turn. `also` is part of the
   * transaction.
   */
  configure<T>(
    change: { readonly name: string | null; readonly settings: AgentSettings; readonly restart: boolean },
    also: (changed: Agent) => T,
  ): T;
  /** The latest run as an earlier daemon stored it. Says why, where what its codec has to know cannot be read. */
  restore(run: Run): string | null;
  lastFrames(): readonly string[];
  /** What the sweep does: is its process still there, and what has it used? */
  checkProcess(): void;
  /** It should have a process, and nobody follows or starts one: how a start went could not be stored. */
  isStranded(): boolean;
  /**
   * What its program has written so far is read and stored, as far as it can be in a moment: before something is asked
   * for that would make another thing of it. Never rejects because of a program.
   */
  caughtUp(): Promise<void>;
  /** When that moment of its running time was, by the wall clock. */
  wallTime(moment: number): number;
  /** Stores how much is left of what it waits for, should we die without a word. */
  remember(): Promise<void>;
  /**
   * Deadlines are decided from here on, and after `graceMs`: before, what is stored was not yet compared with what
   * lives.
   */
  activate(graceMs?: number): void;
  close(): void;
}

const FRAMES_KEPT = 20;
const FRAME_KEPT_CHARS = 2000;
/** Nobody who asks waits longer for a program's backlog to be read. */
const CAUGHT_UP_MS = 2000;
/** After the store refused a write: trying at once again helps nobody. */
const STORE_RETRY_MS = 5000;

export function createActor(deps: ActorDeps, initial: Agent): Actor {
  const { store, journal, clock, bus } = deps;
  const log = deps.log.child({ agent: initial.id });
  const scope = { project: initial.project, agent: initial.id };
  let agent: Agent = { ...initial, activity: earlierActivity(store, initial) };
  let progress: Progress = NO_PROGRESS;
  let timer: Timer | null = null;
  let quietTimer: Timer | null = null;
  let active = false;
  let closed = false;
  const recent: string[] = [];
  const startedAt = deps.running.now();
  const ranBefore = ranSince(initial.state.elapsed, deps.machine());
  const ranNow = (): number => Math.round(ranBefore + deps.running.now() - startedAt);
  /** No deadline is decided before: a daemon that has just come back must see what was done meanwhile. */
  let notBefore = 0;
  const runSettings = (): RunSettings => deps.runSettings(agent);
  const quietIn = silenceMeter(deps.running, () => runSettings().codec.silence?.(progress.codec) ?? []);
  const teller = createTeller(clock, (activity) => bus.activity({ ...scope, activity }));

  const surroundings = (source: CauseSource, nowMs: number): Surroundings =>
    surroundingsOf(deps, agent, { nowMs, ranMs: ranNow(), source });

  const elapsed = (): Elapsed => ({ ms: ranNow(), ...deps.machine() });

  /** Inside a transaction. */
  const advance = <T>(entry: AgentEntry, source: CauseSource, work: (step: StepWork) => T) => {
    const context = {
      store,
      entry,
      codec: runSettings().codec,
      env: surroundings(source, entry.now),
      accountLimits: () => deps.accounts.standing(agent).accountLimits,
      newNonce: deps.newNonce,
      newUuid: deps.newUuid,
      promptOf: (input: Input) => promptOf(store, deps.agentDir, runSettings(), input, entry.now),
      enqueue: (notice: Notice, state: AgentState) => deps.enqueue(agent, notice, state),
    };
    const step = beginStep(context, agent.state, progress);
    const value = work(step);
    const told = step.result();
    const changed = told.state !== agent.state;
    const result = changed ? { ...told, state: { ...told.state, elapsed: elapsed() } } : told;
    if (changed) saveAgentState(store, agent.id, result.state, entry.now);
    if (result.progress !== progress && result.state.run > 0)
      saveRunProgress(store, agent.id, result.state.run, result.progress);
    return { value, result, now: entry.now };
  };

  /** The memory follows the store, and what was decided is done: in this order, right after the commit. */
  const hooks = {
    stored({ result, now }: { readonly result: StepResult; readonly now: number }) {
      const activity = result.doing === null ? agent.activity : { ...result.doing, at: now };
      agent = { ...agent, state: result.state, updatedAt: now, ...given({ activity }) };
      progress = result.progress;
      run.send(result.lines);
    },
    announced({ result }: { readonly result: StepResult }) {
      for (const each of result.deltas) bus.delta(each);
      if (result.doing !== null && agent.activity) teller.tell(agent.activity);
      surely(arm);
      if (agent.state.ready) run.settled();
      for (const act of result.acts) surely(() => carryOut(act));
    },
  };

  /** What follows from a commit: to the one who wrote, it must not look as if nothing had been stored. */
  const surely = (work: () => void): void => soon(work, { clock, log, wanted: () => !closed });

  const commit = <T>(source: CauseSource, work: (step: StepWork) => T): T =>
    journal.write(scope, (entry) => advance(entry, source, work), hooks).value;

  const arm = (): void => {
    timer?.cancel();
    quietTimer?.cancel();
    timer = quietTimer = null;
    if (!active) return;
    const wait = quietIn();
    if (wait < Infinity) quietTimer = clock.setTimer(wait, listen);
    const { codec, budget } = runSettings();
    const at = nextDeadline(agent.state, { limits: deps.limits, budget, ...codec.traits });
    if (at !== null) timer = clock.setTimer(Math.max(at, notBefore) - ranNow(), tick);
  };

  /** By a timer: what its program has already written is read first, for it may be what is waited for. */
  const decide = async (what: string, work: (from: Live | null) => void): Promise<void> => {
    const from = run.live();
    try {
      await run.caughtUp();
      if (active) work(from);
    } catch (error) {
      if (!active) return;
      log.error(`cannot store ${what}, will try again`, { error });
      timer?.cancel();
      timer = clock.setTimer(STORE_RETRY_MS, () => void decide(what, work));
    }
  };

  const tick = (): Promise<void> => decide("that a deadline passed", () => actor.facts("timer", { type: "tick" }));

  /** It has been quiet as long as the codec wanted, unless what was just read says otherwise. */
  const listen = (): Promise<void> =>
    decide("what its silence tells", (from) => {
      if (from === null || run.live() !== from) return;
      if (quietIn() > 0) return arm();
      commit("frame", (step) =>
        step.codec((state) => runSettings().codec.quiet?.(state) ?? { state, facts: [], lines: [] }),
      );
    });

  const ownProcesses = (): number => runSettings().codec.ownProcesses?.(progress.codec) ?? 1;

  const carryOut = (act: Act): void => {
    const live = run.live();
    switch (act.do) {
      case "spawn":
        run
          .start(act.run, act.nonce)
          .catch((error: unknown) =>
            log.error("cannot store how a start went, the next sweep looks", { run: act.run, error }),
          );
        return;
      case "end":
        run.giveUpStart();
        return live?.end(act.gently ? runSettings().codec.farewell(progress.codec) : null);
      case "inspect_tree":
        if (live !== null) actor.facts("timer", { type: "park", clean: live.isAlone(ownProcesses()) });
        return;
      case "limits_changed":
        return deps.limitsChanged();
      case "tell_sharers":
        return deps.tellSharers(agent);
      case "purge":
        return forget();
      case "close_step":
        return closing.begin();
      case "close_expired":
        return closing.expire();
      case "close_cancel":
        return closing.cancel();
      default:
        return unreachable(act);
    }
  };

  const forget = (): void => {
    deps.groups.forget(agent.id); // first: what cannot be ended now is tried again, as long as we know of it
    journal.write(scope, (entry) => {
      event(entry, "agent_deleted", { agent: { id: agent.id, name: agent.name } });
      deleteAgent(store, agent.id);
    });
    actor.close();
    deps.accounts.forget(agent.id);
    deps.purged(agent.id);
    void discardAgentFolder(deps.agentDir).then((error) => {
      if (error !== null) log.warn("cannot remove the agent's folder, the next start tries again", { error });
    });
  };

  /** What a plain program prints is read whole at its end: until then it is only shown, when somebody looks. */
  const output = (step: StepWork, lines: readonly string[]): void => {
    step.touched();
    step.progress({ frames: progress.frames + lines.length });
    if (!bus.hearsDeltas()) return;
    for (const raw of joined(lines)) step.frame({ raw, json: undefined });
  };

  const frames = async (
    lines: readonly string[],
    begins: readonly number[],
    offset: number,
    skipped: number,
  ): Promise<void> => {
    // Of a plain program's output, which comes in blocks, the end is what was printed last.
    const { codec } = runSettings();
    const end = codec.traits.oneshot ? -FRAME_KEPT_CHARS : 0;
    for (const line of lines.slice(-FRAMES_KEPT)) recent.push(line.slice(end).slice(0, FRAME_KEPT_CHARS));
    recent.splice(0, Math.max(0, recent.length - FRAMES_KEPT));
    const from = run.live();
    const work = (step: StepWork): void => {
      step.progress({ offset, skippedLines: progress.skippedLines + skipped });
      if (skipped > 0)
        step.fact({
          type: "note",
          level: "warn",
          code: "line_too_long",
          message: `${skipped} line(s) of more than 16 MiB were skipped`,
        });
      if (codec.traits.oneshot) return output(step, lines);
      for (const [i, raw] of lines.entries()) step.frame({ raw, json: tryJson(raw) }, begins[i]);
    };
    // Let go of meanwhile: the next daemon reads these lines again. Another process: they are none of its own.
    const wanted = (): boolean => !closed && run.live() === from;
    // It may begin what waits, perhaps only since now: what a project's agents reserve of a day's budget must add up.
    const reserves = (): boolean => runSettings().budgetPerDay !== null && agent.state.queue.length > 0;
    const over = (): string[] => (reserves() ? [agent.id, `project ${agent.project}`] : [agent.id]);
    await journal.join(scope, over, wanted, (entry) => advance(entry, "frame", work), hooks);
  };

  const actor: Omit<Actor, "run"> = {
    id: initial.id,
    agentDir: deps.agentDir,
    agent: () => agent,
    state: () => agent.state,
    progress: () => progress,
    live: () => run.live(),
    runSettings,
    budget() {
      const terms = surroundings("api", clock.now());
      return { standings: standings(agent.state, terms), spent: spentOf(agent.state, terms) };
    },
    step: commit,
    frames,
    facts: (source, ...facts) => commit(source, (step) => facts.forEach((each) => step.fact(each))),
    configure({ name, settings, restart }, also) {
      const changed = (entry: AgentEntry) => {
        saveAgentSettings(store, agent.id, name, settings, entry.now);
        return advance(entry, "api", (step) => {
          step.event("agent_updated", { agent: { id: agent.id, name } });
          if (restart) step.fact({ type: "configured" });
          return also({ ...agent, name, settings, state: step.state() });
        });
      };
      return journal.write(scope, changed, {
        ...hooks,
        stored(result) {
          hooks.stored(result);
          agent = { ...agent, name, settings };
        },
      }).value;
    },
    restore({ codec, offset, frames: count, unknownFrames, skippedLines, version, outbox }) {
      const read = runSettings().codec.read(codec);
      const state = read.ok ? read.state : null;
      progress = { codec: state, offset, frames: count, unknownFrames, skippedLines, version, outbox };
      return read.ok ? null : read.reason;
    },
    lastFrames: () => recent,
    checkProcess() {
      const live = run.live();
      live?.check();
      const used = live?.usage();
      if (used) agent = { ...agent, resources: { cpuMs: used.cpuMs, memoryPeakBytes: used.memoryPeakBytes } };
    },
    isStranded() {
      const { process } = agent.state;
      return active && (process === "running" || process === "parking") && run.live() === null && !run.isStarting();
    },
    async caughtUp() {
      const limit = new Promise<void>((resolve) => void clock.setTimer(CAUGHT_UP_MS, resolve));
      const read = run.caughtUp().catch((error: unknown) => log.warn("cannot read on before what is asked", { error }));
      await Promise.race([read, limit]);
    },
    wallTime: (moment) => clock.now() - (ranNow() - moment),
    async remember() {
      const waits = (): boolean => active && timer !== null;
      if (!waits()) return;
      const stored = (state: AgentState): void => void (agent = { ...agent, state });
      const save = (entry: AgentEntry): AgentState => {
        const state = { ...agent.state, elapsed: elapsed() };
        saveAgentState(store, agent.id, state, entry.now);
        return state;
      };
      await journal.join(scope, () => [agent.id], waits, save, { stored });
    },
    activate(graceMs = 0) {
      active = true;
      notBefore = ranNow() + graceMs;
      surely(closing.begin);
      surely(arm);
    },
    close() {
      closed = true;
      active = false;
      arm();
      teller.close();
      closing.close();
      run.close();
    },
  };

  const closing: AgentClosing = createClosing({ closers: deps.closers, clock, log }, actor);
  const run = createRun(
    {
      store,
      clock,
      log,
      groups: deps.groups,
      outputBytes: deps.limits.runOutputBytes,
      gate: deps.gate,
      launch: deps.launch,
      payer: () => deps.accounts.identify(agent),
      prepare: (signal) => deps.prepare(agent, signal),
      seam: deps.seam,
    },
    actor,
  );
  return { ...actor, run };
}
