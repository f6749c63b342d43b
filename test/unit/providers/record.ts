/**
 * A conversation of each kind of provider, recorded against its fake: every call of the codec in its order, with the
 * state after it as it would be stored. `replay` runs the rest of the recording from any of those states.
 */
import { join } from "node:path";
import type { AnyCodec, ProviderFact, Step } from "../../../src/providers/contract.ts";
import { providerTable } from "../../../src/providers/index.ts";
import { PROVIDER_KINDS, type ProviderKind } from "../../../src/words/kinds.ts";
import { runCodec, scratchDir } from "../../fakes/codec-loop.ts";
import { ABILITIES } from "../../provider/abilities.ts";

type Call = (codec: AnyCodec, state: unknown) => Step<unknown>;

export interface Moment {
  readonly call: Call;
  /** As it is stored after the call. */
  readonly state: unknown;
  /** The line of the program that the call was about. */
  readonly raw?: string;
  /** What the codec made of it, and what a daemon would have done before: begun, given an input, answered. */
  readonly facts: readonly ProviderFact[];
  readonly did: "start" | "exit" | { readonly input: string } | { readonly decided: string } | null;
}

const FAKES: Readonly<Record<ProviderKind, string>> = {
  "claude-code": "claude.ts",
  codex: "codex.ts",
  opencode: "opencode.ts",
  pi: "pi.ts",
  acp: "acp.ts",
  command: "command.ts",
};

const script = (...steps: readonly unknown[]): string => `SCRIPT ${JSON.stringify(steps)}`;

const settingsOf = (kind: ProviderKind) => ({ kind, command: ["x"], args: [], env: {}, passEnv: [], enabled: true });
const TABLE = providerTable(Object.fromEntries(PROVIDER_KINDS.map((kind) => [kind, settingsOf(kind)])));
const CODECS = new Map(
  await Promise.all([...TABLE.values()].map(async (each) => [each.name, (await each.load()).codec] as const)),
);

export function codecOf(kind: ProviderKind): AnyCodec {
  const codec = CODECS.get(kind);
  if (codec === undefined) throw new Error(`no codec of the kind ${kind}`);
  return codec;
}

/** Two turns: one with a thought, a tool, a question that is allowed and an answer; one that retries and asks again. */
export async function record(kind: ProviderKind): Promise<readonly Moment[]> {
  const dir = scratchDir(`record-${kind}`);
  const codec = codecOf(kind);
  const moments: Moment[] = [];
  const noted = (step: Step<unknown>, call: Call, did: Moment["did"] = null, raw?: string): Step<unknown> => {
    const state = JSON.parse(JSON.stringify(step.state)) as unknown;
    moments.push({ call, state, did, facts: step.facts, ...(raw === undefined ? {} : { raw }) });
    return step;
  };
  const recording: AnyCodec = {
    ...codec,
    start: (context) => noted(codec.start(context), () => codec.start(context), "start"),
    frame: (state, frame, now) =>
      noted(codec.frame(state, frame, now), (c, s) => c.frame(s, frame, now), null, frame.raw),
    quiet: (state) =>
      noted(
        codec.quiet?.(state) ?? { state, facts: [], lines: [] },
        (c, s) => c.quiet?.(s) ?? { state: s, facts: [], lines: [] },
      ),
    prompt: (state, input, now) =>
      noted(codec.prompt(state, input, now), (c, s) => c.prompt(s, input, now), { input: input.key }),
    answer: (state, answer, now) =>
      noted(codec.answer(state, answer, now), (c, s) => c.answer(s, answer, now), { decided: answer.id }),
    exit(state, context) {
      const call: Call = (c, s) => ({ state: s, facts: c.exit(s, context), lines: [] });
      return noted(call(codec, state), call, "exit").facts;
    },
  };
  try {
    const loop = runCodec(recording, {
      command: [process.execPath, join(import.meta.dir, "../../fakes", FAKES[kind])],
      env: { CLAUDE_CONFIG_DIR: dir.path, CODEX_HOME: dir.path, FAKE_HISTORY: join(dir.path, "history.jsonl") },
      launch: {
        cwd: dir.path,
        self: [process.execPath, join(import.meta.dir, "../../fakes/bridge-entry.ts")],
        ...(kind === "command" ? { args: ["--arg"], prompt: { text: "hello", as: "arg" } } : {}),
      },
    });
    await loop.ready();
    if (kind === "command") {
      loop.prompt("hello");
      await loop.exited();
      return moments;
    }
    const ask = { ask: "Bash", input: { command: "touch made.txt" }, result: "made" };
    loop.prompt(script({ think: "hm" }, { tool: "Read", result: "a" }, ask, { say: ["one", "two"], chunks: 2 }));
    loop.answer(await loop.fact("permission"), { decision: "allow" });
    await loop.turn(1);
    const retry = ABILITIES[kind].retries ? [{ retry: 1, status: 529 }] : [];
    loop.prompt(script(...retry, ask, { say: "done" }));
    loop.answer(await loop.fact("permission", 2), { decision: "deny" });
    await loop.turn(2);
    await loop.kill("SIGKILL");
    return moments;
  } finally {
    dir.remove();
  }
}

/** What decides a status, an input or a message; figures and news about retries do not. */
const ASIDE: readonly ProviderFact["type"][] = ["usage", "background", "retrying", "retry_over", "note", "login"];

/** The facts and lines of everything that came after the moment. */
export function replay(codec: AnyCodec, state: unknown, rest: readonly Moment[]): readonly string[] {
  const said: string[] = [];
  for (const { call } of rest) {
    const step = call(codec, state);
    state = step.state;
    said.push(...step.facts.filter(({ type }) => !ASIDE.includes(type)).map((fact) => JSON.stringify(fact)));
    said.push(...step.lines);
  }
  return said;
}

export { PROVIDER_KINDS };
