/** The terminal before and after a screen that is not ours: its modes are put back whatever the screen left behind. */
import type { Output } from "../io.ts";

/** Cursor shown; mouse, focus and paste reports off; keyboard and colours as usual. */
const AS_USUAL =
  "\u001b[?25h\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?1004l\u001b[?1006l\u001b[?2004l\u001b[<u\u001b[0m";
/** Out of the alternate screen. The second also moves the cursor back, which is wrong behind a screen that did it. */
const LEAVE = "\u001b[?1047l";
const LEAVE_AND_MOVE = "\u001b[?1049l";

export interface Modes {
  /** `torn`: the screen had no chance to tidy up. Never throws: the terminal may be gone. */
  restore(torn: boolean): void;
}

/** null: this is no terminal whose modes can be kept. */
export function keepModes(out: Output): Modes | null {
  const kept = stty(["-g"]);
  if (kept === null) return null;
  return {
    restore(torn) {
      stty([kept]);
      try {
        out.write(`${torn ? LEAVE_AND_MOVE : LEAVE}${AS_USUAL}\r\u001b[J`);
      } catch {
        // nobody is left to see it
      }
    },
  };
}

function stty(args: readonly string[]): string | null {
  try {
    const done = Bun.spawnSync(["stty", ...args], { stdin: "inherit", stdout: "pipe", stderr: "ignore" });
    return done.exitCode === 0 ? done.stdout.toString().trim() : null;
  } catch {
    return null; // there is no stty
  }
}
