/**
 * The streams of a command. Each is judged by itself: what is a terminal gets colours and its width, all else gets
 * plain text. Writes are whole and in order, because stdout and stderr are read together by people.
 */
import { fstatSync, writeSync } from "node:fs";
import { HarnessError, errorCode, errorText } from "../lib/errors.ts";
import type { Args } from "./args.ts";
import type { Environment } from "../config/load.ts";

export interface Output {
  readonly isTty: boolean;
  readonly colours: boolean;
  /** Columns; 80 where it is unknown, never fewer than 20. */
  width(): number;
  height(): number;
  /** The text as it is. */
  write(text: string | Uint8Array): void;
  line(text: string): void;
}

export interface Io {
  readonly out: Output;
  readonly err: Output;
  readonly stdinIsTty: boolean;
  /** May we ask a person? */
  readonly mayAsk: boolean;
  /** What was done, in a few words, on stderr; silent with `-q`. */
  say(text: string): void;
  /** What went wrong but stops nothing, on stderr. */
  warn(text: string): void;
}

/** The reader of our stdout went away: we end at once and silently. */
export class BrokenPipe extends Error {}

const LEAST_WIDTH = 20;
const USUAL_WIDTH = 80;

export function openIo(args: Args, env: Environment): Io {
  const when = args.value("color") ?? "auto";
  const out = openOutput(1, when, env);
  const err = openOutput(2, when, env);
  const stdinIsTty = isTerminal(0);
  return {
    out,
    err,
    stdinIsTty,
    mayAsk: stdinIsTty && !args.has("no-input"),
    say: (text) => void (args.has("quiet") || err.line(text)),
    warn: (text) => err.line(`agent-harness: ${text}`),
  };
}

/** Text on a stream before there are any arguments. */
export function openOutput(fd: 1 | 2, when = "auto", env: Environment = {}): Output {
  const isTty = isTerminal(fd);
  const plain = (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";
  const size = (): readonly [number, number] => {
    const stream = fd === 1 ? process.stdout : process.stderr;
    return isTty ? [stream.columns, stream.rows] : [0, 0];
  };
  const write = (text: string | Uint8Array): void => {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    try {
      writeAll(fd, bytes);
    } catch (error) {
      if (fd === 2) return; // nobody listens; that is no reason to fail
      const code = errorCode(error);
      if (code === "EPIPE") throw new BrokenPipe();
      throw new HarnessError(
        "OUTPUT",
        `cannot write the output: ${code === "ENOSPC" ? "the disk is full" : errorText(error)}`,
      );
    }
  };
  return {
    isTty,
    colours: when === "always" || (when === "auto" && isTty && !plain),
    width: () => Math.max(LEAST_WIDTH, size()[0] || USUAL_WIDTH),
    height: () => size()[1] || 24,
    write,
    line: (text) => write(`${text}\n`),
  };
}

/** Linux' number of the devices that are /dev/null and its like. */
const MEMORY_DEVICES = 1;

/**
 * `node:tty` takes as long to load as all the rest of a short command (15 ms of 40), so it is asked only about what may
 * be a terminal.
 */
function isTerminal(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    if (!stat.isCharacterDevice() || stat.rdev >> 8 === MEMORY_DEVICES) return false;
  } catch {
    return false; // closed
  }
  return process.getBuiltinModule("node:tty").isatty(fd);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      // Somebody who shares the terminal or pipe with us has made it non-blocking.
      if (errorCode(error) !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
