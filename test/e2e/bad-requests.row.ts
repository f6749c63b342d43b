/** One malformed request and its exact answer. `{cwd}` and the like are put in by the world of the test. */

export interface BadRequest {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  /** Strings and bytes go as they are, everything else as JSON. */
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly status: number;
  readonly code: string;
  /** INVALID_REQUEST: each issue as "path: message". Else the message. */
  readonly says: readonly string[];
}

type Sent = readonly [method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>];

export function bad(
  what: string,
  [method, path, body, headers = {}]: Sent,
  status: number,
  code: string,
  says: readonly string[],
): BadRequest {
  return { what, method, path, body, headers, status, code, says };
}
