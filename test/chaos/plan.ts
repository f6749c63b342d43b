/**
 * What the agents of a storm are told, from a seed: scripts of all kinds, and what their clients do meanwhile. Pure.
 */
import type { Random } from "../support/random.ts";
import type { Act } from "./evidence.ts";

export interface PlannedInput {
  readonly tag: string;
  readonly text: string;
  readonly mode: "queue" | "interrupt";
  /** The next one is sent without waiting for this one. */
  readonly atOnce: boolean;
  /** Done so long after the input was taken. */
  readonly act: { readonly act: Exclude<Act["act"], "interrupt">; readonly afterMs: number } | null;
}

export interface PlannedAgent {
  /** Short, unique, the beginning of its tags. */
  readonly label: string;
  readonly provider: string;
  /** Its script may end its own process. */
  readonly mayCrash: boolean;
  readonly inputs: readonly PlannedInput[];
}

export interface ProviderPlan {
  readonly name: string;
  readonly agents: number;
  /** The program can ask for permission. */
  readonly asks: boolean;
}

export function planAgents(
  providers: readonly ProviderPlan[],
  inputs: number,
  random: Random,
): readonly PlannedAgent[] {
  let count = 0;
  return providers.flatMap((provider) =>
    Array.from({ length: provider.agents }, () => planAgent(provider, (count++).toString(36), inputs, random)),
  );
}

function planAgent({ name, asks }: ProviderPlan, number: string, inputs: number, random: Random): PlannedAgent {
  const label = `${name.replace(/[^a-z]/g, "").slice(0, 4)}${number}`;
  const mayCrash = random.chance(0.4);
  return {
    label,
    provider: name,
    mayCrash,
    inputs: Array.from({ length: inputs }, (_, n) => {
      const tag = `#${label}-${n}`;
      return {
        tag,
        text: textFor(tag, { asks, mayCrash, plain: name === "some-command" }, random),
        mode: random.chance(0.08) ? "interrupt" : "queue",
        atOnce: random.chance(0.25),
        act: random.chance(0.12)
          ? {
              act: random.pick(["abort", "abort", "stop", "resume", "cancel"] as const),
              afterMs: random.between(0, 1500),
            }
          : null,
      };
    }),
  };
}

interface Abilities {
  readonly asks: boolean;
  readonly mayCrash: boolean;
  readonly plain: boolean;
}

function textFor(tag: string, { asks, mayCrash, plain }: Abilities, random: Random): string {
  const words = `${tag.slice(1)} says ${Math.floor(random() * 1e9).toString(36)}`;
  const long = `${words} ${"grüße 🎉 ".repeat(random.between(500, 20_000))}end`;
  const rest = { rest: random.between(20, 2500) };
  const script = (...steps: readonly object[]): string => `SCRIPT ${JSON.stringify(steps)}`;
  const kinds: readonly (() => string)[] = [
    () => words,
    () => long, // longer than the FIFO takes at once
    () => script({ say: words, chunks: 5 }),
    () => script(rest, { say: words, chunks: 3 }),
    () => script({ say: `${words} first` }, rest, { say: `${words} last` }),
    () =>
      script({ say: `${words} a` }, { tool: "Bash", input: { command: "true" }, result: "1" }, rest, {
        say: `${words} b`,
      }),
    () => script({ long: random.between(20_000, 400_000) }, rest, { say: words }),
    () => script({ half: words }, rest, { say: `${words} whole` }),
    () => script({ retry: 3, status: 529 }, rest, { say: words }),
    () => script(rest, { fail: "overloaded", message: words }),
    () => script({ child: 600 }, rest, { say: words }),
    () => script({ think: words }, { say: words }, { empty: true }),
    () => script({ garbage: `not a frame of ${words}` }, { say: words }),
  ];
  const more: readonly (() => string)[] = [
    ...(asks
      ? [
          () => script({ ask: "Bash", input: { command: `echo ${words}` }, result: "ok" }, { say: words }),
          () =>
            script({ say: words }, { ask: "Bash", input: { command: `rm ${words}` } }, rest, { say: `${words} after` }),
        ]
      : []),
    ...(mayCrash ? [() => script({ say: words }, rest, { crash: true }), () => script(rest, { exit: 3 })] : []),
  ];
  // A plain program's output is its answer: bytes that are no frame would be part of it, an empty one is none.
  const usable = plain ? kinds.filter((_, n) => ![7, 10, 11, 12].includes(n)) : kinds;
  return `${tag}\n${random.pick([...usable, ...more])()}`;
}
