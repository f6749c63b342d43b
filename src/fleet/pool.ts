/**
 * Takes tasks from the pool while this box has room, and brings each to its end. What to do is decided in
 * `task-core.ts`; here it is done, one move at a time, and after every question whose outcome is unknown the database
 * is read again.
 */
import type { ApiDeps } from "../api/deps.ts";
import { witnessed } from "../api/idempotent.ts";
import type { App } from "../http/router.ts";
import { isObject } from "../lib/check.ts";
import type { Timer } from "../lib/clock.ts";
import { errorText } from "../lib/errors.ts";
import { tryJson } from "../lib/json.ts";
import type { Logger } from "../lib/log.ts";
import { findStarted } from "../store/fleet-started.ts";
import type { FleetTask } from "../store/fleet-tasks.ts";
import { dropTask, findFleetTask, fleetTasks, holdTask, runTask } from "../store/fleet-tasks.ts";
import { isBusy } from "../words/agent.ts";
import type { Database } from "./database.ts";
import { DatabaseAway } from "./database.ts";
import type { Hints } from "./hints.ts";
import { unlockSecrets } from "./lockbox.ts";
import type { Member } from "./member.ts";
import { createPreparer } from "./prepare.ts";
import type { LocalTask, TaskEnd } from "./task-core.ts";
import { nextMove } from "./task-core.ts";
import type { ReadTask } from "./task.ts";
import {
  askStart,
  claimTasks,
  giveBack,
  markStarted,
  reassert,
  reportEnd,
  saySuperseded,
  sweepTasks,
  takeOver,
  tasksOf,
} from "./task.ts";
import type { Turns } from "./turns.ts";

export interface PoolDeps {
  readonly api: ApiDeps;
  readonly database: Database;
  readonly member: () => Member | null;
  readonly hints: Hints;
  /** The routes of this box: a task's agent is made by the one that makes every agent. */
  readonly app: App;
  readonly capacity: number;
  /** That open secrets of tasks. */
  readonly keys: readonly string[];
  readonly log: Logger;
  /** What was read of tasks is acted on before this node vouches for the database, or is read again after it. */
  readonly turns: Turns;
  /** A named moment at which a test may kill us. */
  readonly seam: (name: string) => void;
}

export interface Pool {
  wake(): void;
  /** Something was committed about an agent. */
  changed(agent: string): void;
  /** Agents that were taken from the pool and are at work, with those that are only held. */
  busy(): number;
  stop(): void;
}

const LOOK_MS = 1000;
const SWEEP_MS = 5000;
const SOON_MS = 10;

const ABORT = { type: "abort", keepQueued: false } as const;

interface Ended {
  readonly end: TaskEnd;
  readonly error: string | null;
}

