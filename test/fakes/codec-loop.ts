/**
 * The smallest thing that can run a codec against a program: a pipe, no store, no reducer. For unit tests against the
 * fakes and for smoke tests against the real programs; what the daemon makes of the facts is tested elsewhere.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { silenceMeter } from "../../src/agents/silence.ts";
import type {
  AdoptContext,
  Codec,
  LaunchContext,
  ProviderFact,
  Step,
  StartContext,
} from "../../src/providers/contract.ts";
import type { TurnOutcome } from "../../src/words/agent.ts";
import type { Answer } from "../../src/words/said.ts";

export type FactOf<T extends ProviderFact["type"]> = Extract<ProviderFact, { type: T }>;

export interface CodecLoop<S> {
  readonly facts: readonly ProviderFact[];
  readonly state: S;
  readonly pid: number;
  readonly launch: LaunchContext;
  readonly stderr: string;
  /** Resolves when the program is ready; throws when it refuses. */
  ready(): Promise<void>;
  /** Sends an input; its key (made when not given) comes back at once. */
  prompt(text: string, options?: { readonly key?: string; readonly raw?: boolean }): string;
  interrupt(): void;
  answer(asked: FactOf<"permission">, answer: Partial<Answer> & Pick<Answer, "decision">): void;
  adopt(context: Partial<AdoptContext>): void;
  /** The nth fact (from 1) of the type that the test accepts. */
  fact<T extends ProviderFact["type"]>(type: T, n?: number, accept?: (fact: FactOf<T>) => boolean): Promise<FactOf<T>>;
  /** The nth turn (from 1): how it ended, and the agent's own last message before that, all text blocks joined. */
  turn(n: number): Promise<{ readonly outcome: TurnOutcome; readonly code: string | null; readonly text: string }>;
  write(bytes: string): void;
  exited(): Promise<number | null>;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Ends the program in the codec's graceful way; its exit code. */
  farewell(): Promise<number | null>;
}

export interface LoopOptions {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly launch?: Partial<LaunchContext>;
  readonly start?: Partial<StartContext>;
  /** For each thing that is waited for. */
  readonly deadlineMs?: number;
}

