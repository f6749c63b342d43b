/** What a check said of a turn, in a line. Pure. */
import { fields, isTrue, number, numberOrNull } from "./read.ts";
import { count } from "./format.ts";

export function verdictWords(value: unknown): string {
  const { passed, exitCode, attempts } = fields(value);
  const code = numberOrNull(exitCode);
  const told = number(attempts) === 0 ? "" : ` · told the agent ${count(number(attempts), "time")} before`;
  if (isTrue(passed)) return `passed${told}`;
  return `failed (${code === null ? "it did not end by itself" : `code ${code}`})${told}`;
}
