/** JSON lines for machines and people with `jq`: one fact a line, secrets cut out by the name of their key. */
import type { Clock } from "./clock.ts";
import { given } from "./given.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(msg: string, fields?: LogFields): void;
  info(msg: string, fields?: LogFields): void;
  warn(msg: string, fields?: LogFields): void;
  error(msg: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Takes one whole line with its LF. */
  readonly write: (line: string) => void;
  readonly clock: Clock;
}

const SECRET_KEY = /token|secret|authorization|password|passwd|cookie|api[-_]?key|private[-_]?key|webhook[-_]?url/i;
const BEARER = /\b(bearer)\s+[^\s"',]+/gi;
const MAX_DEPTH = 6;

/**
 * A copy that is safe to write down: no secrets, no cycles, errors as plain objects. Numbers under a secret-looking key
 * (`inputTokens`) are counts and stay.
 */
export function redact(value: unknown, key = "", depth = 0): unknown {
  if (value === null || value === undefined || typeof value === "number" || typeof value === "boolean") return value;
  if (SECRET_KEY.test(key)) return "[redacted]";
  if (typeof value === "string") return value.replace(BEARER, "$1 [redacted]");
  if (depth >= MAX_DEPTH) return "[too deep]";
  if (value instanceof Error) {
    const { name, message, stack, cause } = value;
    const code = "code" in value ? { code: value.code } : {};
    return redact({ name, message, ...code, stack, ...given({ cause }) }, "", depth + 1);
  }
  if (Array.isArray(value)) return value.map((item) => redact(item, "", depth + 1));
  if (typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, redact(v, k, depth + 1)]));
  }
  return String(value);
}

export function createLogger({ level, write, clock }: LoggerOptions): Logger {
  const lowest = LOG_LEVELS.indexOf(level);
  const make = (bound: LogFields): Logger => {
    const at = (name: LogLevel) => {
      if (LOG_LEVELS.indexOf(name) < lowest) return () => {};
      return (msg: string, fields: LogFields = {}): void => {
        const safe = redact({ ...bound, ...fields });
        const rest = typeof safe === "object" && safe !== null ? safe : {};
        // `time`, `level` and `msg` come first and cannot be replaced by a field of the same name.
        const { time: _t, level: _l, msg: _m, ...others } = rest as Record<string, unknown>;
        const text = msg.replace(BEARER, "$1 [redacted]");
        write(`${JSON.stringify({ time: new Date(clock.now()).toISOString(), level: name, msg: text, ...others })}\n`);
      };
    };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      child: (fields) => make({ ...bound, ...fields }),
    };
  };
  return make({});
}

/** For tests and for code paths that must stay quiet. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
