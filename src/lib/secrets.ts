/** Secrets from files: `tokenFile` and its kin, and what systemd hands over in `$CREDENTIALS_DIRECTORY`. */
import { readFileSync, statSync } from "node:fs";
import { errorCode, errorText } from "./errors.ts";

const MAX_SECRET_BYTES = 64 * 1024;
const CREDENTIAL = /^\$(?:CREDENTIALS_DIRECTORY|\{CREDENTIALS_DIRECTORY\})\/(.*)$/;

export type SecretResult =
  | { readonly ok: true; readonly value: string; readonly path: string }
  /** `problem` is the end of "<key>: …" and never holds the secret. */
  | { readonly ok: false; readonly problem: string };

/**
 * Reads the file that `spec` names: an absolute path, or `$CREDENTIALS_DIRECTORY/NAME`. One trailing newline is cut;
 * an empty secret, a line break inside or a file beyond 64 KiB is a mistake and refused.
 */
export function readSecretFile(spec: string, env: Readonly<Record<string, string | undefined>>): SecretResult {
  const name = CREDENTIAL.exec(spec)?.[1];
  let path = spec;
  if (name !== undefined) {
    const directory = env["CREDENTIALS_DIRECTORY"];
    if (!directory)
      return problem(
        `${spec} needs the environment variable CREDENTIALS_DIRECTORY, which is not set (systemd sets it with LoadCredential=)`,
      );
    if (name === "" || name.includes("/") || name === "..")
      return problem(`got ${JSON.stringify(spec)}, expected $CREDENTIALS_DIRECTORY/NAME with a plain file name`);
    path = `${directory}/${name}`;
  } else if (!spec.startsWith("/")) {
    return problem(`got ${JSON.stringify(spec)}, expected an absolute path or $CREDENTIALS_DIRECTORY/NAME`);
  }
  try {
    const stat = statSync(path);
    if (!stat.isFile() && !stat.isFIFO()) return problem(`cannot read ${path}: it is not a file`);
    if (stat.size > MAX_SECRET_BYTES)
      return problem(`cannot read ${path}: it holds ${stat.size} bytes, expected at most ${MAX_SECRET_BYTES}`);
    const value = readFileSync(path, "utf8").replace(/\r?\n$/, "");
    if (value === "") return problem(`cannot use ${path}: the file is empty`);
    if (/[\r\n]/.test(value))
      return problem(`cannot use ${path}: it holds more than one line, expected the secret alone`);
    return { ok: true, value, path };
  } catch (error) {
    return problem(`cannot read ${path}: ${readProblem(error)}`);
  }
}

function readProblem(error: unknown): string {
  const code = errorCode(error);
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "permission denied";
  return errorText(error);
}

function problem(text: string): SecretResult {
  return { ok: false, problem: text };
}
