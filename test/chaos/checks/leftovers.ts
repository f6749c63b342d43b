/** What a storm leaves behind: no process, no descriptor, no memory, and no answer that no client should get. */
import type { Check, Resources } from "../evidence.ts";

/** By what is measured: how much more than before is no leak. */
const GROWTH: Readonly<Record<string, (before: number) => number>> = {
  descriptors: (before) => before + 8,
  // Pages of the store and of compiled code, not of each agent.
  "daemon memory": (before) => before * 1.5 + 60 * 1024,
  "receiver memory": (before) => before * 1.5 + 20 * 1024,
  zombies: () => 0,
};

export const nothingIsLeft: Check = ({ left }) => left.map((process) => `left behind: ${process}`);

export const nothingGrows: Check = ({ resources }) => grown(resources);

/** What is more than it may be, in words. */
export function grown(resources: readonly Resources[]): readonly string[] {
  return resources.flatMap(({ what, before, after }) => {
    const limit = (GROWTH[what] ?? GROWTH[what.split(" ").at(-1) ?? ""])?.(before) ?? before;
    return after > limit ? [`${what}: ${after} after the storm, ${before} before it`] : [];
  });
}

export const answersAreGood: Check = ({ badAnswers }) => badAnswers.map((answer) => `answered ${answer}`);
