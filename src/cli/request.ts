/** A request on a terminal: all of it, in pages when it is longer than the screen, before anything is asked. */
import type { PermissionShape } from "./shapes.ts";
import { requestText } from "./asks.ts";
import type { Output } from "./io.ts";
import { lines, wrap } from "./text.ts";
import type { Terminal } from "./tty.ts";

/** `  │ ` before every line, long ones broken, nothing left out. */
export function requestLines(request: PermissionShape, width: number): string[] {
  return lines(requestText(request))
    .flatMap((line) => wrap(line, Math.max(10, width - 4)))
    .map((line) => `  │ ${line}`);
}

export async function showRequest(
  request: PermissionShape,
  out: Output,
  terminal: Terminal,
  signal?: AbortSignal,
): Promise<void> {
  const all = requestLines(request, out.width());
  const page = Math.max(4, out.height() - 3);
  for (let at = 0; at < all.length; at += page) {
    out.write(`${all.slice(at, at + page).join("\n")}\n`);
    const left = all.length - at - page;
    if (left > 0) await terminal.line(`-- ${left} more lines, Enter shows them -- `, signal);
  }
}
