/**
 * What a node does next about a task that it took, decided from what its own store and the database say: pure. The
 * one thing that it must never say is `run` while somebody else may run the task too. A node never runs what it has
 * not stored as held before, and never what the database has not let it start after that.
 */

export const TASK_STATES = ["queued", "claimed", "starting", "started", "done", "failed", "cancelled"] as const;
export type TaskState = (typeof TASK_STATES)[number];

export const isOver = (state: TaskState): boolean => state === "done" || state === "failed" || state === "cancelled";

/** How a task ends, by what became of its agent's turn. */
export type TaskEnd = "done" | "failed" | "cancelled";

/** The task as the database has it. */
export interface RemoteTask {
  readonly state: TaskState;
  readonly claim: number;
  readonly claimedBy: number | null;
  readonly session: string | null;
  /** Somebody wants it ended. */
  readonly cancel: boolean;
}

/** The task as this box's store has it. */
export type LocalTask =
  /** Its agent is not there yet. */
  | { readonly step: "held"; readonly claim: number }
  /** Its agent was made, and runs or ran. */
  | { readonly step: "running"; readonly claim: number; readonly ended: TaskEnd | null };

export interface Myself {
  readonly no: number;
  readonly session: string;
}

export type TaskMove =
  /** Store what is to be done, before anything else. */
  | "hold"
  /** Ask the database to let it start: only the claim that it knows may. */
  | "ask_start"
  /** An earlier daemon of this box held it: it is this one's now. */
  | "take_over"
  /** Make the agent; with that commit it is no longer held. */
  | "run"
  | "mark_started"
  | "report_end"
  | "abort"
  /** Somebody else has it: whatever runs here is ended, and what ran is said to be superseded. */
  | "superseded"
  /** Nothing of it is needed here any more. */
  | "drop"
  /** Taken and never held: whoever wants it may have it. */
  | "give_back"
  /** The database has forgotten that it was begun here. */
  | "reassert"
  | "wait";

/** What rests on the database knowing all that was ever begun: it does not while it may be an older copy of itself. */
const NEEDS_TRUST: ReadonlySet<TaskMove> = new Set(["hold", "ask_start", "take_over", "run", "give_back"]);

/** `remote` null: the database no longer has it. `trusted`: when that was read, all nodes vouched for the database. */
export function nextMove(local: LocalTask | null, remote: RemoteTask | null, me: Myself, trusted: boolean): TaskMove {
  const move = moveOf(local, remote, me);
  return trusted || !NEEDS_TRUST.has(move) ? move : "wait";
}

/** Of a task that was begun under this claim: claims only grow, and what was let start waits no more. */
export const isForgotten = ({ claim, state }: RemoteTask, begun: number): boolean =>
  claim < begun || (claim === begun && (state === "queued" || state === "claimed"));

function moveOf(local: LocalTask | null, remote: RemoteTask | null, me: Myself): TaskMove {
  if (local === null) return withoutRecord(remote, me);
  const mine = remote !== null && remote.claim === local.claim && remote.claimedBy === me.no;
  return local.step === "held" ? held(mine ? remote : null, me) : running(local, mine ? remote : null, remote);
}

function withoutRecord(remote: RemoteTask | null, me: Myself): TaskMove {
  if (remote === null || remote.claimedBy !== me.no || remote.state !== "claimed") return "wait";
  // Another daemon of this box may have died before it held anything: it has run nothing.
  return remote.session === me.session ? "hold" : "give_back";
}

/** `remote`: where it is still ours. */
function held(remote: RemoteTask | null, me: Myself): TaskMove {
  if (remote === null || isOver(remote.state)) return "drop";
  if (remote.session !== me.session) return "take_over";
  switch (remote.state) {
    case "claimed":
      return "ask_start";
    case "starting":
      return "run";
    default:
      return "wait"; // started without having been run is nothing that we write
  }
}

function running(
  { claim, ended }: Extract<LocalTask, { step: "running" }>,
  mine: RemoteTask | null,
  remote: RemoteTask | null,
): TaskMove {
  if (remote !== null && isForgotten(remote, claim)) return "reassert";
  if (mine === null) {
    if (remote !== null) return "superseded";
    return ended === null ? "wait" : "drop"; // gone from the database is nobody else's
  }
  if (isOver(mine.state)) return ended === null ? "abort" : "drop";
  if (ended !== null) return "report_end";
  if (mine.cancel) return "abort";
  return mine.state === "starting" ? "mark_started" : "wait";
}
