/** What everything here works with: the daemon's books, git, and the stores of the projects, each opened once. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { childEnvironment } from "../agents/environment.ts";
import type { Journal } from "../agents/journal.ts";
import { event } from "../agents/journal.ts";
import type { Clock } from "../lib/clock.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Agent } from "../store/agents.ts";
import type { Store } from "../store/database.ts";
import type { Project } from "../store/projects.ts";
import type { Snapshot } from "../store/snapshots.ts";
import { listSnapshots } from "../store/snapshots.ts";
import type { Workspace } from "../store/workspaces.ts";
import { findWorkspace } from "../store/workspaces.ts";
import { createGit } from "./git.ts";
import type { Git } from "./git.ts";
import { createLockKeeper } from "./locks.ts";
import type { LockKeeper } from "./locks.ts";
import type { Repository } from "./repository.ts";
import { findRepository, objectFormat } from "./repository.ts";
import { openStore } from "./snapshot-store.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

export interface WorkspaceDeps {
  readonly store: Store;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stateDir: string;
  readonly snapshotBytes: number;
  readonly isTrusted: (project: Project) => boolean;
  /** The daemon's own. */
  readonly inheritedEnv: Readonly<Record<string, string | undefined>>;
  /** Unique in this daemon's life and after it. */
  readonly newNonce: () => string;
  /** A named moment at which a test may kill us. */
  readonly seam: (name: string) => void;
}

export interface Context extends WorkspaceDeps {
  /** What a setup command of an agent may see: none of the provider's credentials. */
  readonly setupEnv: (agent: Agent) => Readonly<Record<string, string>>;
  /** What filters of a trusted project may see: also where the box's own git config lies. */
  readonly filterEnv: Readonly<Record<string, string>>;
  readonly git: Git;
  /** Of what our git takes in a person's repository. */
  readonly locks: LockKeeper;
  /** The project's. `repo`: of its folder, for what must fit it. */
  readonly storeOf: (project: string, repo: Repository | null) => Promise<SnapshotStore>;
}

export function createContext(deps: WorkspaceDeps): Context {
  const locks = createLockKeeper(join(deps.stateDir, "snapshots", "writes"));
  const git = createGit("git", locks);
  const stores = new Map<string, Promise<SnapshotStore>>();
  const open = async (project: string, repo: Repository | null): Promise<SnapshotStore> => {
    const root = join(deps.stateDir, "snapshots");
    mkdirSync(root, { recursive: true, mode: 0o700 });
    return openStore(git, join(root, `${project}.git`), repo === null ? "sha1" : await objectFormat(git, repo));
  };
  return {
    ...deps,
    git,
    locks,
    setupEnv: ({ id, project, settings }) => plainEnv(deps, settings.env, { AH_AGENT_ID: id, AH_PROJECT: project }),
    filterEnv: filterEnv(deps),
    storeOf(project, repo) {
      const found = stores.get(project) ?? open(project, repo);
      stores.set(project, found);
      found.catch(() => stores.delete(project));
      return found;
    },
  };
}

const plainEnv = (
  { inheritedEnv }: WorkspaceDeps,
  requested: Readonly<Record<string, string>> = {},
  ours: Readonly<Record<string, string>> = {},
): Record<string, string> =>
  childEnvironment({
    inherited: inheritedEnv,
    traits: { passEnv: [], stripEnv: [] },
    passEnv: [],
    configured: {},
    requested,
    ours,
  });

/** People have their filters (LFS) in a config of their own. */
function filterEnv(deps: WorkspaceDeps): Record<string, string> {
  const env = plainEnv(deps);
  const home = env["HOME"] ?? "/nonexistent";
  const candidates = [join(home, ".gitconfig"), join(env["XDG_CONFIG_HOME"] ?? join(home, ".config"), "git", "config")];
  return { ...env, GIT_CONFIG_GLOBAL: candidates.find((path) => existsSync(path)) ?? "/dev/null" };
}

/** The repository that a workspace was made from; null: none, or it is gone. */
export const repositoryOf = (workspace: Workspace): Repository | null => findRepository(workspace.source);

export function note({ journal }: Context, about: Pick<Workspace, "id" | "project">, code: string, message: string) {
  journal.write({ project: about.project, agent: about.id }, (entry) =>
    event(entry, "note", { level: "warn", code, message }),
  );
}

/** 409 where nothing is kept of the agent's work. */
export function workspaceOf({ store }: Context, agent: string): Workspace {
  const found = findWorkspace(store, agent);
  if (found !== null) return found;
  throw new HarnessError(
    "NO_WORKSPACE",
    "nothing is kept of this agent's work: it works in the project's folder without snapshots, or has not begun; make agents with a workspace, or with snapshots",
  );
}

/** 404 with those that there are. */
export function snapshotOf({ store }: Context, agent: string, id: string): Snapshot {
  const all = listSnapshots(store, agent);
  const found = all.find((each) => each.id === id);
  if (found !== undefined) return found;
  const names = all.map((each) => each.id).slice(-20);
  throw new HarnessError(
    "SNAPSHOT_NOT_FOUND",
    `there is no snapshot "${id}": ${names.length === 0 ? "none was taken yet" : `there are ${names.join(", ")}`}`,
  );
}
