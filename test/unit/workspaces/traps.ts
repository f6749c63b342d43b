/**
 * Everything by which a repository can make git run code, planted in one: each trap writes a mark when it runs. What a
 * test asks of us must leave no mark, and the repository's own folder as it was.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { commit, put, repository, user } from "./ground.ts";

const HOOKS = [
  "applypatch-msg",
  "commit-msg",
  "fsmonitor-watchman",
  "post-applypatch",
  "post-checkout",
  "post-commit",
  "post-index-change",
  "post-merge",
  "post-receive",
  "post-rewrite",
  "post-update",
  "pre-applypatch",
  "pre-auto-gc",
  "pre-commit",
  "pre-merge-commit",
  "pre-push",
  "pre-rebase",
  "pre-receive",
  "prepare-commit-msg",
  "proc-receive",
  "reference-transaction",
  "sendemail-validate",
  "update",
];

export interface Trapped {
  readonly work: string;
  marks(): string[];
}

/** `after`: what lies in the folder besides, before the traps are set. */
export function plantTraps(dir: string, after: (work: string) => void = () => undefined): Trapped {
  const marks = join(dir, "marks");
  mkdirSync(marks, { recursive: true });
  const script = (name: string): string => {
    const path = join(dir, "traps", name);
    put(join(dir, "traps"), { [name]: `#!/bin/sh\n: > "${marks}/${name}.$$"\ncat 2>/dev/null\nexit 0\n` });
    chmodSync(path, 0o755);
    return path;
  };
  const work = repository(join(dir, "work"), { a: "1\n", "b.txt": "x\r\ny\n", "sub/c": "3\n", "m.dat": "one\n" });
  const source = repository(join(dir, "source"), { s: "1\n" });
  user(work, ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", source, "module"]);
  commit(work, "with a submodule");
  repository(join(work, "nested"), { n: "1\n" });
  after(work);
  const set = (at: string, key: string, value: string): void => void user(at, ["config", "--local", key, value]);
  const plant = (at: string, gitDir: string, name: string): void => {
    for (const hook of HOOKS) {
      put(join(gitDir, "hooks"), { [hook]: `#!/bin/sh\n: > "${marks}/${name}-hook-${hook}.$$"\n` });
      chmodSync(join(gitDir, "hooks", hook), 0o755);
    }
    set(at, "core.fsmonitor", script(`${name}-fsmonitor`));
    for (const kind of ["clean", "smudge", "process"]) set(at, `filter.trap.${kind}`, script(`${name}-filter-${kind}`));
    set(at, "diff.external", script(`${name}-diff-external`));
    set(at, "diff.trap.command", script(`${name}-diff-command`));
    set(at, "diff.trap.textconv", script(`${name}-textconv`));
    set(at, "merge.trap.driver", script(`${name}-merge`));
    set(at, "core.pager", script(`${name}-pager`));
    set(at, "core.editor", script(`${name}-editor`));
    set(at, "core.sshCommand", script(`${name}-ssh`));
    set(at, "core.askPass", script(`${name}-askpass`));
    set(at, "core.gitProxy", script(`${name}-proxy`));
    set(at, "gpg.program", script(`${name}-gpg`));
    set(at, "commit.gpgSign", "true");
    set(at, "credential.helper", script(`${name}-credential`));
    set(at, "core.alternateRefsCommand", script(`${name}-alternates`));
    set(at, "uploadpack.packObjectsHook", script(`${name}-pack-objects`));
    set(at, "protocol.allow", "always");
    set(at, "protocol.file.allow", "always");
    set(at, "protocol.ssh.allow", "always");
    set(at, "protocol.ext.allow", "always");
    set(at, "remote.lazy.url", `ext::${script(`${name}-remote`)}`);
    set(at, "remote.lazy.uploadpack", script(`${name}-uploadpack`));
    set(at, "remote.lazy.promisor", "true");
    put(gitDir, { more: `[core]\n\tfsmonitor = ${script(`${name}-included`)}\n` });
    set(at, "include.path", join(gitDir, "more"));
    set(at, "includeIf.gitdir:/.path", join(gitDir, "more"));
    const attributes = "* filter=trap diff=trap merge=trap\n*.txt text eol=crlf\n";
    put(gitDir, { "info/attributes": attributes });
    put(at, { ".gitattributes": attributes });
  };
  plant(join(work, "module"), join(work, ".git/modules/module"), "module");
  plant(join(work, "nested"), join(work, "nested/.git"), "nested");
  plant(work, join(work, ".git"), "work");
  put(work, { a: "changed\n", new: "new\n", "nested/n": "changed\n", "module/s": "changed\n" });
  for (const name of readdirSync(marks)) rmSync(join(marks, name));
  return { work, marks: () => readdirSync(marks).sort() };
}

/** The traps work: what a person's own git would have run. Without this, no mark would prove nothing. */
export function springTraps({ work, marks }: Trapped): string[] {
  user(work, ["status"], { mayFail: true });
  user(work, ["diff"], { mayFail: true });
  user(work, ["add", "-A"], { mayFail: true });
  return existsSync(work) ? marks() : [];
}
