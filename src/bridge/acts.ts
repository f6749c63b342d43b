/** What one thing that came in has caused, in the order in which it is to be done. */
import type { BridgeLine } from "../providers/opencode/lines.ts";
import type { CoreAction } from "./core-io.ts";

export interface Acts {
  act(action: CoreAction): void;
  tell(...lines: readonly BridgeLine[]): void;
}

export interface Collected extends Acts {
  /** Everything since the last time. */
  take(): readonly CoreAction[];
}

export function collectActs(): Collected {
  let actions: CoreAction[] = [];
  return {
    act: (action) => void actions.push(action),
    tell: (...lines) => void actions.push(...lines.map((line): CoreAction => ({ do: "tell", line }))),
    take() {
      const taken = actions;
      actions = [];
      return taken;
    },
  };
}
