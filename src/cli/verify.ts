/** Checks on the command line: their flags as a request's member, and what they said in words. Pure. */
import { isObject } from "../lib/check.ts";
import type { Args } from "./args.ts";
import { usage } from "./args.ts";
import type { VerifiedShape, VerifyShape } from "./shapes.ts";
import { given } from "../lib/given.ts";

/** `verify` of `--verify "make test"`, and how long and how often. */
export function verifyOf(args: Args): { readonly verify?: Partial<VerifyShape> } {
  const command = args.value("verify");
  const [timeoutMs, attempts] = [args.duration("verify-timeout"), args.value("verify-attempts")];
  if (command === undefined) {
    for (const flag of ["verify-timeout", "verify-attempts"])
      if (args.has(flag)) throw usage(`--${flag} goes with --verify COMMAND`);
    return {};
  }
  return {
    verify: {
      command,
      ...given({ timeoutMs }),
      ...(attempts === undefined ? {} : { attempts: Number(attempts) }),
    },
  };
}

export function isVerify(value: unknown): value is VerifyShape {
  return isObject(value) && (typeof value["command"] === "string" || Array.isArray(value["command"]));
}

export function commandText({ command }: Pick<VerifyShape, "command">): string {
  return typeof command === "string" ? command : command.join(" ");
}

/** `passed`, `did not pass (code 2), told 2 times`. */
export function verifiedWords({ passed, exitCode, attempts }: VerifiedShape): string {
  const code = passed || exitCode === null ? "" : ` (code ${exitCode})`;
  const told = attempts === 0 ? "" : `, told ${attempts} time${attempts === 1 ? "" : "s"}`;
  return `${passed ? "passed" : "did not pass"}${code}${told}`;
}
