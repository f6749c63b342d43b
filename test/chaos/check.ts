/**
 * All checks of a storm's evidence. Each is pure, and each was seen to fail: on evidence that was falsified
 * (`test/unit/chaos/check.test.ts`), and over programs that were broken (`broken.table.ts`).
 */
import { answersAreGood, nothingGrows, nothingIsLeft } from "./checks/leftovers.ts";
import { endsAreToldOnce, noticesArrive, receiverPassesOn } from "./checks/notices.ts";
import { inputsAreListed, inputsAreSettled, inputsRunOnce } from "./checks/runs.ts";
import { nobodyStaysBusy, outcomesAreTrue, storiesArePossible } from "./checks/turns.ts";
import { messagesAreExact } from "./checks/words.ts";
import type { Check, Evidence } from "./evidence.ts";

export const CHECKS = {
  inputsAreListed,
  inputsRunOnce,
  inputsAreSettled,
  messagesAreExact,
  storiesArePossible,
  outcomesAreTrue,
  nobodyStaysBusy,
  endsAreToldOnce,
  noticesArrive,
  receiverPassesOn,
  answersAreGood,
  nothingIsLeft,
  nothingGrows,
} as const satisfies Record<string, Check>;

export type CheckName = keyof typeof CHECKS;
export const CHECK_NAMES = Object.keys(CHECKS) as readonly CheckName[];

/** Flaws by check, in words; {} when all is well. */
export function flawsOf(evidence: Evidence): Readonly<Partial<Record<CheckName, readonly string[]>>> {
  const found: Partial<Record<CheckName, readonly string[]>> = {};
  for (const name of CHECK_NAMES) {
    const flaws = CHECKS[name](evidence);
    if (flaws.length > 0) found[name] = flaws;
  }
  return found;
}
