/**
 * Tasks that this box took from the fleet's pool: held before anything of them is done, running from the commit that
 * made their agent. A held one has no agent: nothing can start it by mistake, at no boot and by no timer.
 */
import type { Store } from "./database.ts";
import { noteEnded, noteStarted } from "./fleet-started.ts";

export interface FleetTask {
  readonly task: string;
  readonly claim: number;
  readonly step: "held" | "running";
  readonly project: string;
  /** The body of the request that makes its agent. */
  readonly body: string;
  readonly agent: string | null;
}

const COLUMNS = "task, claim, step, project, body, agent";

export function fleetTasks(store: Store): FleetTask[] {
  return store.all<FleetTask>(`SELECT ${COLUMNS} FROM fleet_tasks ORDER BY task`);
}

export function findFleetTask(store: Store, task: string): FleetTask | null {
  return store.get<FleetTask>(`SELECT ${COLUMNS} FROM fleet_tasks WHERE task = ?`, task);
}

/** The first claim that is held stays: a later one is another matter, and begins when this one is over. */
export function holdTask(store: Store, { task, claim, project, body }: Omit<FleetTask, "step" | "agent">): void {
  store.run(
    "INSERT OR IGNORE INTO fleet_tasks (task, claim, step, project, body) VALUES (?, ?, 'held', ?, ?)",
    task,
    claim,
    project,
    body,
  );
}

/** In the transaction that makes its agent. What it was asked with is the agent's now. */
export function runTask(store: Store, task: string, claim: number, agent: string, now: number): void {
  const { changes } = store.run(
    "UPDATE fleet_tasks SET step = 'running', agent = ?, body = '' WHERE task = ? AND claim = ? AND step = 'held'",
    agent,
    task,
    claim,
  );
  if (changes !== 1) throw new Error(`the task ${task} is not held: its agent must not be made`);
  noteStarted(store, task, claim, agent, now);
}

/** From where this project was fetched, when it was this daemon that did it. */
export function repoOf(store: Store, project: string): string | null {
  return store.get<{ value: string }>("SELECT value FROM meta WHERE key = ?", `fleet.repo.${project}`)?.value ?? null;
}

export function saveRepo(store: Store, project: string, url: string): void {
  store.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", `fleet.repo.${project}`, url);
}

/** `ended`: how, where it was begun. That is remembered. */
export function dropTask(
  store: Store,
  task: string,
  claim: number,
  ended: Parameters<typeof noteEnded>[3] | null,
): void {
  store.run("DELETE FROM fleet_tasks WHERE task = ? AND claim = ?", task, claim);
  if (ended !== null) noteEnded(store, task, claim, ended);
}
