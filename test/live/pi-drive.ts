/**
 * Drives the Pi codec over pipes with a Pi program, real or fake, without a daemon: what the codec says is written to
 * stdin, what comes from stdout becomes facts, and a test waits for the fact it needs.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LaunchContext, ProviderFact, Step } from "../../src/providers/contract.ts";
import type { PiState } from "../../src/providers/pi/codec.ts";
import { piCodec } from "../../src/providers/pi/codec.ts";
import { createLineSplitter } from "../../src/lib/ndjson.ts";
import type { Answer, PromptInput } from "../../src/words/said.ts";
import { PATIENCE_MS } from "./patience.ts";

type FactOf<T extends ProviderFact["type"]> = Extract<ProviderFact, { type: T }>;

export interface Driven {
  readonly facts: readonly ProviderFact[];
  readonly pid: number;
  state(): PiState;
  /** The first fact of this type from the `from`th fact on (default: not yet waited for). */
  next<T extends ProviderFact["type"]>(type: T, match?: (fact: FactOf<T>) => boolean): Promise<FactOf<T>>;
  /** Like an input of the API: returns its key. */
  prompt(text: string, options?: Partial<PromptInput>): string;
  interrupt(): void;
  answer(answer: Answer): void;
  /** Raw bytes to stdin, past the codec. */
  write(text: string): void;
  /** The text of the newest assistant message. */
  lastText(): string;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** The exit code, when the process has ended and all of its output was read. */
  readonly ended: Promise<number | null>;
  stderr(): string;
}

export interface DriveOptions {
  readonly launch: LaunchContext;
  readonly unconfirmed?: readonly PromptInput[];
  readonly grants?: readonly unknown[];
  readonly deadlineMs?: number;
}

export function drivePi({
  launch: context,
  unconfirmed = [],
  grants = [],
  deadlineMs = PATIENCE_MS,
}: DriveOptions): Driven {
  const { argv, env, files = [] } = piCodec.launch(context);
  for (const { path, content } of files) {
    mkdirSync(dirname(join(context.agentDir, path)), { recursive: true });
    writeFileSync(join(context.agentDir, path), content, { mode: 0o600 });
  }
  const child = Bun.spawn([...argv], {
    cwd: context.cwd,
    env: { ...context.env, ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const facts: ProviderFact[] = [];
  const waiting = new Set<() => void>();
  let seen = 0;
  let ended = false;
  let stderr = "";

  const take = (step: Step<PiState>): PiState => {
    facts.push(...step.facts);
    for (const line of step.lines) child.stdin.write(`${line}\n`);
    child.stdin.flush();
    for (const wake of waiting) wake();
    // As the daemon stores it: what does not survive JSON must not be in a state.
    return JSON.parse(JSON.stringify(step.state));
  };
  let state = take(piCodec.start({ launch: context, nowMs: Date.now(), unconfirmed, grants }));

  const read = async () => {
    const splitter = createLineSplitter();
    for await (const bytes of child.stdout) {
      for (const line of splitter.push(bytes)) {
        if (line.type === "line")
          state = take(piCodec.frame(state, { raw: line.text, json: parse(line.text) }, Date.now()));
      }
    }
    ended = true;
    for (const wake of waiting) wake();
  };
  const reading = read();
  const errors = (async () => {
    for await (const bytes of child.stderr) stderr += Buffer.from(bytes).toString();
  })();

  const over = Promise.all([child.exited, reading, errors]).then(() => child.exitCode);

  return {
    facts,
    pid: child.pid,
    state: () => state,
    async next(type, match = () => true) {
      const deadline = Date.now() + deadlineMs;
      for (;;) {
        for (; seen < facts.length;) {
          const fact = facts[seen];
          seen += 1;
          if (fact !== undefined && isOf(fact, type) && match(fact)) return fact;
        }
        const left = deadline - Date.now();
        if (ended || left <= 0)
          throw new Error(
            `no ${type}: ${ended ? "Pi ended" : "deadline"}; last facts ${JSON.stringify(facts.slice(-6))} stderr ${stderr.slice(-500)}`,
          );
        await new Promise<void>((resolve) => {
          const wake = () => {
            clearTimeout(timer);
            waiting.delete(wake);
            resolve();
          };
          const timer = setTimeout(wake, left);
          waiting.add(wake);
        });
      }
    },
    prompt(text, options = {}) {
      const key = options.key ?? crypto.randomUUID();
      state = take(piCodec.prompt(state, { key, text, raw: false, writtenAtMs: Date.now(), ...options }, Date.now()));
      return key;
    },
    interrupt() {
      state = take(piCodec.interrupt(state, Date.now()));
    },
    answer(answer) {
      state = take(piCodec.answer(state, answer, Date.now()));
    },
    write(text) {
      child.stdin.write(text);
      child.stdin.flush();
    },
    lastText() {
      const last = facts.findLast((fact) => fact.type === "part" && fact.role === "assistant");
      const key = last?.type === "part" ? last.key : "";
      return facts
        .map((fact) => (fact.type === "part" && fact.key === key && fact.part.type === "text" ? fact.part.text : ""))
        .join("");
    },
    async kill(signal) {
      child.kill(signal);
      await over;
    },
    ended: over,
    stderr: () => stderr,
  };
}

function isOf<T extends ProviderFact["type"]>(fact: ProviderFact, type: T): fact is FactOf<T> {
  return fact.type === type;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
