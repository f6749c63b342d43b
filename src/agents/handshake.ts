/**
 * A look at an installed program: it is started in an empty folder as an agent's would be, asked for its handshake, and
 * ended again. No input is sent, so no model is called. The answer holds as long as the program's file is the same one.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { errorText } from "../lib/errors.ts";
import { createLineSplitter } from "../lib/ndjson.ts";
import type { AnyCodec, LaunchContext, ProviderFact, Step } from "../providers/contract.ts";

export interface HandshakeAnswer {
  readonly ready: boolean;
  readonly version: string | null;
  readonly login: { readonly loggedIn: boolean; readonly detail: string } | null;
  /** What is wrong, and where the program tells it, how to mend it; null when it is ready. */
  readonly problem: string | null;
}

export interface HandshakeRequest {
  readonly codec: AnyCodec;
  /** Everything but the folders, which are made here. */
  readonly context: Omit<LaunchContext, "cwd" | "agentDir">;
  readonly clock: Clock;
  /** An existing private folder. */
  readonly scratchDir: string;
}

const END_MS = 2000;
const STDERR_CHARS = 1000;

/** Never rejects. */
export async function handshake({ codec, context, clock, scratchDir }: HandshakeRequest): Promise<HandshakeAnswer> {
  const dir = mkdtempSync(join(scratchDir, "handshake-"));
  const cwd = join(dir, "empty");
  mkdirSync(cwd);
  try {
    return await inFolder(codec, { ...context, cwd, agentDir: dir }, clock);
  } catch (error) {
    return { ready: false, version: null, login: null, problem: errorText(error) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function inFolder(codec: AnyCodec, launch: LaunchContext, clock: Clock): Promise<HandshakeAnswer> {
  const { argv, env, files = [] } = codec.launch(launch);
  for (const { path, content } of files) {
    mkdirSync(dirname(join(launch.agentDir, path)), { recursive: true });
    writeFileSync(join(launch.agentDir, path), content, { mode: 0o600 });
  }
  const child = Bun.spawn([...argv], {
    cwd: launch.cwd,
    env: { ...launch.env, ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  const seen: { version: string | null; login: HandshakeAnswer["login"]; verdict: string | true | null } = {
    version: null,
    login: null,
    verdict: null,
  };
  let state: unknown = null;

  const take = (step: Step<unknown>): void => {
    state = step.state;
    write(child, step.lines);
    for (const fact of step.facts) note(seen, fact);
  };
  take(codec.start({ launch, nowMs: clock.now(), unconfirmed: [], grants: [], probe: true }));

  const timer = clock.setTimer(codec.traits.startDeadlineMs, () => {
    seen.verdict ??= `not ready after ${codec.traits.startDeadlineMs} ms`;
    endGroup(child.pid, "SIGKILL");
  });
  const stderr = new Response(child.stderr).text();
  const splitter = createLineSplitter({ offset: 0 });
  for await (const chunk of child.stdout) {
    for (const line of splitter.push(chunk)) {
      if (line.type === "line") take(codec.frame(state, { raw: line.text, json: parse(line.text) }, clock.now()));
    }
    if (seen.verdict !== null) break;
  }
  timer.cancel();
  await end(child, codec.farewell(state).lines, clock);
  const said = (await stderr).trim().slice(-STDERR_CHARS);
  const problem =
    seen.verdict === true
      ? null
      : (seen.verdict ?? `it ended with code ${child.exitCode ?? child.signalCode}${said === "" ? "" : `: ${said}`}`);
  return { ready: problem === null, version: seen.version, login: seen.login, problem };
}

function note(
  seen: { version: string | null; login: HandshakeAnswer["login"]; verdict: string | true | null },
  fact: ProviderFact,
): void {
  if (fact.type === "login") seen.login = { loggedIn: fact.loggedIn, detail: fact.detail };
  if (fact.type === "start_failed") seen.verdict ??= fact.message;
  if (fact.type !== "ready") return;
  seen.version = fact.version ?? null;
  seen.verdict ??= true;
}

type Child = Bun.Subprocess<"pipe", "pipe", "pipe">;

/** A program that is gone cannot be told anything; its exit says why. */
function write(child: Child, lines: readonly string[]): void {
  try {
    for (const line of lines) child.stdin.write(`${line}\n`);
    Promise.resolve(child.stdin.flush()).catch(() => undefined);
  } catch {
    // as above
  }
}

async function end(child: Child, lines: readonly string[], clock: Clock): Promise<void> {
  write(child, lines);
  try {
    await child.stdin.end();
  } catch {
    // gone already
  }
  endGroup(child.pid, "SIGTERM");
  const timer = clock.setTimer(END_MS, () => endGroup(child.pid, "SIGKILL"));
  await child.exited;
  timer.cancel();
  endGroup(child.pid, "SIGKILL"); // helpers that outlive it
}

/** The program leads a group of its own. */
function endGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // nobody of it is left
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // the codec is told that the line is no JSON
  }
}
