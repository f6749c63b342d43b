/**
 * The workspaces of this daemon, as the rest of it sees them. Loaded when the first agent, route or row of the store
 * asks for one. One piece of work at a time for each agent: a restore never meets a snapshot.
 */
import type { Closer } from "../agents/closing.ts";
import { errorText } from "../lib/errors.ts";
import { runHelper } from "../process/helper.ts";
import { toolEnv } from "../process/tools.ts";
import type { Agent } from "../store/agents.ts";
import type { Workspace } from "../store/workspaces.ts";
import { findWorkspace, listWorkspaces } from "../store/workspaces.ts";
import type { BroughtBack } from "./bring-back.ts";
import { recover, restore } from "./bring-back.ts";
import type { WorkspaceDeps } from "./context.ts";
import { createContext } from "./context.ts";
import { asAnswer } from "./fault.ts";
import { keep, skippedNote } from "./keep.ts";
import { assertMerged, letGo, tend } from "./let-go.ts";
import type { Range } from "./look.ts";
import { changes, diff, patch } from "./look.ts";
import { isReady, prepare } from "./make.ts";
import type { MergeWish } from "./merge-work.ts";
import { mergeWork } from "./merge-work.ts";
import type { BytePath } from "./paths.ts";

const SNAPSHOT_MS = 30_000;
const DISK_MS = 10_000;
const COMPARING = "what was kept cannot be compared";

export type Rooms = ReturnType<typeof createRooms>;

export interface Room extends Workspace {
  /** What its folder takes; null: it is not there, or takes long to count. */
  readonly bytes: number | null;
}

export function createRooms(deps: WorkspaceDeps) {
  const context = createContext(deps);
  const busy = new Map<string, Promise<unknown>>();

  const alone = <T>(agent: string, work: () => Promise<T>): Promise<T> => {
    const before = busy.get(agent) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.catch(() => undefined).finally(() => busy.get(agent) === settled && busy.delete(agent));
    busy.set(agent, settled);
    return mine;
  };

  const told = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    work().catch((error: unknown) => {
      throw asAnswer(error, { what });
    });

  /** The step at a turn's end. A state that cannot be kept is told and holds nobody up. */
  const closer: Closer = ({ agent, turn }) => {
    const ended = new AbortController();
    const end = (): void => ended.abort();
    const workspace = findWorkspace(context.store, agent.id);
    const id = turn.slice(turn.lastIndexOf("-") + 1);
    const done = alone(agent.id, async () => {
      if (workspace === null) return {};
      try {
        const kept = await keep(context, workspace, id, { timeoutMs: SNAPSHOT_MS, signal: ended.signal });
        return { kept };
      } catch (error) {
        return { problem: skippedNote(error) };
      }
    }).then(({ kept, problem }: { kept?: Awaited<ReturnType<typeof keep>>; problem?: string }) => ({
      found: { is: "good" } as const,
      source: "timer" as const,
      record(step: Parameters<NonNullable<Awaited<ReturnType<Closer>["done"]>["record"]>>[0]) {
        kept?.record((type, data) => step.event(type, data));
        if (problem !== undefined) step.event("note", { level: "warn", code: "snapshot_skipped", message: problem });
      },
    }));
    return { done, expire: end, cancel: end, release: end };
  };

  return {
    closer,
    /** Before each start. Rejects with WORKSPACE_FAILED. */
    async prepare(agent: Agent, signal: AbortSignal): Promise<void> {
      if (!isReady(context, agent)) await alone(agent.id, () => prepare(context, agent, signal));
    },
    changes: (agent: string, range: Range) => told(COMPARING, () => changes(context, agent, range)),
    diff: (agent: string, range: Parameters<typeof diff>[2]) => told(COMPARING, () => diff(context, agent, range)),
    patch: (agent: string, range: Range) => told(COMPARING, () => patch(context, agent, range)),
    restore: (agent: string, id: string, only?: readonly BytePath[]): Promise<BroughtBack> =>
      told("nothing was brought back", () => alone(agent, () => restore(context, agent, id, only))),
    merge: (agent: string, wish: MergeWish) =>
      told("nothing was merged", () => alone(agent, () => mergeWork(context, agent, wish))),
    recover: (id: string) => told("the folder cannot be brought back", () => alone(id, () => recover(context, id))),
    assertMerged: (agents: readonly string[]) => assertMerged(context, agents),
    letGo: (id: string): Promise<void> => alone(id, () => letGo(context, id)),
    async tend(old: number, isThere: (id: string) => boolean): Promise<void> {
      await tend(context, old, isThere).catch((error: unknown) =>
        context.log.warn("cannot tidy up workspaces", { error: errorText(error) }),
      );
    },
    async list(): Promise<{ readonly workspaces: Room[]; readonly snapshotBytes: number | null }> {
      const rows = listWorkspaces(context.store);
      const workspaces: Room[] = [];
      for (const row of rows)
        workspaces.push({ ...row, bytes: row.kind === "shared" ? null : await onDisk(row.folder) });
      return { workspaces, snapshotBytes: await onDisk(`${deps.stateDir}/snapshots`) };
    },
  };
}

async function onDisk(folder: string): Promise<number | null> {
  const argv = ["du", "-sk", "--", folder];
  const said = await runHelper({ argv, env: toolEnv(), cwd: "/", timeoutMs: DISK_MS, maxBytes: 100_000 });
  const kilobytes = /^(\d+)\t/.exec(said.stdout)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}
