/**
 * A repository that a task names, brought onto this box: fetched with the box's own credentials, its files written with
 * nothing of the repository or of the owner's config run (no hook, no filter, no submodule). It appears in its place
 * whole or not at all. Never touches what lies there already.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { object, optional, refined, string } from "../lib/check.ts";
import type { Git } from "../workspaces/git.ts";
import { commitAt } from "../workspaces/repository.ts";

export interface Repo {
  readonly url: string;
  /** A branch, a tag or a commit; none: the branch that the repository has checked out itself. */
  readonly ref?: string | undefined;
}

const URL_WORDS =
  "the address of a git repository without a password: https://host/path, ssh://user@host/path, user@host:path or file:///path";

/** Other transports run programs; a password would stand in the fleet's database. */
const repoUrl = refined(
  string({ min: 1, max: 2048, pattern: /^[\x21-\x7e]+$/, what: URL_WORDS, secret: true }),
  (text) => {
    if (/^[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:(?!\/\/)[^-\s].*$/.test(text)) return undefined;
    const url = URL.parse(text);
    if (url === null || !/^(https?|ssh|file):$/.test(url.protocol) || url.password !== "") return URL_WORDS;
    if (url.protocol === "file:") return url.host === "" ? undefined : URL_WORDS;
    if (url.hostname === "" || url.hostname.startsWith("-") || url.username.startsWith("-")) return URL_WORDS;
    return url.protocol === "ssh:" || url.username === "" ? undefined : URL_WORDS;
  },
);

export const repoSchema = object({
  url: repoUrl,
  ref: optional(
    string({
      max: 200,
      pattern: /^(?!.*(\.\.|@\{|\/\/|\.lock$))[A-Za-z0-9_][A-Za-z0-9._/+@-]*$/,
      what: "the name of a branch or tag, or a commit",
    }),
  ),
});

export interface CheckoutDeps {
  readonly git: Git;
  /** Where checkouts lie; a folder of ours. */
  readonly root: string;
  /** Of the box's owner: for fetching. */
  readonly env: Readonly<Record<string, string>>;
  readonly newNonce: () => string;
}

const FETCH_MS = 30 * 60 * 1000;
const WRITE_MS = 10 * 60 * 1000;
const UNFINISHED = ".new-";

/** What an earlier daemon did not finish: nobody works in it. */
export function sweepUnfinished(root: string): void {
  if (!existsSync(root)) return;
  for (const name of readdirSync(root))
    if (name.startsWith(UNFINISHED)) rmSync(join(root, name), { recursive: true, force: true });
}

/** Gives nothing: `place` is there, or it throws why not. */
export async function checkOut(
  { git, root, env, newNonce }: CheckoutDeps,
  { url, ref }: Repo,
  place: string,
  signal: AbortSignal,
): Promise<void> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const work = join(root, `${UNFINISHED}${newNonce()}`);
  const fetch = { asOwner: env, timeoutMs: FETCH_MS, signal };
  const write = { cwd: work, timeoutMs: WRITE_MS, signal };
  const commitOf = (name: string): Promise<string | null> => commitAt(git, write, name);
  try {
    await git.ok({
      args: ["clone", "--quiet", "--no-checkout", "--no-recurse-submodules", "--template=", "--", url, work],
      cwd: root,
      ...fetch,
    });
    if (ref === undefined) {
      if ((await commitOf("HEAD")) !== null)
        await git.ok({ args: ["checkout", "--quiet", "--force", "HEAD"], ...write });
    } else if ((await commitOf(`refs/remotes/origin/${ref}`)) !== null) {
      await git.ok({ args: ["checkout", "--quiet", "--force", "-B", ref, "--track", `origin/${ref}`], ...write });
    } else {
      const isCommit = /^[0-9a-f]{7,64}$/.test(ref);
      let commit = (await commitOf(`refs/tags/${ref}`)) ?? (isCommit ? await commitOf(ref) : null);
      if (commit === null && isCommit) {
        // Some servers give a commit that no branch leads to when it is asked for by its whole name.
        await git.run({ args: ["fetch", "--quiet", "--no-tags", "origin", ref], ...write, ...fetch });
        commit = await commitOf(ref);
      }
      if (commit === null) throw new Error(`the repository has no branch, tag or commit "${ref}"`);
      await git.ok({ args: ["checkout", "--quiet", "--force", "--detach", commit], ...write });
    }
    renameSync(work, place);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
