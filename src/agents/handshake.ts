/**
 * A look at an installed program: it is started in an empty folder as an agent's would be, asked for its handshake, and
 * ended again. No input is sent, so no model is called. The answer holds as long as the program's file is the same one.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { withDescriptors } from "../lib/descriptors.ts";
import { errorText } from "../lib/errors.ts";
import { createLineSplitter } from "../lib/ndjson.ts";
import { withNotedUmask } from "../lib/umask.ts";
import { tryJson } from "../lib/json.ts";
import { writeAgentFile } from "../process/agent-file.ts";
import { endSession } from "../process/session.ts";
import type { AnyCodec, LaunchContext, ProviderFact, Step } from "../providers/contract.ts";
import type { ProviderWarning } from "../providers/report.ts";

export interface HandshakeAnswer {
  readonly ready: boolean;
  readonly version: string | null;
  readonly login: { readonly loggedIn: boolean; readonly detail: string } | null;
  /** What is wrong, and where the program tells it, how to mend it; null when it is ready. */
  readonly problem: string | null;
  /** What an agent of it would be warned of at its start. */
  readonly warnings: readonly ProviderWarning[];
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
/** A handshake is a few lines; a list of models or commands in it may be long. */
const MAX_OUTPUT_BYTES = 32 * 1024 * 1024;
const MAX_LINES = 10_000;
const DRAIN_MS = 200;
/** What is noted of it whatever the project, each at most once; all else is about one agent. */
const OF_THE_PROGRAM: readonly string[] = ["mode_not_enforced"];

/** Never rejects. */
export async function handshake({ codec, context, clock, scratchDir }: HandshakeRequest): Promise<HandshakeAnswer> {
  const dir = mkdtempSync(join(scratchDir, "handshake-"));
  const cwd = join(dir, "empty");
  mkdirSync(cwd);
  try {
    return await inFolder(codec, { ...context, cwd, agentDir: dir }, clock);
  } catch (error) {
    return { ready: false, version: null, login: null, problem: errorText(error), warnings: [] };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function inFolder(codec: AnyCodec, launch: LaunchContext, clock: Clock): Promise<HandshakeAnswer> {
  const { argv, env, files = [] } = codec.launch(launch);
  for (const { path, content } of files) {
    mkdirSync(dirname(join(launch.agentDir, path)), { recursive: true });
    writeAgentFile(join(launch.agentDir, path), content);
  }
  const child = withNotedUmask(() => withDescriptors(() => start(argv, { ...launch.env, ...env }, launch.cwd)));
  const seen: Seen = { version: null, login: null, verdict: null, warnings: [] };
  let state: unknown = null;

  const take = (step: Step<unknown>): void => {
    state = step.state;
    write(child, step.lines);
    for (const fact of step.facts) note(seen, fact);
  };
  take(codec.start({ launch, nowMs: clock.now(), unconfirmed: [], grants: [], probe: true }));

  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = clock.setTimer(codec.traits.startDeadlineMs, () => resolve(null));
  const stderr = lastWords(child.stderr);
  const reader = child.stdout.getReader();
  const splitter = createLineSplitter({ offset: 0 });
  let lines = 0;
  // Never only on the pipe: something it left behind may hold that open for ever.
  while (seen.verdict === null) {
    const part = await Promise.race([reader.read(), late]);
    if (part === null) seen.verdict = `not ready after ${codec.traits.startDeadlineMs} ms`;
    if (part === null || part.done) break;
    for (const line of splitter.push(part.value)) {
      if (seen.verdict !== null) break;
      if (++lines > MAX_LINES) seen.verdict = `it wrote more than ${MAX_LINES} lines and was not ready`;
      if (line.type === "line") take(codec.frame(state, { raw: line.text, json: tryJson(line.text) }, clock.now()));
    }
    if (splitter.offset + splitter.pendingBytes > MAX_OUTPUT_BYTES)
      seen.verdict ??= `it wrote more than ${MAX_OUTPUT_BYTES} bytes and was not ready`;
  }
  timer.cancel();
  reader.cancel().catch(() => undefined);
  await end(child, codec.farewell(state).lines, clock);
  await Promise.race([stderr.done, Bun.sleep(DRAIN_MS)]);
  const said = stderr.end().trim().slice(-STDERR_CHARS);
  const problem =
    seen.verdict === true
      ? null
      : (seen.verdict ?? `it ended with code ${child.exitCode ?? child.signalCode}${said === "" ? "" : `: ${said}`}`);
  return { ready: problem === null, version: seen.version, login: seen.login, problem, warnings: seen.warnings };
}

function start(argv: readonly string[], env: Record<string, string>, cwd: string): Child {
  return Bun.spawn([...argv], { cwd, env, stdin: "pipe", stdout: "pipe", stderr: "pipe", detached: true });
}

/** The end of what it says there; a flood is read, so that it is not held up, and not kept. */
function lastWords(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  let tail = Buffer.alloc(0);
  const read = async (): Promise<void> => {
    for (let part = await reader.read(); !part.done; part = await reader.read())
      tail = Buffer.concat([tail, part.value]).subarray(-4 * STDERR_CHARS);
  };
  return {
    done: read().catch(() => undefined),
    end(): string {
      reader.cancel().catch(() => undefined);
      return tail.toString("utf8");
    },
  };
}

interface Seen {
  version: string | null;
  login: HandshakeAnswer["login"];
  /** true = ready; a text says what is wrong. */
  verdict: string | true | null;
  readonly warnings: ProviderWarning[];
}

function note(seen: Seen, fact: ProviderFact): void {
  if (fact.type === "login") seen.login = { loggedIn: fact.loggedIn, detail: fact.detail };
  if (fact.type === "start_failed") seen.verdict ??= fact.message;
  if (fact.type === "note" && OF_THE_PROGRAM.includes(fact.code))
    seen.warnings.push({ code: fact.code, message: fact.message });
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
  await endSession(child.pid, END_MS, clock); // with the helpers that would outlive it
  await child.exited;
}
