/**
 * Runs an ACP agent over pipes with the codec alone: what the codec says is what a test sees, without a daemon between.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { silenceMeter } from "../../src/agents/silence.ts";
import { createLineSplitter } from "../../src/lib/ndjson.ts";
import { type AcpState, acpCodec } from "../../src/providers/acp/codec.ts";
import type { LaunchContext, ProviderFact, Step } from "../../src/providers/contract.ts";
import type { Answer } from "../../src/words/said.ts";
import { PATIENCE_MS } from "./patience.ts";

export interface AcpPipe {
  readonly facts: readonly ProviderFact[];
  readonly state: AcpState;
  readonly pid: number;
  prompt(text: string): void;
  answer(id: string, decision: Answer["decision"]): void;
  interrupt(): void;
  /**
   * The first fact from index `from` on that fits. Throws with all facts when the deadline passes or the agent exits.
   */
  fact<T extends ProviderFact["type"]>(
    type: T,
    options?: { from?: number; where?: (fact: FactOf<T>) => boolean },
  ): Promise<FactOf<T>>;
  /** Prompts and waits for the end of the turn; the facts of that turn. */
  turn(text: string): Promise<readonly ProviderFact[]>;
  /** Ends the process with this signal and reads to the end. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

type FactOf<T extends ProviderFact["type"]> = Extract<ProviderFact, { readonly type: T }>;

export interface PipeOptions {
  readonly command: readonly string[];
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly launch?: Partial<LaunchContext>;
  /** For each thing that is waited for. */
  readonly deadlineMs?: number;
}

export function launchContext({ command, dir, env, launch }: PipeOptions): LaunchContext {
  return {
    command,
    args: [],
    agentId: "a3f2b1c0",
    agentUuid: "00000000-0000-4000-8000-000000000000",
    session: null,
    cwd: dir,
    agentDir: join(dir, ".agent"),
    model: null,
    permissions: "ask",
    systemPrompt: null,
    trusted: false,
    env,
    isRoot: false,
    self: ["agent-harness"],
    ...launch,
  };
}

export function startPipe(options: PipeOptions): AcpPipe {
  const context = launchContext(options);
  const { argv, env, files = [] } = acpCodec.launch(context);
  for (const { path, content } of files) {
    mkdirSync(dirname(join(context.agentDir, path)), { recursive: true });
    writeFileSync(join(context.agentDir, path), content);
  }
  const child = Bun.spawn([...argv], {
    cwd: context.cwd,
    env: { ...context.env, ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const facts: ProviderFact[] = [];
  let state: AcpState;
  let exited = false;
  let stderr = "";
  const waiting = new Set<() => void>();
  const wake = (): void => waiting.forEach((resume) => resume());
  let inputs = 0;
  const quietIn = silenceMeter(performance, () => acpCodec.silence?.(state) ?? []);
  let silence: ReturnType<typeof setTimeout> | undefined;

  function take(step: Step<AcpState>): void {
    // The state is stored as JSON: whatever does not survive that is lost in a real daemon, too.
    state = JSON.parse(JSON.stringify(step.state));
    facts.push(...step.facts);
    for (const line of step.lines) child.stdin.write(`${line}\n`);
    child.stdin.flush();
    wake();
    clearTimeout(silence);
    const wait = quietIn();
    if (wait < Infinity) silence = setTimeout(quiet, wait);
    // What the daemon does for agents that need no person.
    for (const asked of step.facts) {
      if (asked.type === "permission" && context.permissions !== "ask") answer(asked, context.permissions);
    }
  }

  function quiet(): void {
    if (!exited && acpCodec.quiet !== undefined) take(acpCodec.quiet(state));
  }

  function answer({ id, data }: FactOf<"permission">, decision: Answer["decision"]): void {
    take(acpCodec.answer(state, { id, decision, kind: "tool", data: JSON.parse(JSON.stringify(data)) }, Date.now()));
  }

  function frame(raw: string): void {
    let json: unknown;
    try {
      json = JSON.parse(raw);
    } catch {
      json = undefined; // The codec is told, as it is by the daemon.
    }
    take(acpCodec.frame(state, { raw, json }, Date.now()));
  }

  const first = acpCodec.start({ launch: context, nowMs: Date.now(), unconfirmed: [], grants: [] });
  state = first.state;
  take(first);

  const done = (async () => {
    const errors = child.stderr.text().then((text) => (stderr = text));
    const splitter = createLineSplitter();
    for await (const bytes of child.stdout) {
      for (const line of splitter.push(bytes)) if (line.type === "line") frame(line.text);
    }
    await errors;
    facts.push(...acpCodec.exit(state, { code: await child.exited, stderrTail: stderr }));
    exited = true;
    wake();
  })();

  const fact: AcpPipe["fact"] = async (type, { from = 0, where = () => true } = {}) => {
    const deadline = Date.now() + (options.deadlineMs ?? PATIENCE_MS);
    const fits = (candidate: ProviderFact): candidate is FactOf<typeof type> =>
      candidate.type === type && where(candidate as FactOf<typeof type>);
    for (;;) {
      const found = facts.slice(from).find(fits);
      if (found !== undefined) return found;
      const left = deadline - Date.now();
      if (exited || left <= 0) {
        throw new Error(
          `no "${type}" (${exited ? "the agent exited" : "in time"}): ${JSON.stringify(facts.slice(from).filter((known) => known.type !== "delta"))} ${stderr.slice(-2000)}`,
        );
      }
      await new Promise<void>((resolve) => {
        const resume = (): void => {
          clearTimeout(timer);
          waiting.delete(resume);
          resolve();
        };
        const timer = setTimeout(resume, left);
        waiting.add(resume);
      });
    }
  };

  const prompt = (text: string) =>
    take(acpCodec.prompt(state, { key: `input-${++inputs}`, text, raw: false, writtenAtMs: Date.now() }, Date.now()));

  return {
    facts,
    get state() {
      return state;
    },
    pid: child.pid,
    prompt,
    answer(id, decision) {
      const asked = facts.find(
        (known): known is FactOf<"permission"> => known.type === "permission" && known.id === id,
      );
      if (asked === undefined) throw new Error(`nothing was asked as ${id}`);
      answer(asked, decision);
    },
    interrupt: () => take(acpCodec.interrupt(state, Date.now())),
    fact,
    async turn(text) {
      const from = facts.length;
      prompt(text);
      const end = await fact("turn_ended", { from });
      return facts.slice(from, facts.indexOf(end, from) + 1);
    },
    async end(signal = "SIGTERM") {
      child.kill(signal);
      await done;
    },
  };
}

/** The texts of the agent's messages, in order. */
export function saidIn(facts: readonly ProviderFact[]): readonly string[] {
  return facts.flatMap((known) =>
    known.type === "part" && known.role === "assistant" && known.part.type === "text" ? [known.part.text] : [],
  );
}
