/** A bridge with a real OpenCode behind it, over pipes: what the codec says is what a test sees, no daemon between. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLineSplitter } from "../../src/lib/ndjson.ts";
import { opencodeCodec } from "../../src/providers/opencode/codec.ts";
import type { OpenCodeState } from "../../src/providers/opencode/state.ts";
import type { AdoptContext, LaunchContext, ProviderFact, Step } from "../../src/providers/contract.ts";
import type { Answer, PromptInput } from "../../src/words/said.ts";
import { PATIENCE_MS } from "./patience.ts";

export type FactOf<T extends ProviderFact["type"]> = Extract<ProviderFact, { readonly type: T }>;

export interface Driven {
  readonly facts: readonly ProviderFact[];
  readonly pid: number;
  /** The next fact of this type that fits and was not yet waited for. */
  next<T extends ProviderFact["type"]>(type: T, fits?: (fact: FactOf<T>) => boolean): Promise<FactOf<T>>;
  prompt(text: string, options?: Partial<PromptInput>): PromptInput;
  /** Prompts, waits for the end of the turn, and tells the agent's own words in it. */
  turn(
    text: string,
  ): Promise<{ readonly outcome: string; readonly error: string | null; readonly said: readonly string[] }>;
  interrupt(): void;
  answer(asked: FactOf<"permission">, decision: Answer["decision"], more?: Partial<Answer>): void;
  adopt(context?: Partial<AdoptContext>): void;
  write(bytes: string): void;
  said(from?: number): readonly string[];
  serverPid(): number;
  kill(signal: NodeJS.Signals): Promise<number | null>;
  farewell(): Promise<number | null>;
  readonly ended: Promise<number | null>;
  stderr(): string;
}

export interface DriveOptions {
  readonly launch: LaunchContext;
  readonly grants?: readonly unknown[];
  readonly deadlineMs?: number;
}

/** Run from source, the runtime would take a .env and a bunfig.toml of the project; the compiled program does not. */
export const SELF = [
  process.execPath,
  "--no-env-file",
  "--config=/dev/null",
  join(import.meta.dir, "../fakes/bridge-entry.ts"),
];

