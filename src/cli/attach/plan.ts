/** What the daemon says about a screen, and whether it can be started from here. */
import { readlinkSync } from "node:fs";
import { isObject } from "../../lib/check.ts";
import { HarnessError } from "../../lib/errors.ts";
import { readBootId } from "../../process/proc.ts";

export interface Plan {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly variables: readonly string[];
  readonly version: string | null;
}

/** Throws NO_SCREEN with its reason. */
export function readPlan(answer: unknown): Plan {
  const { screen, host } = isObject(answer) ? answer : {};
  if (isObject(screen) && typeof screen["reason"] === "string") throw new HarnessError("NO_SCREEN", screen["reason"]);
  if (!isObject(screen) || !Array.isArray(screen["argv"]) || !isObject(host))
    throw new HarnessError("BAD_ANSWER", "the daemon does not say how the screen is started: is it another version?");
  const here =
    host["bootId"] === readBootId() &&
    host["uid"] === process.getuid?.() &&
    host["pidNamespace"] === readlinkSync("/proc/self/ns/pid");
  if (!here)
    throw new HarnessError("NO_SCREEN", "attach works only where the daemon runs, as its user: ssh there first");
  return screen as unknown as Plan; // made by the daemon from its own shape
}

/** Names that only the agent was given: their values stay with the daemon. */
export const missing = (plan: Plan, env: Readonly<Record<string, string | undefined>>): readonly string[] =>
  plan.variables.filter((name) => env[name] === undefined);

/** What we were told for ourselves is none of the program's business. */
export function screenEnv(
  plan: Plan,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const own = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith("AH_"),
  );
  return { ...Object.fromEntries(own), ...plan.env };
}

/** As it could be typed. */
export function commandLine({ argv, cwd, env }: Plan): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${quoted(value)}`);
  return `cd ${quoted(cwd)} && ${[...variables, ...argv.map(quoted)].join(" ")}`;
}

const quoted = (word: string): string =>
  /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
