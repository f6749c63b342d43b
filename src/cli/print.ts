/** `--json`, and the few sentences that every command says in the same way. */
import type { Context } from "./command.ts";
import type { Output } from "./io.ts";

/** One line in a pipe, indented on a terminal (where what acts on terminals is escaped). */
export function printJson(out: Output, value: unknown): void {
  if (!out.isTty) return out.line(JSON.stringify(value));
  const text = JSON.stringify(value, null, 2);
  out.line(
    text.replace(
      /[\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
    ),
  );
}

/** Prints the answer when `--json` asks for it. */
export function asJson({ args, io }: Context, answer: unknown): boolean {
  if (!args.has("json")) return false;
  printJson(io.out, answer);
  return true;
}
