/**
 * The language in which a test tells a fake provider what to do: a prompt with a line `SCRIPT [steps]`.
 * Owns the shapes of the steps and their parser. Every other prompt is answered with `echo: <prompt>`.
 */
import { readFileSync } from "node:fs";

export interface ToolStep {
  readonly tool: string;
  readonly input?: Record<string, unknown>;
  readonly result?: string;
  readonly fail?: boolean;
  /** The tool runs until this file exists. */
  readonly gate?: string;
}

export interface AskStep {
  readonly ask: string;
  readonly input?: Record<string, unknown>;
  readonly result?: string;
  readonly fail?: boolean;
}

export type ScriptStep =
  /** `gate`: half of the deltas are out, the rest waits for this file. */
  | { readonly say: string | readonly string[]; readonly chunks?: number; readonly gate?: string }
  | { readonly think: string }
  | ToolStep
  | AskStep
  | { readonly ask2: readonly AskStep[] }
  | { readonly question: string; readonly options: readonly string[] }
  | { readonly withdraw: AskStep }
  | { readonly retry: number; readonly status: number; readonly gate?: string }
  /** `resetsAt`: epoch ms, for what fails by the account. */
  | { readonly fail: string; readonly message: string; readonly resetsAt?: number }
  /** The program waits by itself until this epoch ms, which does not come: until it is interrupted. */
  | { readonly waitsUntil: number; readonly message: string }
  | { readonly empty: true }
  | { readonly crash: true }
  | { readonly exit: number }
  | { readonly garbage: string }
  /** Bytes without a line feed, so that they stand before the next frame on its line. */
  | { readonly foreign: string }
  | { readonly half: string }
  | { readonly long: number }
  | { readonly gate: string }
  | { readonly mark: string }
  /** Ms. */
  | { readonly rest: number }
  /** Seconds that a child process lives, left to itself, as a tool's server is. */
  | { readonly child: number }
  | { readonly background: readonly ScriptStep[]; readonly gate: string }
  | { readonly subagent: readonly ScriptStep[]; readonly gate?: string };

export type StepName = keyof typeof stepKeys;

/**
 * Every step by its leading key, with the other keys that it may carry. A key that others may carry stands after them.
 */
const stepKeys = {
  say: ["chunks", "gate"],
  think: [],
  tool: ["input", "result", "fail", "gate"],
  ask: ["input", "result", "fail"],
  ask2: [],
  question: ["options"],
  withdraw: [],
  retry: ["status", "gate"],
  fail: ["message", "resetsAt"],
  waitsUntil: ["message"],
  empty: [],
  crash: [],
  exit: [],
  garbage: [],
  foreign: [],
  half: [],
  long: [],
  background: ["gate"],
  subagent: ["gate"],
  mark: [],
  rest: [],
  child: [],
  gate: [],
} as const satisfies Record<string, readonly string[]>;

/**
 * For prompts in plain words, as the README has them: `FAKE_SCRIPTS` names a JSON file of prompt → steps.
 */
function knownScript(prompt: string): string | undefined {
  const file = process.env["FAKE_SCRIPTS"];
  const scripts: unknown = file === undefined ? {} : JSON.parse(readFileSync(file, "utf8"));
  const steps =
    typeof scripts === "object" && scripts !== null
      ? new Map<string, unknown>(Object.entries(scripts)).get(prompt)
      : undefined;
  return steps === undefined ? undefined : `SCRIPT ${JSON.stringify(steps)}`;
}

/**
 * The steps of a prompt. A script that cannot be read is answered with the reason, so that its test fails and says why.
 */
export function parseScript(prompt: string): readonly ScriptStep[] {
  const line = prompt.split("\n").find((text) => text.startsWith("SCRIPT ")) ?? knownScript(prompt);
  if (line === undefined) return [{ say: `echo: ${prompt}` }];
  try {
    const steps: unknown = JSON.parse(line.slice("SCRIPT ".length));
    checkSteps(steps, "script");
    return steps;
  } catch (error) {
    return [{ say: `SCRIPT unreadable: ${error instanceof Error ? error.message : String(error)}` }];
  }
}

function isStepName(key: string): key is StepName {
  return key in stepKeys;
}

/** Which step it is: the first of the leading keys that it has (a failing tool is a tool, its `fail` comes later). */
export function stepName(step: object): StepName | undefined {
  return Object.keys(stepKeys)
    .filter(isStepName)
    .find((key) => key in step);
}

function checkSteps(steps: unknown, path: string): asserts steps is readonly ScriptStep[] {
  if (!Array.isArray(steps)) throw new Error(`${path} must be an array of steps`);
  steps.forEach((step: unknown, index) => checkStep(step, `${path}[${index}]`));
}

function checkStep(step: unknown, path: string): void {
  if (typeof step !== "object" || step === null) throw new Error(`${path} must be an object`);
  const name = stepName(step);
  if (name === undefined) throw new Error(`${path} is no known step: ${JSON.stringify(step)}`);
  const allowed: readonly string[] = [name, ...stepKeys[name]];
  const foreign = Object.keys(step).find((key) => !allowed.includes(key));
  if (foreign !== undefined) throw new Error(`${path}: a "${name}" step has no "${foreign}"`);
  const inner = new Map<string, unknown>(Object.entries(step)).get(name);
  if (name === "background" || name === "subagent" || name === "ask2") checkSteps(inner, `${path}.${name}`);
  if (name === "withdraw") checkStep(inner, `${path}.withdraw`);
}
