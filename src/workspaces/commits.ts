/** How far an agent's own branch has come. Asks the person's repository for one id, and the store for the count. */
import type { Workspace } from "../store/workspaces.ts";
import type { Context } from "./context.ts";
import { repositoryOf } from "./context.ts";
import { commitOf } from "./repository.ts";
import { commitsSince } from "./work.ts";

/** On its branch since its base; null: it has none, or nobody can tell. */
export async function commitsOf(context: Context, workspace: Workspace): Promise<number | null> {
  const { project, branch, base } = workspace;
  const repo = repositoryOf(workspace);
  if (repo === null || branch === null || base === null) return null;
  const tip = await commitOf(context.git, repo, branch);
  if (tip === null) return null;
  const store = await context.storeOf(project, repo);
  return commitsSince(store, repo, base, tip).catch(() => null);
}
