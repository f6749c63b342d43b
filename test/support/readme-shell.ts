/**
 * The README's command lines as a reader would paste them: into a shell, in the folder where `make build` leaves the
 * programs.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Json } from "./api.ts";
import { BINARY } from "./binary.ts";
import { endProcessesNaming } from "./leftovers.ts";
import { README } from "./readme.ts";

export interface Reader {
  readonly dir: string;
  readonly home: string;
  /** A shell script in the reader's PATH. */
  program(name: string, script: string): void;
  /** The folder `clone` holds this binary under its own name. */
  built(name: string, path: string): void;
  /** Runs the script, ends what it started, and gives all that was printed, each command behind a `+`. */
  paste(script: string, env: Readonly<Record<string, string>>): Promise<string>;
  close(): void;
}

export function newReader(): Reader {
  const dir = mkdtempSync(join(tmpdir(), "ah-readme-"));
  const home = join(dir, "home");
  for (const name of ["home", "bin", "clone"]) mkdirSync(join(dir, name));
  const built = (name: string, path: string): void => symlinkSync(path, join(dir, "clone", name));
  built("agent-harness", BINARY);
  return {
    dir,
    home,
    built,
    program(name, script) {
      writeFileSync(join(dir, "bin", name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(dir, "bin", name), 0o755);
    },
    async paste(script, env) {
      const shell = Bun.spawn(["bash", "-x", "-c", `exec 2>&1\n${script}\nkill $(jobs -p)\nwait`], {
        cwd: join(dir, "clone"),
        stdin: "ignore",
        stdout: "pipe",
        stderr: "ignore",
        env: { PATH: `${join(dir, "bin")}:/usr/bin:/bin`, HOME: home, AH_STATE_DIR: join(dir, "state"), ...env },
      });
      const text = await new Response(shell.stdout).text();
      await shell.exited;
      return text;
    },
    close() {
      endProcessesNaming(`${dir}/`);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The `sh` blocks between two headings, one after the other. */
export function shellOf(from: string, to: string): string {
  const readme = readFileSync(README, "utf8");
  const text = readme.slice(readme.indexOf(`\n${from}\n`), readme.indexOf(`\n${to}\n`));
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, body]) => body).join("");
}

/** "First agent", and the line that tidies up behind it. */
export function firstAgent(): string {
  const tidy =
    /`(curl -s -X DELETE [^`]*)`/.exec(readFileSync(README, "utf8"))?.[1] ??
    "echo the page does not say how to tidy up";
  return `${shellOf("## First agent", "### Any command as an agent")}\n${tidy}`;
}

/** The JSON answers in an output, in order. */
export function answersIn(output: string): Json[] {
  return output.split("\n").flatMap((line) => (line.startsWith('{"') ? [JSON.parse(line) as Json] : []));
}

/** What the answers say of the agent, in order: statuses, and its last messages. */
export function storyIn(output: string): { readonly statuses: readonly string[]; readonly said: readonly string[] } {
  const answers = answersIn(output);
  return {
    statuses: answers.flatMap((each) =>
      each["agent"]?.["status"] === undefined ? [] : [String(each["agent"]["status"])],
    ),
    said: answers.flatMap((each) => (each["message"] === undefined ? [] : [String(each["message"]["text"])])),
  };
}