export function runCodec<S>(codec: Codec<S>, options: LoopOptions): CodecLoop<S> {
  const cwd = options.launch?.cwd ?? process.cwd();
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: cwd, ...options.env };
  const launch: LaunchContext = {
    command: options.command,
    args: [],
    agentId: "a3f2b1c0",
    agentUuid: crypto.randomUUID(),
    session: null,
    cwd,
    agentDir: cwd,
    model: null,
    permissions: "ask",
    systemPrompt: null,
    trusted: false,
    env,
    isRoot: process.getuid?.() === 0,
    self: [],
    ...options.launch,
  };
  const started = codec.launch(launch);
  for (const { path, content } of started.files ?? []) {
    mkdirSync(dirname(join(launch.agentDir, path)), { recursive: true });
    writeFileSync(join(launch.agentDir, path), content);
  }
  const child = Bun.spawn([...started.argv], {
    cwd,
    env: { ...env, ...started.env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });

  const facts: ProviderFact[] = [];
  const begun = codec.start({ launch, nowMs: 0, unconfirmed: [], grants: [], ...options.start });
  let state = begun.state;
  let stderr = "";
  let ended = false;
  const quietIn = silenceMeter(performance, () => codec.silence?.(state) ?? []);
  let silence: ReturnType<typeof setTimeout> | undefined;
  let changed = Promise.withResolvers<void>();

  function apply(step: Step<S>): void {
    // The daemon stores the state as JSON between two lines.
    state = JSON.parse(JSON.stringify(step.state));
    for (const line of step.lines) child.stdin.write(`${line}\n`);
    if (step.lines.length > 0) void child.stdin.flush();
    facts.push(...step.facts);
    wake();
    clearTimeout(silence);
    const wait = quietIn();
    if (wait < Infinity) silence = setTimeout(quiet, wait);
  }

  function quiet(): void {
    if (!ended && codec.quiet !== undefined) apply(codec.quiet(state));
  }

  function wake(): void {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  }

  apply(begun);

  const output = (async () => {
    const decoder = new TextDecoder();
    let carried = "";
    for await (const bytes of child.stdout) {
      carried += decoder.decode(bytes, { stream: true });
      for (let end = carried.indexOf("\n"); end >= 0; end = carried.indexOf("\n")) {
        const raw = carried.slice(0, end);
        carried = carried.slice(end + 1);
        apply(codec.frame(state, { raw, json: parsed(raw) }, Date.now()));
      }
    }
  })();
  const errors = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) stderr += decoder.decode(bytes, { stream: true });
  })();
  const gone = (async () => {
    await Promise.all([child.exited, output, errors]);
    facts.push(...codec.exit(state, { code: child.exitCode, stderrTail: stderr }));
    ended = true;
    wake();
    return child.exitCode;
  })();

  async function until<T>(what: string, find: () => T | undefined): Promise<T> {
    const deadline = Date.now() + (options.deadlineMs ?? 20_000);
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      const left = ended ? 0 : deadline - Date.now();
      if (left <= 0)
        throw new Error(
          `${what} never came${ended ? ", the program has ended" : ""}; last facts: ${JSON.stringify(facts.slice(-6))}; stderr: ${stderr.slice(-500)}`,
        );
      await Promise.race([changed.promise, Bun.sleep(Math.min(left, 200))]);
    }
  }

  const isA =
    <T extends ProviderFact["type"]>(type: T) =>
    (fact: ProviderFact): fact is FactOf<T> =>
      fact.type === type;

  return {
    facts,
    launch,
    pid: child.pid,
    get state() {
      return state;
    },
    get stderr() {
      return stderr;
    },
    async ready() {
      const fact = await until("ready", () =>
        facts.find((each) => each.type === "ready" || each.type === "start_failed"),
      );
      if (fact.type === "start_failed") throw new Error(`${fact.code}: ${fact.message}`);
    },
    prompt(text, { key = crypto.randomUUID(), raw = false } = {}) {
      apply(codec.prompt(state, { key, text, raw, writtenAtMs: 0 }, 0));
      return key;
    },
    interrupt: () => apply(codec.interrupt(state, 0)),
    answer: (asked, answer) =>
      apply(codec.answer(state, { id: asked.id, kind: asked.kind, data: asked.data, ...answer }, 0)),
    adopt: (context) =>
      apply(
        codec.adopt(state, { nowMs: 0, unconfirmed: [], unsettled: [], open: [], interrupting: false, ...context }),
      ),
    fact: (type, n = 1, accept = () => true) =>
      until(`${type} ${n}`, () => facts.filter(isA(type)).filter(accept)[n - 1]),
    async turn(n) {
      const ended = await until(`end of turn ${n}`, () => facts.filter(isA("turn_ended"))[n - 1]);
      return {
        outcome: ended.outcome,
        code: ended.error?.code ?? null,
        text: lastText(facts.slice(0, facts.indexOf(ended))),
      };
    },
    write(bytes) {
      child.stdin.write(bytes);
      void child.stdin.flush();
    },
    exited: () => gone,
    async kill(signal) {
      child.kill(signal);
      await gone;
    },
    async farewell() {
      for (const line of codec.farewell(state).lines) child.stdin.write(`${line}\n`);
      void child.stdin.flush();
      return gone;
    },
  };
}

/** Text blocks of the agent's own last message that has a text. */
function lastText(facts: readonly ProviderFact[]): string {
  const texts = facts.flatMap((fact) =>
    fact.type === "part" && fact.role === "assistant" && fact.subagent === undefined && fact.part.type === "text"
      ? [{ key: fact.key, text: fact.part.text }]
      : [],
  );
  const key = texts.at(-1)?.key;
  return texts
    .filter((each) => each.key === key)
    .map((each) => each.text)
    .join("");
}

function parsed(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined; // What a codec gets for a line that is no JSON.
  }
}

export function scratchDir(name: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `ah-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
