/**
 * What the kernel lets one program be started with. Pure. Beyond it `execve` fails with a bare "argument list too long"
 * that names nobody; and a shell in between would turn it into exit code 126.
 */

/** MAX_ARG_STRLEN: 32 pages for one argument or one `NAME=value`, its closing NUL included. */
export const MAX_STRING_BYTES = 131_072;
/** A quarter of the usual stack of 8 MiB is for all of them with their pointers; less what our wrapper adds. */
export const MAX_TOTAL_BYTES = 2 * 1024 * 1024 - 64 * 1024;
const POINTER_BYTES = 8;

/** What is too large, for a message; null when it fits. Never holds a value: it may be a secret. */
export function execProblem(argv: readonly string[], env: Readonly<Record<string, string>>): string | null {
  let total = 0;
  for (const [i, argument] of argv.entries()) {
    const bytes = Buffer.byteLength(argument) + 1;
    total += bytes + POINTER_BYTES;
    if (bytes > MAX_STRING_BYTES) {
      const flag = argv.slice(0, i).findLast((each) => each.startsWith("--"));
      const which = flag === undefined ? `argument ${i}` : `argument ${i} (behind ${flag.slice(0, 60)})`;
      return `${which} has ${bytes - 1} bytes, at most ${MAX_STRING_BYTES - 1} can be handed to a program`;
    }
  }
  for (const [name, value] of Object.entries(env)) {
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
    total += bytes + POINTER_BYTES;
    if (bytes > MAX_STRING_BYTES) {
      return `the variable ${name.slice(0, 60)} has ${bytes - 1} bytes with its name, at most ${MAX_STRING_BYTES - 1} can be handed to a program`;
    }
  }
  if (total <= MAX_TOTAL_BYTES) return null;
  const [largest = ["", ""]] = [Object.entries(env).toSorted(([, a], [, b]) => b.length - a.length)[0]];
  return `the arguments and the environment have ${total} bytes in all, at most ${MAX_TOTAL_BYTES} can be handed to a program (the largest variable is ${largest[0].slice(0, 60)})`;
}
