/** Exit codes. The reasons why `serve` cannot start are those of sysexits(3). */
import type { HarnessError } from "../lib/errors.ts";

export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  unreachable: 3,
  waitingInput: 4,
  aborted: 5,
  exited: 6,
  unauthorized: 7,
  /** The address is taken or cannot be bound. */
  addressUnavailable: 69,
  /** The state directory cannot be made or written. */
  cannotCreate: 73,
  /** Another daemon holds the state directory. */
  locked: 75,
  timeout: 124,
  interrupted: 130,
  brokenPipe: 141,
} as const;

/** What each code means, for the help pages and the README. */
export const MEANINGS: Readonly<Record<number, string>> = {
  0: "done",
  1: "the turn failed, or the request was refused",
  2: "usage or config",
  3: "the daemon cannot be reached",
  4: "it waits for an answer",
  5: "aborted",
  6: "the program exited, or could not start",
  7: "the daemon wants another token",
  69: "the address is taken",
  73: "the state folder cannot be used",
  75: "another daemon holds the state folder",
  124: "the time is over",
  130: "Ctrl-C",
  141: "nobody reads the output",
};

export function exitOf({ code }: Pick<HarnessError, "code">): number {
  switch (code) {
    case "USAGE":
      return EXIT.usage;
    case "UNREACHABLE":
      return EXIT.unreachable;
    case "UNAUTHORIZED":
      return EXIT.unauthorized;
    case "TIMEOUT":
      return EXIT.timeout;
    default:
      return EXIT.error;
  }
}
