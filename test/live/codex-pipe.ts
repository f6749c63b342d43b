/**
 * Runs Codex, real or fake, over pipes with the codec alone: what the codec says is what a test sees, no daemon
 * between.
 */
import { createLineSplitter } from "../../src/lib/ndjson.ts";
import { codexCodec, type CodexState } from "../../src/providers/codex/codec.ts";
import type { AdoptContext, LaunchContext, ProviderFact, Step } from "../../src/providers/contract.ts";
import type { Answer, PromptInput } from "../../src/words/said.ts";
import { PATIENCE_MS } from "./patience.ts";

export type FactOf<T extends ProviderFact["type"]> = Extract<ProviderFact, { readonly type: T }>;

export interface CodexPipe {
  readonly facts: readonly ProviderFact[];
  readonly pid: number;
  state(): CodexState;
  /**
   * The first fact from index `from` on that fits. Throws with the last facts when the deadline passes or Codex ends.
   */
  fact<T extends ProviderFact["type"]>(
    type: T,
    options?: { from?: number; where?: (fact: FactOf<T>) => boolean },
  ): Promise<FactOf<T>>;
  /** Returns the input's key. */
  prompt(text: string, key?: string): string;
  /** Prompts and waits for the end of the turn: the facts of that turn. */
  turn(text: string): Promise<readonly ProviderFact[]>;
  answer(permission: FactOf<"permission">, decision: Answer["decision"], answers?: Answer["answers"]): void;
  interrupt(): void;
  /** As a new daemon would, on the same process. */
  adopt(context?: Partial<AdoptContext>): void;
  /** What the codec writes meanwhile never reaches the program. */
  lose(act: () => void): void;
  stderr(): string;
  /** Ends the process and reads to the end. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

export interface PipeOptions {
  readonly launch: LaunchContext;
  readonly unconfirmed?: readonly PromptInput[];
  readonly grants?: readonly unknown[];
  readonly deadlineMs?: number;
}

export function launchContext(changes: Partial<LaunchContext>): LaunchContext {
  return {
    command: ["codex"],
    args: [],
    agentId: "a3f2b1c0",
    agentUuid: "00000000-0000-4000-8000-000000000000",
    session: null,
    cwd: "/project",
    agentDir: "/state/agents/a3f2b1c0",
    model: null,
    permissions: "ask",
    systemPrompt: null,
    trusted: false,
    env: {},
    isRoot: false,
    self: [],
    ...changes,
  };
}

/** The text of the last assistant message among these facts. */
export function lastText(facts: readonly ProviderFact[]): string {
  const last = facts.findLast(
    (fact) =>
      fact.type === "part" && fact.role === "assistant" && fact.part.type === "text" && fact.subagent === undefined,
  );
  return last?.type === "part" && last.part.type === "text" ? last.part.text : "";
}

export function openCodex({ launch, unconfirmed = [], grants = [], deadlineMs = PATIENCE_MS }: PipeOptions): CodexPipe {
  const { argv, env } = codexCodec.launch(launch);
  const child = Bun.spawn([...argv], {
    cwd: launch.cwd,
    env: { ...launch.env, ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const facts: ProviderFact[] = [];
  const waiting = new Set<() => void>();
  let ended = false;
  let stderr = "";
  let deaf = false;

  const take = (step: Step<CodexState>): CodexState => {
    facts.push(...step.facts);
    for (const line of deaf ? [] : step.lines) child.stdin.write(`${line}\n`);
    child.stdin.flush();
    for (const wake of waiting) wake();
    // As the daemon stores it: what does not survive JSON must not be in a state.
    return JSON.parse(JSON.stringify(step.state));
  };
  let state = take(codexCodec.start({ launch, nowMs: Date.now(), unconfirmed, grants }));

  const reading = (async () => {
    const splitter = createLineSplitter();
    for await (const bytes of child.stdout) {
      for (const line of splitter.push(bytes)) {
        if (line.type === "line")
          state = take(codexCodec.frame(state, { raw: line.text, json: parse(line.text) }, Date.now()));
      }
    }
    ended = true;
    for (const wake of waiting) wake();
  })();
  const errors = (async () => {
    for await (const bytes of child.stderr) stderr += Buffer.from(bytes).toString();
  })();

  const pipe: CodexPipe = {
    facts,
    pid: child.pid,
    state: () => state,
    async fact(type, { from = 0, where = () => true } = {}) {
      const deadline = Date.now() + deadlineMs;
      for (let at = from; ;) {
        for (; at < facts.length; at += 1) {
          const fact = facts[at];
          if (fact !== undefined && isOf(fact, type) && where(fact)) return fact;
        }
        const left = deadline - Date.now();
        if (ended || left <= 0) {
          throw new Error(
            `no ${type}: ${ended ? "Codex ended" : "deadline"}; last facts ${JSON.stringify(facts.slice(-8))}; stderr ${stderr.slice(-500)}`,
          );
        }
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
    prompt(text, key = crypto.randomUUID()) {
      state = take(codexCodec.prompt(state, { key, text, raw: false, writtenAtMs: Date.now() }, Date.now()));
      return key;
    },
    async turn(text) {
      const from = facts.length;
      pipe.prompt(text);
      const end = await pipe.fact("turn_ended", { from });
      return facts.slice(from, facts.indexOf(end) + 1);
    },
    answer({ id, kind, data }, decision, answers) {
      state = take(
        codexCodec.answer(
          state,
          { id, kind, data, decision, ...(answers === undefined ? {} : { answers }) },
          Date.now(),
        ),
      );
    },
    interrupt() {
      state = take(codexCodec.interrupt(state, Date.now()));
    },
    adopt(context = {}) {
      state = take(
        codexCodec.adopt(state, {
          nowMs: Date.now(),
          unconfirmed: [],
          unsettled: [],
          open: [],
          interrupting: false,
          ...context,
        }),
      );
    },
    lose(act) {
      deaf = true;
      act();
      deaf = false;
    },
    stderr: () => stderr,
    async end(signal = "SIGTERM") {
      child.kill(signal);
      await child.exited;
      await Promise.all([reading, errors]);
    },
  };
  return pipe;
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
