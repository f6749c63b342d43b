/**
 * Loads a config: finds the file, reads it, lays the environment over it, checks everything, and gives a frozen value
 * or the list of all that is wrong. Used by both programs, each with its own schema. A config is never guessed at:
 * whatever is not understood stops the start.
 */
import type { Issue, Schema } from "../lib/check.ts";
import { isObject } from "../lib/check.ts";
import { readSecretFile } from "../lib/secrets.ts";
import { type Environment, type FileChoice, type FileOptions, findFile, parseFile } from "./file.ts";

export type { Environment, FileOptions };

export interface EnvBinding {
  /** `AH_PORT` */
  readonly variable: string;
  /** Where its value stands in the file: `["port"]`. */
  readonly key: readonly string[];
  /** `list`: commas stand between its values, one alone is no list. */
  readonly type?: "integer" | "list";
  /** Keys of the file that this variable puts aside (`tokenFile` beside `token`). */
  readonly replaces?: readonly (readonly string[])[];
}

export interface ConfigSpec<F, T> extends FileChoice {
  /** Every member optional at the top: what is wrong is left out, and the rest is still checked. */
  readonly schema: Schema<F>;
  readonly env: readonly EnvBinding[];
  /** Defaults, secrets from files, and what needs more than one key to be judged. */
  resolve(file: F, context: ResolveContext): T;
}

export interface ResolveContext {
  readonly env: Environment;
  /** One more thing that is wrong; `message` says what it got and what it expects. */
  problem(path: string, message: string): void;
  /** Something is wrong at or below this path already. */
  broken(path: string): boolean;
  /** `value`, or what the file of `fileKey` holds (checked like the value); having both is a problem. */
  secret(
    key: string,
    value: string | undefined,
    fileKey: string,
    file: string | undefined,
    schema: Schema<string>,
  ): string | undefined;
}

export type ConfigResult<T> =
  | { readonly ok: true; readonly value: T; readonly source: string | null }
  | { readonly ok: false; readonly problems: readonly Issue[]; readonly source: string | null };

export function loadConfig<F, T>(spec: ConfigSpec<F, T>, options: FileOptions): ConfigResult<T> {
  const { env } = options;
  const problems: Issue[] = [];
  const file = findFile(spec, options, problems);
  const source = file?.path ?? null;
  const raw = file === undefined ? {} : parseFile(file.text, problems);
  // Without a readable file there is nothing to say about its keys.
  if (raw === undefined || problems.some((issue) => issue.path === "")) return { ok: false, problems, source };

  const fromEnv = overlay(raw, spec.env, env, problems);
  const issues: Issue[] = [];
  const parsed = spec.schema.parse(raw, "", issues);
  for (const issue of issues) problems.push({ ...issue, path: fromEnv.get(issue.path) ?? issue.path });
  if (parsed === undefined) return { ok: false, problems, source };

  const brokenPaths = [...issues, ...problems].map((issue) => issue.path);
  const context: ResolveContext = {
    env,
    problem: (path, message) => void problems.push({ path: fromEnv.get(path) ?? path, message }),
    broken: (path) =>
      brokenPaths.some((broken) => {
        const inside = broken.startsWith(path) && /^(\.|\[|$)/.test(broken.slice(path.length));
        return inside || broken === fromEnv.get(path);
      }),
    secret(key, value, fileKey, secretFile, schema) {
      if (secretFile === undefined) return value;
      if (value !== undefined) {
        this.problem(fileKey, `got both ${key} and ${fileKey}, expected only one of them`);
        return value;
      }
      const read = readSecretFile(secretFile, env);
      if (!read.ok) {
        this.problem(fileKey, read.problem);
        return undefined;
      }
      const own: Issue[] = [];
      const checked = schema.parse(read.value, "", own);
      for (const { message } of own) this.problem(fileKey, `${read.path}: ${message}`);
      return checked;
    },
  };
  const value = spec.resolve(parsed, context);
  return problems.length > 0 ? { ok: false, problems, source } : { ok: true, value: deepFreeze(value), source };
}

/** For stderr: one line a problem. */
export function formatProblems(problems: readonly Issue[], source: string | null): string {
  const where = source === null ? "the configuration" : source;
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return [
    `${count} in ${where}:`,
    ...problems.map(({ path, message }) => `  ${path === "" ? "" : `${path}: `}${message}`),
  ].join("\n");
}

/**
 * Writes the variables into `raw`; gives the path → variable map, so that a problem is reported where it has to be
 * mended.
 */
function overlay(
  raw: Record<string, unknown>,
  bindings: readonly EnvBinding[],
  env: Environment,
  problems: Issue[],
): Map<string, string> {
  const fromEnv = new Map<string, string>();
  for (const { variable, key, type, replaces = [] } of bindings) {
    const text = env[variable];
    if (text === undefined) continue;
    if (text === "") {
      problems.push({
        path: variable,
        message: "got an empty value, expected a value, or the variable not to be set at all",
      });
      continue;
    }
    const value = typed(text, type);
    // A parent of the wrong type stays as it is: the schema reports it.
    if (!setAt(raw, key, value)) continue;
    fromEnv.set(key.join("."), variable);
    for (const other of replaces) setAt(raw, other, undefined);
  }
  return fromEnv;
}

function typed(text: string, type: EnvBinding["type"]): unknown {
  if (type === "integer" && /^-?\d{1,15}$/.test(text)) return Number(text);
  return type === "list" && text.includes(",") ? text.split(",").map((each) => each.trim()) : text;
}

function setAt(raw: Record<string, unknown>, [first = "", ...rest]: readonly string[], value: unknown): boolean {
  if (rest.length === 0) {
    if (value === undefined) delete raw[first];
    else raw[first] = value;
    return true;
  }
  if (value !== undefined) raw[first] ??= {};
  const inner = raw[first];
  return isObject(inner) && setAt(inner, rest, value);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