export function driveOpenCode({ launch: context, grants = [], deadlineMs = PATIENCE_MS }: DriveOptions): Driven {
  const { argv, env } = opencodeCodec.launch(context);
  const child = Bun.spawn([...argv], {
    cwd: context.cwd,
    env: { ...context.env, ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const facts: ProviderFact[] = [];
  let changed = Promise.withResolvers<void>();
  let seen = 0;
  let over = false;
  let stderr = "";

  const take = (step: Step<OpenCodeState>): OpenCodeState => {
    facts.push(...step.facts);
    for (const line of step.lines) child.stdin.write(`${line}\n`);
    child.stdin.flush();
    changed.resolve();
    changed = Promise.withResolvers<void>();
    // As the daemon stores it: what does not survive JSON must not be in a state.
    return JSON.parse(JSON.stringify(step.state));
  };
  let state = take(opencodeCodec.start({ launch: context, nowMs: Date.now(), unconfirmed: [], grants }));

  const reading = (async () => {
    const splitter = createLineSplitter();
    for await (const bytes of child.stdout) {
      for (const line of splitter.push(bytes)) {
        if (line.type === "line")
          state = take(opencodeCodec.frame(state, { raw: line.text, json: JSON.parse(line.text) }, Date.now()));
      }
    }
    over = true;
    changed.resolve();
  })();
  const errors = (async () => {
    for await (const bytes of child.stderr) stderr += Buffer.from(bytes).toString();
  })();
  const ended = Promise.all([child.exited, reading, errors]).then(() => child.exitCode);

  const said = (from = 0) => {
    const messages = new Map<string, string>();
    for (const fact of facts.slice(from)) {
      if (fact.type !== "part" || fact.role !== "assistant" || fact.subagent !== undefined || fact.part.type !== "text")
        continue;
      messages.set(fact.key, (messages.get(fact.key) ?? "") + fact.part.text);
    }
    return [...messages.values()];
  };
  const isA = <T extends ProviderFact["type"]>(fact: ProviderFact, type: T): fact is FactOf<T> => fact.type === type;

  const driven: Driven = {
    facts,
    pid: child.pid,
    async next(type, fits = () => true) {
      const deadline = Date.now() + deadlineMs;
      for (;;) {
        while (seen < facts.length) {
          const fact = facts[seen];
          seen += 1;
          if (fact !== undefined && isA(fact, type) && fits(fact)) return fact;
        }
        const left = deadline - Date.now();
        if (over || left <= 0)
          throw new Error(
            `no ${type}: ${over ? "it ended" : "deadline"}; last facts ${JSON.stringify(facts.slice(-8))}; stderr ${stderr.slice(-800)}`,
          );
        await Promise.race([changed.promise, Bun.sleep(Math.min(left, 500))]);
      }
    },
    prompt(text, options = {}) {
      const input = { key: crypto.randomUUID(), text, raw: false, writtenAtMs: Date.now(), ...options };
      state = take(opencodeCodec.prompt(state, input, Date.now()));
      return input;
    },
    async turn(text) {
      const from = facts.length;
      driven.prompt(text);
      const end = await driven.next("turn_ended");
      return { outcome: end.outcome, error: end.error?.message ?? null, said: said(from) };
    },
    interrupt: () => void (state = take(opencodeCodec.interrupt(state, Date.now()))),
    answer(asked, decision, more = {}) {
      state = take(
        opencodeCodec.answer(
          state,
          { id: asked.id, kind: asked.kind, data: asked.data, decision, ...more },
          Date.now(),
        ),
      );
    },
    adopt: (context = {}) =>
      void (state = take(
        opencodeCodec.adopt(state, {
          nowMs: Date.now(),
          unconfirmed: [],
          unsettled: [],
          open: [],
          interrupting: false,
          ...context,
        }),
      )),
    write(bytes) {
      child.stdin.write(bytes);
      child.stdin.flush();
    },
    said,
    serverPid: () => childrenOf(child.pid).find((pid) => commandOf(pid).includes("serve")) ?? 0,
    async kill(signal) {
      child.kill(signal);
      return ended;
    },
    async farewell() {
      for (const line of opencodeCodec.farewell(state).lines) child.stdin.write(`${line}\n`);
      child.stdin.flush();
      return ended;
    },
    ended,
    stderr: () => stderr,
  };
  return driven;
}

export function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent;
      } catch {
        return false;
      }
    });
}

export function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** Variables that make OpenCode use the stub, and nothing but the stub. `url` ends in `/v1`. */
export function stubConfig(url: string): Record<string, string> {
  const config = {
    model: "stub/stub-1",
    small_model: "stub/stub-1",
    enabled_providers: ["stub"],
    provider: {
      stub: {
        npm: "@ai-sdk/openai-compatible",
        name: "Stub",
        options: { baseURL: url, apiKey: "stub-key" },
        models: {
          "stub-1": {
            name: "Stub 1",
            tool_call: true,
            cost: { input: 1, output: 2 },
            limit: { context: 400_000, output: 8192 },
          },
        },
      },
    },
  };
  return {
    OPENCODE_CONFIG_CONTENT: JSON.stringify(config),
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
    OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
  };
}

export interface OpenCodeHome {
  readonly root: string;
  context(changes?: Partial<LaunchContext>): LaunchContext;
  remove(): void;
}

/** One home for all agents of a test file: a new one costs a database migration. `url` ends in `/v1`. */
export function openCodeHome(program: string, url: string): OpenCodeHome {
  const root = mkdtempSync(join(tmpdir(), "ah-opencode-"));
  const home = join(root, "home");
  let agents = 0;
  mkdirSync(home);
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: home, ...stubConfig(url) };
  return {
    root,
    context(changes = {}) {
      agents += 1;
      const cwd = join(root, `project-${agents}`);
      mkdirSync(cwd);
      return {
        command: [program],
        args: [],
        agentId: "a3f2b1c0",
        agentUuid: crypto.randomUUID(),
        session: null,
        cwd,
        agentDir: root,
        model: null,
        permissions: "ask",
        systemPrompt: null,
        trusted: false,
        isRoot: false,
        self: SELF,
        env,
        ...changes,
      };
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
