/** One kind of harm. It does its harm, undoes what can be undone, and says whom it touched. */
import type { Random } from "../../support/random.ts";
import type { World } from "../world.ts";

export interface Touched {
  readonly agent: string;
  readonly how: "shaken" | "damaged";
  /** Whose files were damaged. */
  readonly run?: number;
  /** What was done to it, in words. */
  readonly what: string;
}

export interface Fault {
  readonly name: string;
  /** How often it is picked against the others. */
  readonly weight: number;
  /** It ends one of our programs: the last third of a storm is without it, for what leaks needs time. */
  readonly ends?: true;
  /** Why it cannot be done on this machine; null = it can. */
  missing(world: World): string | null;
  /** Resolves when the harm is over. The pick is made of `random` before the first wait. */
  strike(world: World, random: Random): Promise<readonly Touched[]>;
}

export const possible = (): null => null;
