/**
 * Exit codes of both programs: one meaning a number, whichever of the two it comes from. The reasons why `serve` cannot
 * start are those of sysexits(3), so that a service manager can tell what a person has to mend.
 */

export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  unreachable: 3,
  waitingInput: 4,
  aborted: 5,
  exited: 6,
  unauthorized: 7,
  addressUnavailable: 69,
  cannotCreate: 73,
  locked: 75,
  timeout: 124,
  interrupted: 130,
  brokenPipe: 141,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What each means, for the help pages and the README. */
export const EXIT_MEANS: Readonly<Record<ExitCode, string>> = {
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
