/**
 * The only error that becomes an API answer. Everything unexpected is thrown once, as this, and turned into a response
 * in one place (`http/router.ts`); anything else that is thrown is a bug and answered as a bare 500.
 */
import type { ErrorCode } from "../words/errors.ts";
import { ERRORS } from "../words/errors.ts";
import type { ExitCode } from "../words/exits.ts";
import { EXIT } from "../words/exits.ts";
import type { Issue } from "./check.ts";

export interface HarnessErrorOptions {
  readonly issues?: readonly Issue[];
  readonly cause?: unknown;
  /** Response headers that belong to this error (`Allow`, `WWW-Authenticate`, `Retry-After`). */
  readonly headers?: Readonly<Record<string, string>>;
  /** It is a daemon's answer: its own status and code, which may be newer than our table. */
  readonly answered?: { readonly status: number; readonly code: string };
}

/** What a code means, its status and its exit code stand in `words/errors.ts`; `message` says how to mend it. */
export class HarnessError extends Error {
  override readonly name = "HarnessError";
  readonly code: ErrorCode;
  /** The code to be shown: ours, or the word of the daemon that answered. */
  readonly shown: string;
  readonly status: number;
  readonly issues?: readonly Issue[];
  readonly headers?: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, options: HarnessErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.shown = options.answered?.code ?? code;
    this.status = options.answered?.status ?? ERRORS[code].status ?? 500;
    if (options.issues) this.issues = options.issues;
    if (options.headers) this.headers = options.headers;
  }
}

/** With what a program ends that could not go on for this reason. */
export function exitOf(error: unknown): ExitCode {
  return error instanceof HarnessError ? ERRORS[error.code].exit : EXIT.error;
}

/** So many problems are listed; the message says how many more there are. */
const MAX_ISSUES = 20;

/** 400 with the problems listed; the message repeats the first, because many clients show nothing else. */
export function invalidRequest(issues: readonly Issue[]): HarnessError {
  const first = issues[0];
  const where = first === undefined || first.path === "" ? "" : `${first.path}: `;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return new HarnessError("INVALID_REQUEST", `${where}${first?.message ?? "the request is not valid"}${more}`, {
    issues: issues.slice(0, MAX_ISSUES),
  });
}

/** What a caught value says, for logs and for messages that quote a cause. */
export function errorText(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return typeof error === "string" ? error : String(error);
}

/** `ENOENT`, `EADDRINUSE` … of a system error, else undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
