/**
 * What a task needs on this box before it is begun: its project, made from the repository that the task names where
 * this box has none of that name. Takes as long as it takes; the task waits meanwhile, and runs nowhere.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { childEnvironment } from "../agents/environment.ts";
import type { ApiDeps } from "../api/deps.ts";
import type { App } from "../http/router.ts";
import { isObject } from "../lib/check.ts";
import { randomHex } from "../lib/digest.ts";
import { errorText } from "../lib/errors.ts";
import { tryJson } from "../lib/json.ts";
import type { Logger } from "../lib/log.ts";
import { oneLine } from "../lib/text.ts";
import { repoOf, saveRepo } from "../store/fleet-tasks.ts";
import { listProjects } from "../store/projects.ts";
import { GitFailed, createGit } from "../workspaces/git.ts";
import type { Repo } from "./checkout.ts";
import { checkOut, sweepUnfinished } from "./checkout.ts";

export type Readiness =
  | { readonly type: "ready" }
  /** `wake` is called when it has changed. */
  | { readonly type: "under_way" }
  /** `again`: it may go better later. */
  | { readonly type: "refused"; readonly why: string; readonly again: boolean };

export interface Preparer {
  of(task: string, project: string, repo: Repo | null): Readiness;
  stop(): void;
}

export interface PreparerDeps {
  readonly api: ApiDeps;
  readonly app: App;
  readonly log: Logger;
  readonly wake: () => void;
}

const WHY_CHARS = 400;
const READY: Readiness = { type: "ready" };

export function createPreparer({ api, app, log, wake }: PreparerDeps): Preparer {
  const { store, config } = api;
  const root = join(config.stateDir, "checkouts");
  const git = createGit();
  const ended = new AbortController();
  /** Projects that are being made; tasks for which that failed. */
  const making = new Set<string>();
  const failed = new Map<string, Readiness>();
  let swept = false;

  const ownPlace = (project: string): string => join(root, project);

  /** What a box's owner has made is theirs, whatever it holds; what was fetched for another repository is not this. */
  const other = (project: string, cwd: string, { url }: Repo): string | null => {
    const fetched = cwd === ownPlace(project) ? repoOf(store, project) : null;
    return fetched === null || fetched === url
      ? null
      : `its project "${project}" is a checkout of another repository: give the task's project another name`;
  };

  const make = async (project: string, repo: Repo): Promise<void> => {
    const place = ownPlace(project);
    if (!existsSync(place)) {
      if (!swept) sweepUnfinished(root);
      swept = true;
      const none = { passEnv: [], stripEnv: [] };
      const env = childEnvironment({
        ...{ inherited: api.inheritedEnv, traits: none, passEnv: [], configured: {}, requested: {}, ours: {} },
      });
      log.info("fetching a repository for a task", { project });
      // Before it is in its place: nobody may find there what was fetched from elsewhere.
      store.transact(() => saveRepo(store, project, repo.url));
      await checkOut({ git, root, env, newNonce: () => randomHex(8) }, repo, place, ended.signal);
    }
    const response = await app.fetch(
      new Request("http://localhost/api/v1/projects", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name: project, cwd: place }),
      }),
    );
    if (response.ok || response.status === 409) return;
    const refusal = tryJson(await response.text());
    throw new Error(isObject(refusal) ? saidIn(refusal) : String(response.status));
  };

  return {
    of(task, project, repo) {
      if (repo === null) return READY;
      const failure = failed.get(task);
      failed.delete(task);
      if (failure !== undefined) return failure;
      if (making.has(project)) return { type: "under_way" };
      const known = listProjects(store).find(({ name }) => name === project) ?? null;
      const place = ownPlace(project);
      const taken = known === null && !existsSync(place) ? null : other(project, known?.cwd ?? place, repo);
      if (taken !== null) return { type: "refused", why: taken, again: false };
      if (known !== null) return READY;
      making.add(project);
      make(project, repo)
        .catch((error: unknown) => {
          if (ended.signal.aborted) return;
          const why = oneLine(errorText(error)).slice(0, WHY_CHARS);
          failed.set(task, { type: "refused", why, again: mayPass(error) });
        })
        .finally(() => {
          making.delete(project);
          wake();
        });
      return { type: "under_way" };
    },
    stop: () => ended.abort(),
  };
}

/** A server that was away or a disk that was full: what a repository lacks, or our settings forbid, stays so. */
const mayPass = (error: unknown): boolean =>
  error instanceof GitFailed || (error instanceof Error && "syscall" in error && typeof error.syscall === "string");

/** With the path of what was wrong: which of our settings it is says more than that one is. */
function saidIn(refusal: Record<string, unknown>): string {
  const [issue]: unknown[] = Array.isArray(refusal["issues"]) ? refusal["issues"] : [];
  return isObject(issue) ? `${String(issue["path"])}: ${String(issue["message"])}` : String(refusal["message"]);
}
