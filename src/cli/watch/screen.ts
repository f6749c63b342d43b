/** The full screen of `ps --watch`: only changed lines are written, in one write a frame. */
import type { Output } from "../io.ts";

export interface FullScreen {
  draw(lines: readonly string[]): void;
  /** The normal screen, for a while or for good. */
  leave(): void;
  enter(): void;
}

export function openFullScreen(out: Output): FullScreen {
  let before: readonly string[] = [];
  let open = false;
  const screen: FullScreen = {
    enter() {
      if (open) return;
      open = true;
      before = [];
      out.write("\u001b[?1049h\u001b[?25l\u001b[2J");
    },
    leave() {
      if (!open) return;
      open = false;
      out.write("\u001b[?25h\u001b[?1049l");
    },
    draw(lines) {
      if (!open) return;
      const all = lines.length === before.length ? "" : "\u001b[2J";
      if (all !== "") before = [];
      const changed = lines.flatMap((line, i) => (line === before[i] ? [] : [`\u001b[${i + 1};1H${line}\u001b[K`]));
      before = lines;
      if (changed.length > 0) out.write(`${all}${changed.join("")}`);
    },
  };
  screen.enter();
  return screen;
}
