/** What stands before work in folders of agents: what cannot be made is refused early, what would be lost is told. */
import { untilPossible } from "../lib/descriptors.ts";
import { isTrusted } from "../agents/run-settings.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Project } from "../store/projects.ts";
import { findWorkspace } from "../store/workspaces.ts";
import type { WorkspaceWish } from "../words/workspace.ts";
import type { ApiDeps } from "./deps.ts";

/** A setup runs what the repository brings. Whether a folder can be made is seen when it is. */
export function assertWorkspace({ config }: ApiDeps, wish: "shared" | WorkspaceWish, project: Project): void {
  if (wish === "shared" || wish.setup === undefined || isTrusted(project, config.projects.trustedRoots)) return;
  throw new HarnessError(
    "PROJECT_UNTRUSTED",
    `workspace.setup runs what project "${project.name}" brings: say that you trust it (PATCH {"trusted":true}), or leave setup out`,
  );
}

/** WORK_NOT_MERGED before anything is ended. Nothing is loaded for agents that never had a folder of their own. */
export async function assertNothingLost(deps: ApiDeps, agents: readonly string[]): Promise<void> {
  const own = withWorkspace(deps, agents);
  if (own.length > 0) await (await deps.rooms()).assertMerged(own);
}

/** They are gone: their folders go, what was kept of them stays for its time. */
export async function letGo(deps: ApiDeps, agents: readonly string[]): Promise<void> {
  const own = await untilPossible(deps.clock, () => withWorkspace(deps, agents));
  if (own.length === 0) return;
  const rooms = await deps.rooms();
  for (const id of own) await rooms.letGo(id);
}

const withWorkspace = ({ store }: ApiDeps, agents: readonly string[]): string[] =>
  agents.filter((id) => findWorkspace(store, id) !== null);
