/**
 * The only error that becomes an API answer. Everything unexpected is thrown once, as this, and turned into a response
 * in one place (`http/router.ts`); anything else that is thrown is a bug and answered as a bare 500.
 */
import type { Issue } from "./check.ts";

export interface HarnessErrorOptions {
  /** HTTP status of the answer; 500 when the caller did nothing wrong. */
  readonly status?: number;
  readonly issues?: readonly Issue[];
  readonly cause?: unknown;
  /** Response headers that belong to this error (`Allow`, `WWW-Authenticate`, `Retry-After`). */
  readonly headers?: Readonly<Record<string, string>>;
}

/** `code` is UPPER_SNAKE and stable; `message` says what happened and how to mend it. */
export class HarnessError extends Error {
  override readonly name = "HarnessError";
  readonly code: string;
  readonly status: number;
  readonly issues?: readonly Issue[];
  readonly headers?: Readonly<Record<string, string>>;

  constructor(code: string, message: string, options: HarnessErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? 500;
    if (options.issues) this.issues = options.issues;
    if (options.headers) this.headers = options.headers;
  }
}

/** So many problems are listed; the message says how many more there are. */
const MAX_ISSUES = 20;

/** 400 with the problems listed; the message repeats the first, because many clients show nothing else. */
export function invalidRequest(issues: readonly Issue[]): HarnessError {
  const first = issues[0];
  const where = first === undefined || first.path === "" ? "" : `${first.path}: `;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return new HarnessError("INVALID_REQUEST", `${where}${first?.message ?? "the request is not valid"}${more}`, {
    status: 400,
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
