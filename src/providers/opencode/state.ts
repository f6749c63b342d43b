/** What this codec remembers: nearly everything that is known of the program is known to the bridge. */
import type { StartCommand } from "./lines.ts";

export interface OpenCodeState {
  /** Kept until the bridge is ready, to be said again by the next daemon. */
  readonly start: StartCommand | null;
  readonly session: string | null;
}
