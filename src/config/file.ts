/** Which config file, and what JSON is in it. Every problem here has an empty path: nothing can be said about keys. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Issue } from "../lib/check.ts";
import { isObject } from "../lib/check.ts";
import { errorCode, errorText } from "../lib/errors.ts";
import { duplicateKeys, parseJson } from "../lib/json.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface FileChoice {
  /** `harness.json` */
  readonly fileName: string;
  /** `AH_CONFIG` */
  readonly pathVariable: string;
}

export interface FileOptions {
  /** `--config`; relative to the current folder. */
  readonly path?: string;
  readonly env: Environment;
  readonly systemDir?: string;
}

const MAX_CONFIG_BYTES = 1024 * 1024;

/** Nothing and no problem = there is no file, which means defaults. */
export function findFile(
  choice: FileChoice,
  { path, env, systemDir = "/etc/agent-harness" }: FileOptions,
  problems: Issue[],
): { path: string; text: string } | undefined {
  const named = path ?? env[choice.pathVariable];
  if (named !== undefined) {
    const by = path !== undefined ? "--config" : choice.pathVariable;
    if (named === "")
      problems.push({ path: "", message: `${by}: got an empty path, expected the path of a config file` });
    else return readAt(resolve(named), problems, by);
    return undefined;
  }
  const home = env["HOME"] ? join(env["HOME"], ".config") : undefined;
  // A relative XDG path is to be ignored (XDG base directory specification).
  const xdg = env["XDG_CONFIG_HOME"]?.startsWith("/") ? env["XDG_CONFIG_HOME"] : home;
  for (const candidate of [
    ...(xdg ? [join(xdg, "agent-harness", choice.fileName)] : []),
    join(systemDir, choice.fileName),
  ]) {
    const found = readAt(candidate, problems, undefined);
    if (found || problems.length > 0) return found;
  }
  return undefined;
}

/** `by` = who named the file; a file that nobody named may be missing. */
function readAt(path: string, problems: Issue[], by: string | undefined): { path: string; text: string } | undefined {
  try {
    const bytes = readFileSync(path);
    if (bytes.length <= MAX_CONFIG_BYTES)
      return { path, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
    problems.push({
      path: "",
      message: `cannot use ${path}: it holds ${bytes.length} bytes, expected at most ${MAX_CONFIG_BYTES}`,
    });
  } catch (error) {
    const code = errorCode(error);
    if (by === undefined && (code === "ENOENT" || code === "ENOTDIR")) return undefined;
    const why: Record<string, string> = {
      ENOENT: "there is no such file",
      ENOTDIR: "there is no such file",
      EACCES: "permission denied",
      EISDIR: "it is a folder",
      ERR_ENCODING_INVALID_ENCODED_DATA: "it is not valid UTF-8",
    };
    problems.push({
      path: "",
      message: `cannot read ${path}${by === undefined ? "" : ` (${by})`}: ${why[code ?? ""] ?? errorText(error)}`,
    });
  }
  return undefined;
}

export function parseFile(text: string, problems: Issue[]): Record<string, unknown> | undefined {
  const parsed = parseJson(text);
  if (!parsed.ok) {
    problems.push({
      path: "",
      message: `not valid JSON at line ${parsed.line}, column ${parsed.column}: ${parsed.problem}`,
    });
    return undefined;
  }
  if (!isObject(parsed.value)) {
    problems.push({
      path: "",
      message: `got ${Array.isArray(parsed.value) ? "an array" : JSON.stringify(parsed.value)}, expected an object of keys`,
    });
    return undefined;
  }
  for (const { path, line, column } of duplicateKeys(text)) {
    problems.push({ path, message: `stands twice, expected once (again at line ${line}, column ${column})` });
  }
  return parsed.value;
}