export function createPool(deps: PoolDeps): Pool {
  const { api, database, log, seam } = deps;
  const { store, clock, supervisor } = api;
  let timer: Timer | null = null;
  let working = false;
  let again = false;
  let stopped = false;
  /** Agents of tasks. */
  let known: ReadonlySet<string> = new Set();
  /** Agents that were interrupted for another box, of which the database has not heard yet. */
  const interrupted = new Set<string>();
  let sweptAt = Number.NEGATIVE_INFINITY;

  /** null: it is at work. An agent that is gone was deleted by somebody. */
  const endOf = ({ agent, step }: FleetTask): Ended | null => {
    if (step === "held") return null;
    const state = agent === null ? null : (supervisor.find(agent)?.state() ?? null);
    if (state === null) return supervisor.ready ? { end: "cancelled", error: "its agent was deleted" } : null;
    if (isBusy(state.status)) return null;
    const turn = state.lastTurn;
    if (turn === null) {
      if (state.status !== "exited") return null;
      return { end: "failed", error: state.startError?.message ?? state.cause.detail };
    }
    if (turn.outcome === "completed") return { end: "done", error: null };
    if (turn.outcome === "interrupted") return { end: "cancelled", error: null };
    return { end: "failed", error: turn.error?.message ?? turn.outcome };
  };

  const localOf = (row: FleetTask): LocalTask =>
    row.step === "held"
      ? { step: "held", claim: row.claim }
      : { step: "running", claim: row.claim, ended: endOf(row)?.end ?? null };

  const room = (rows: readonly FleetTask[]): number => deps.capacity - rows.filter((row) => endOf(row) === null).length;

  /** One move; true = there may be another at once. */
  const move = async (me: Member, row: FleetTask | null, remote: ReadTask | null): Promise<boolean> => {
    const id = row?.task ?? remote?.id ?? "";
    const claim = row?.claim ?? remote?.claim ?? 0;
    const what = nextMove(row === null ? null : localOf(row), remote, me, remote?.trusted === true);
    switch (what) {
      case "wait":
        return false;
      case "hold":
        if (remote === null) return false;
        if (begunHere(id, claim)) return await sayAgain(me, id);
        seam("task-claimed");
        store.transact(() => holdTask(store, { task: id, claim, project: remote.project, body: remote.body }));
        seam("task-held");
        return true;
      case "give_back":
        await giveBack(database.ask, me, id, claim, null);
        return true;
      case "take_over":
        await takeOver(database.ask, me, id, claim);
        return true;
      case "ask_start": {
        // Nothing of it is begun before the claim has been let start: a box that dies here loses nothing but time.
        const ready = preparer.of(id, remote?.project ?? "", remote?.repo ?? null);
        if (ready.type === "under_way") return false;
        if (ready.type === "refused") return await refuse(me, id, claim, ready.why, ready.again);
        await askStart(database.ask, me, id, claim);
        seam("task-starting");
        return true; // whatever it said: what is written there is read before anything is begun
      }
      case "run":
        return row !== null && (await run(me, row));
      case "mark_started":
        await markStarted(database.ask, me, id, claim, row?.agent ?? "");
        seam("task-started");
        return false;
      case "report_end": {
        const ended = row === null ? null : endOf(row);
        if (row === null || ended === null) return false;
        await reportEnd(database.ask, me, id, claim, { ...ended, agent: row.agent });
        return true;
      }
      case "abort":
        if (row?.agent) supervisor.find(row.agent)?.facts("api", ABORT);
        return false;
      case "superseded":
        if (row !== null) await superseded(me, row);
        return false;
      case "drop":
        store.transact(() => dropTask(store, id, claim, row === null ? null : endOf(row)));
        return false;
      case "reassert":
        return await sayAgain(me, id);
    }
  };

  /** It is interrupted at once, and forgotten here when the database has heard what became of it. */
  const superseded = async (me: Member, row: FleetTask): Promise<void> => {
    const { task, claim, agent } = row;
    const ended = endOf(row);
    const actor = ended === null && agent !== null && !interrupted.has(agent) ? supervisor.find(agent) : null;
    if (actor !== null) {
      const message = `its task ${task} was given to another box: it is interrupted`;
      log.warn("a task was given to another box: its agent here is interrupted", { task, agent });
      actor.facts("api", { type: "note", level: "warn", code: "superseded", message }, ABORT);
      interrupted.add(actor.id);
    }
    const outcome = ended === null || interrupted.has(agent ?? "") ? "interrupted" : ended.end;
    await saySuperseded(database.ask, me, task, { claim, agent, outcome });
    const end = { end: "cancelled", error: "it was given to another box" } as const;
    store.transact(() => dropTask(store, task, claim, ended ?? end));
    interrupted.delete(agent ?? "");
  };

  const begunHere = (id: string, claim: number): boolean => (findStarted(store, id)?.claim ?? 0) >= claim;

  /** Never begun again here, whatever the database says. */
  const sayAgain = async (me: Member, id: string): Promise<false> => {
    const started = findStarted(store, id);
    if (started !== null) await reassert(database.ask, me, started);
    return false;
  };

  /** Makes its agent: the commit that stores it is the one that lets go of the hold. */
  const run = async (me: Member, row: FleetTask): Promise<boolean> => {
    const { task, claim, project } = row;
    let body = "";
    try {
      body = await unlockSecrets(deps.keys, task, row.body);
    } catch (error) {
      return await refuse(me, task, claim, errorText(error));
    }
    const request = new Request(`http://localhost/api/v1/projects/${encodeURIComponent(project)}/agents`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    const response = await deps.app.fetch(
      witnessed(request, {
        done: ({ answer }) => runTask(store, task, claim, agentIn(answer), clock.now()),
        left: () => undefined,
      }),
    );
    // What is stored decides, not what was answered: of an agent that was made a failure may be told as well.
    if (findFleetTask(store, task)?.step === "running") {
      seam("task-running");
      return true;
    }
    const refusal = tryJson(await response.text());
    const why = isObject(refusal)
      ? `${String(refusal["error"])}: ${String(refusal["message"])}`
      : String(response.status);
    return await refuse(me, task, claim, why);
  };

  /** `again`: after a while this box may take it once more; else another has to. */
  const refuse = async (me: Member, task: string, claim: number, why: string, again = false): Promise<true> => {
    log.warn("a task cannot be begun here, it goes back to the queue", { task, why, again });
    await giveBack(database.ask, me, task, claim, { why, again });
    return true;
  };

  const round = async (me: Member): Promise<void> => {
    const rows = fleetTasks(store);
    known = new Set(rows.flatMap(({ agent }) => agent ?? []));
    const ids = rows.map(({ task }) => task);
    const remotes = new Map((await tasksOf(database.ask, me, ids)).map((each) => [each.id, each]));
    let moved = false;
    for (const row of rows) moved = (await move(me, row, remotes.get(row.task) ?? null)) || moved;
    for (const remote of remotes.values())
      if (!ids.includes(remote.id)) moved = (await move(me, null, remote)) || moved;
    const free = room(fleetTasks(store));
    if (free > 0 && supervisor.ready && !moved) {
      const taken = await claimTasks(database.ask, me, free);
      moved = taken.length > 0;
    }
    again ||= moved;
  };

  const work = async (): Promise<void> => {
    if (working) return void (again = true);
    working = true;
    let failed = false;
    again = false;
    try {
      await deps.turns(async () => {
        const me = deps.member();
        if (me === null || stopped) return;
        if (clock.monotonic() - sweptAt > SWEEP_MS) {
          sweptAt = clock.monotonic();
          await sweepTasks(database.ask);
        }
        await round(me);
      });
    } catch (error) {
      failed = true;
      if (!(error instanceof DatabaseAway) && !stopped) log.error("cannot go on with tasks of the pool", { error });
    } finally {
      working = false;
    }
    plan(again && !failed ? SOON_MS : LOOK_MS);
  };

  const plan = (ms: number): void => {
    timer?.cancel();
    if (!stopped) timer = clock.setTimer(ms, () => void work());
  };

  const wake = (): void => {
    if (working) again = true;
    else plan(SOON_MS);
  };
  const preparer = createPreparer({ api, app: deps.app, log, wake });

  return {
    wake,
    changed(agent) {
      const actor = known.has(agent) ? supervisor.find(agent) : null;
      if (known.has(agent) && (actor === null || !isBusy(actor.state().status))) wake();
    },
    busy: () => fleetTasks(store).filter((row) => endOf(row) === null).length,
    stop() {
      stopped = true;
      timer?.cancel();
      preparer.stop();
    },
  };
}

function agentIn(answer: string): string {
  const body = tryJson(answer);
  const agent = isObject(body) && isObject(body["agent"]) ? body["agent"]["id"] : undefined;
  if (typeof agent === "string") return agent;
  throw new Error("an agent was made that has no id");
}
