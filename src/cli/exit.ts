/** Exit codes. The small ones are DESIGN 10; the reasons why `serve` cannot start are those of sysexits(3). */
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
} as const;
